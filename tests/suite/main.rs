//! The one integration-test binary.

mod values_cases;
