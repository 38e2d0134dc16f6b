//! bowline: a package manager for Kubernetes.
//!
//! # How data flows
//!
//! ```text
//! chart dir | .tgz | repo/name | URL | oci:// ─► chart::load ─► values ─► render (gotpl + sprig | tera) ─► manifest ─► plan
//!                                                    │                                                                 │
//!               registry::push ◄─ package ─► repo::index ─► repo::serve       cluster::Store (objects + revisions) ◄── ops
//! ```
//!
//! # The modules and their ranks
//!
//! A `use` arrow points only to a smaller rank; `tests/suite/tidy.rs` fails otherwise.
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 0 | [`diag`] | diagnostics: source file, span, excerpt, hint, did-you-mean |
//! | 1 | [`sys`] | the outside world in one `Host`: env, clock, randomness, files, HTTP, secrets |
//! | 2 | [`data`] | formats without meaning: value, YAML, JSON, versions, globs, digests, gzip |
//! | 3 | [`auth`] | challenges of servers, and tokens of token services |
//! | 3 | [`gotpl`] | Go's text/template: lexer, parser, tree walk, printf, built-ins |
//! | 3 | [`chart`] | Chart.yaml, loading from folder or archive, .helmignore, lock files, scaffold |
//! | 3 | [`keys`] | private and public keys, their certificates, signed JSON |
//! | 3 | [`manifest`] | text to objects: document split, install order, hooks |
//! | 4 | [`sprig`] | the template function library |
//! | 4 | [`values`] | --set grammar, layers, conditions, tags, import-values, schema |
//! | 4 | [`package`] | deterministic archives, and who signed them |
//! | 4 | [`cluster`] | the `Store` trait, its contract, and the stores |
//! | 5 | [`render`] | the `Engine` trait; Go templates and Tera behind it |
//! | 5 | [`release`] | a revision, its codec, history, the lock |
//! | 5 | [`registry`] | OCI registries: references, manifests, credentials, push and pull |
//! | 5 | [`repo`] | index repositories and `serve` |
//! | 6 | [`plan`] | pure: old manifest, new manifest, live objects → ordered steps |
//! | 6 | [`fetch`] | any chart reference → chart; dependency resolution |
//! | 6 | [`wait`] | whether objects are ready, waiting for it, what is kept of a failure |
//! | 7 | [`lint`] | findings from a sorted rule table |
//! | 8 | [`ops`] | verbs; the only place that composes modules |
//! | 9 | [`cli`] | all that the user types and sees; the only place that prints |
//!
//! # Invariants
//!
//! - Rendering never touches a store: `lookup` is a callback. Planning does no I/O.
//! - A release is an ordinary object in a store, so every store has history from one codec.
//! - The library never prints, prompts, or reads the environment or the clock by itself: `sys::Host` is passed in.
//! - Only `ops` composes; only `cli` speaks. Each external crate has one owner module.

#![warn(missing_docs)]

pub mod auth;
pub mod chart;
pub mod cli;
pub mod cluster;
pub mod data;
pub mod diag;
pub mod fetch;
pub mod gotpl;
pub mod keys;
pub mod lint;
pub mod manifest;
pub mod ops;
pub mod package;
pub mod plan;
pub mod registry;
pub mod release;
pub mod render;
pub mod repo;
pub mod sprig;
pub mod sys;
pub mod values;
pub mod wait;
