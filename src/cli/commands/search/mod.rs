//! `bowline search`: charts by keyword.

pub mod hub;
pub mod repo;

use super::{Body, Verb};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "search",
    aliases: &[],
    about: "Find charts by keyword",
    long: "\
Finds charts in the configured repositories or in a public catalogue, and the versions of a chart in an OCI registry.
`search KEYWORD` is `search repo KEYWORD`, as in Helm 2.",
    examples: "\
bowline search repo postgres
bowline search hub postgres
bowline search oci://registry.example.com/charts/web",
    positionals: "",
    exclusive: &[],
    body: Body::Group { verbs: &[&hub::VERB, &repo::VERB], fallback: Some(&repo::VERB) },
};
