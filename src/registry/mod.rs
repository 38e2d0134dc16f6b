//! OCI registries: charts are pushed to them, pulled from them, and their versions listed.
//!
//! ```text
//! oci://HOST/REPOSITORY:TAG ─► mirrors, then HOST ─► 401? ─► credentials ─► token service ─► manifest ─► chart layer
//!      (reference)               (settings)         (auth)      (credentials)     (session)     (manifest)    (chart)
//! ```
//!
//! Files on this machine: `registry/config.json` (credentials, in Helm's form), Helm's own and Docker's `config.json`, and
//! `registries.yaml` (mirrors and aliases). All but the first are only read.
//!
//! The distribution protocol is spoken here, over [`crate::sys::http`], which is the HTTP and TLS of the whole program. The
//! crate oci-client was weighed: it has no refresh tokens and no OAuth2 POST, does not try again, bounds no answer and resumes
//! no upload, and would bring an asynchronous runtime's worth of code along.
//!
//! Invariants: everything that is fetched has the digest and the size that its descriptor or its reference promises, or is
//! an error. Credentials go to the registry that they are for and to the token service that it names, never to where a
//! redirect leads. Every answer is bounded, and so is every number of attempts.

mod chart;
mod client;
mod credentials;
mod error;
mod helper;
mod manifest;
mod reference;
mod session;
mod settings;
mod tags;
mod upload;

/// What a registry knows us by.
pub use crate::auth::Login;
pub use chart::{ChartUpload, Pulled, Pushed, Wanted, pull, push};
pub use client::{Access, Client};
pub use credentials::CredentialFiles;
pub use error::RegistryError;
pub use manifest::{Descriptor, Document, Index, Manifest};
pub use reference::{Reference, SCHEME, tag_of, version_of};
pub use settings::Registries;
pub use tags::{choose, every_version, versions};
