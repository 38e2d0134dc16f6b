//! The one integration-test binary.
mod chart_loading;
mod packaging;
mod support;
mod yaml_cases;
