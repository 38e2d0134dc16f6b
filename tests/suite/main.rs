//! The one integration-test binary.

mod gotpl_cases;
