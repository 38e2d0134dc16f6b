//! The one integration-test binary.
mod chart_loading;

mod repositories;
mod serving;
mod values_cases;
mod packaging;
mod support;
mod yaml_cases;
