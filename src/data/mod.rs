//! Formats without meaning: the dynamic value, YAML, JSON, versions, globs, patterns, digests,
//! base32, base64, gzip.
//!
//! Nothing here knows what a chart or a release is. Each format is read with bounds (depth, size, expansion) and written
//! as Go's libraries write it, because manifests and stored records are compared byte for byte with Helm's.

pub mod address;
pub mod base32;
pub mod base64;
pub mod digest;
pub mod glob;
pub mod gzip;
pub mod gzip_pieces;
pub mod json;
pub mod pattern;
pub mod time;
pub mod value;
mod value_ser;
mod value_serde;
pub mod version;
pub mod yaml;

pub use value::{Map, Value};
pub use value_serde::{from_value, to_value};
