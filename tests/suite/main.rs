//! The one integration-test binary.
mod chart_loading;

mod values_cases;
mod chart_loading;
mod store_kill;
mod stores;
