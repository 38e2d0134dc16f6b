//! What several test files share.

pub mod archive;
pub mod render;
