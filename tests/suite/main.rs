//! The one integration-test binary.
mod chart_loading;

mod repositories;
mod serving;
mod values_cases;
mod yaml_cases;
