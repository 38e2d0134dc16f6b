//! The one integration-test binary.
mod chart_loading;

mod chart_loading;
mod releases;
mod store_kill;
mod stores;
mod packaging;
mod support;
mod manifest_cases;
mod repositories;
mod serving;
mod values_cases;
mod yaml_cases;
