//! The laws that hold for every input, one function a target. The fuzzer calls them with what it makes, and the ordinary
//! tests with the seeds and with what was found before (`tests/suite/fuzz_seeds.rs` includes this file).
//!
//! Invariant: a law depends on its input alone: fixed clock, seeded randomness, no network. A law that does not hold
//! panics.

mod build;
mod documents;
mod templates;

pub use documents::{archive, manifest, readers, release, set, version, yaml};
pub use templates::{gotpl_parse, gotpl_render, tera};

/// A law: panics when the input breaks it.
pub type Law = fn(&[u8]);

/// All targets by name, sorted. Each has a file in `fuzz_targets` and a folder in `seeds`.
pub const TARGETS: &[(&str, Law)] = &[
    ("archive", archive),
    ("gotpl_parse", gotpl_parse),
    ("gotpl_render", gotpl_render),
    ("manifest", manifest),
    ("readers", readers),
    ("release", release),
    ("set", set),
    ("tera", tera),
    ("version", version),
    ("yaml", yaml),
];

/// The first byte, which chooses what to do, and the rest.
fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((b'0', data), |(first, rest)| (*first, rest))
}

/// The input as text. Seeds are text, so that people can read them.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
