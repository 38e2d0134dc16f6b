//! `bowline registry`: who we are to OCI registries.

pub mod login;
pub mod logout;

use super::{Body, Verb};
use crate::cli::error::Failure;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "registry",
    aliases: &[],
    about: "Log in to OCI registries and out of them",
    long: "\
Keeps credentials for OCI registries. They are looked up in bowline's own file of registries, then in Helm's, then in Docker's
config.json; in each a credential helper of the registry goes first, then the helper for all registries, then what is written
in the file.",
    examples: "\
bowline registry login registry.example.com
bowline registry logout registry.example.com",
    positionals: "",
    exclusive: &[],
    body: Body::Group { verbs: &[&login::VERB, &logout::VERB], fallback: None },
};

/// The registry that the user means. Credentials are for all of it: what is typed behind the host is left out, and told.
fn host_of<'a>(typed: &'a str, session: &Session) -> Result<&'a str, Failure> {
    let bare = typed.split_once("://").map_or(typed, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or_default();
    if host.is_empty() {
        return Err(Failure::usage("the registry is missing").hint("name it as HOST or HOST:PORT"));
    }
    if host.len() != typed.len() {
        session
            .ui
            .warn("credentials are for the whole registry; only its host and port count", &[("host", host)]);
    }
    Ok(host)
}
