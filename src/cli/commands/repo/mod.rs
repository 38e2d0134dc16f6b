//! `bowline repo`: the configured chart repositories.

pub mod add;
pub mod index;
pub mod list;
pub mod remove;
pub mod update;

use super::{Body, Verb};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "repo",
    aliases: &[],
    about: "Manage chart repositories",
    long: "Adds, lists, refreshes and removes the chart repositories that charts are found in, and makes their index.",
    examples: "\
bowline repo add stable https://charts.example.com
bowline repo update",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[&add::VERB, &index::VERB_IN_REPO, &list::VERB, &remove::VERB, &update::VERB],
        fallback: None,
    },
};
