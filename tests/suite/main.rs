//! The one integration-test binary.

mod values_cases;
mod gotpl_cases;
mod yaml_cases;
