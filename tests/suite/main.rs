//! The one integration-test binary.
mod chart_loading;

mod packaging;
mod repositories;
mod serving;
mod support;
mod values_cases;
mod yaml_cases;
