//! The one integration-test binary.
mod tera_cases;
