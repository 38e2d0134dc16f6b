//! The one integration-test binary.

mod releases;
mod store_kill;
mod stores;
