//! The one integration-test binary.

mod store_kill;
mod stores;
