//! The one integration-test binary.

mod manifest_cases;
mod values_cases;
mod gotpl_cases;
mod yaml_cases;
