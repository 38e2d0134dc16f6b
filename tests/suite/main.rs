//! The one integration-test binary.

mod chart_loading;
mod gotpl_cases;
mod manifest_cases;
mod packaging;
mod releases;
mod render_cases;
mod store_kill;
mod vectors;
mod stores;
mod support;
mod values_cases;
mod yaml_cases;
