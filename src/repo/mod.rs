//! Chart repositories: a folder with an `index.yaml` and archives, behind a URL.
//!
//! ```text
//! generate ─► index.yaml ─► serve ──http──► config::update ─► NAME-index.yaml ─► search, lookup
//!             (index)      (serve)          (repositories.yaml, config)          (index)
//! ```
//!
//! Files on this machine: `repositories.yaml` (mode 0600, it holds passwords) with its lock file, and per repository
//! `NAME-index.yaml` (as served), `NAME-charts.txt` (chart names), `NAME-index.bowline` (the index in a form that is read
//! in a moment) and `NAME-index.etag` (so that an unchanged index is not sent again) in the cache folder. All but the last
//! two are Helm's, byte for byte, so both programs can share them. `indexed/DIGEST.bowline` beside that folder has what
//! `repo index` found in the archives of a folder.
//!
//! Invariant: nothing that a repository says is trusted: its index is bounded and checked entry by entry, its archives are
//! compared with the digest, and the credentials of one repository never go to another place but the token service that it
//! names itself.

pub mod config;
mod error;
pub mod generate;
pub mod index;
pub mod index_cache;
mod peek;
pub mod search;
pub mod serve;
pub mod update;
mod write;

pub use error::RepoError;
