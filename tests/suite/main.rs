//! The one integration-test binary.

mod values_cases;
mod chart_loading;
mod store_kill;
mod stores;
