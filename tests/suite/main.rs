//! The one integration-test binary.
mod chart_loading;
mod packaging;
mod support;
