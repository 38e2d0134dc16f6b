//! The one integration-test binary.

mod manifest_cases;
mod values_cases;
