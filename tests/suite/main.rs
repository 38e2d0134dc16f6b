//! The one integration-test binary.
mod chart_loading;

mod chart_loading;
mod manifest_cases;
mod packaging;
mod releases;
mod repositories;
mod serving;
mod store_kill;
mod stores;
mod support;
mod values_cases;
mod yaml_cases;
