//! The one integration-test binary.

mod chart_loading;
mod gotpl_cases;
mod manifest_cases;
mod packaging;
mod releases;
mod render_cases;
mod store_kill;
mod stores;
mod support;
mod values_cases;
mod vectors;
mod yaml_cases;
