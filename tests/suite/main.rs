//! The one integration-test binary.
mod tera_cases;
mod yaml_cases;
