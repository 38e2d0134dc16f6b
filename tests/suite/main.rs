//! The one integration-test binary.
mod chart_loading;

mod chart_loading;
mod store_kill;
mod stores;
mod values_cases;
mod support;
