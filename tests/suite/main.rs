//! The one integration-test binary.

mod manifest_cases;
mod values_cases;
mod gotpl_cases;
mod chart_loading;
mod packaging;
mod support;
mod yaml_cases;
mod releases;
mod store_kill;
mod stores;
