//! Who may do what: the rules of `--access`.
//!
//! ```yaml
//! rules:
//! - users: [ci, "release-*"]         # of the file with the users; "*" is each of them
//!   repositories: ["team-a/**"]      # a folder and all below it; "*" takes no slash, "**" any number of them
//!   actions: [pull, push]            # pull, push (which pulls too), delete, or "*" for all
//! - anonymous: true                  # everybody
//!   repositories: ["public/**"]
//!   actions: [pull]
//! ```
//!
//! A repository is a chart (`web`, with tenants `TENANT/web`), by whatever name a client calls it, or a folder with its index
//! and archives (`TENANT`, without tenants `repo`). Without tenants `repo` is the folder and no chart, and no pattern of charts
//! but those that take every chart, `*` and `**`, takes the folder. The list of all repositories is for those who may read `**`.
//!
//! Invariant: nothing is allowed without a rule that says so; a pattern is held against one name of a thing, so that what is
//! meant for the one is never taken for the other.

use std::path::Path;

use serde::Deserialize;

use super::scopes::{Scope, Thing, WHOLE};
use crate::data::glob::FilesPattern;
use crate::data::yaml;
use crate::diag::SourceFile;
use crate::repo::RepoError;
use crate::sys::fs;

/// Largest file in bytes.
const LIMIT: u64 = 1 << 20;
/// Most rules, and most entries of each list in a rule.
const MOST: usize = 1_000;
/// What can be allowed.
const ACTIONS: &[&str] = &["*", "delete", "pull", "push"];
const HINT: &str = "a rule has `users` or `anonymous: true`, `repositories` and `actions`, as in \
                    {users: [ci], repositories: [\"team-a/**\"], actions: [pull, push]}";

/// Somebody who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who<'a> {
    User(&'a str),
    Nobody,
}

/// The rules of a file.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    users: Vec<FilesPattern>,
    anonymous: bool,
    repositories: Vec<Pattern>,
    actions: Vec<String>,
}

/// A pattern of names. One that ends in `/**` takes what stands before that as well.
#[derive(Debug)]
struct Pattern {
    names: FilesPattern,
    folder: Option<FilesPattern>,
    /// Whether it takes every name.
    all: bool,
    /// Whether it takes every name of one part.
    all_of_one: bool,
    /// Whether it is the name of the folder of a server without tenants.
    is_whole: bool,
}

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or has another shape.
    pub(super) fn read(path: &Path) -> Result<Self, RepoError> {
        let text = fs::read_text(path, LIMIT)?;
        Self::parse(&text).map_err(|reason| RepoError::BadAccessFile {
            path: path.display().to_string(),
            reason,
            hint: HINT,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, expecting = "rules (a map)")]
        struct RawFile {
            rules: Vec<RawRule>,
        }
        let raw: RawFile =
            yaml::typed(&SourceFile::new("rules", text), true).map_err(|error| error.to_string())?;
        if raw.rules.len() > MOST {
            return Err(format!("there are more than {MOST} rules"));
        }
        let rules = raw.rules.into_iter().enumerate();
        let rules: Result<_, String> = rules
            .map(|(number, rule)| rule.read().map_err(|why| format!("rule {}: {why}", number + 1)))
            .collect();
        Ok(Rules(rules?))
    }

    /// Whether somebody may do one action of a scope to what it is about.
    pub(super) fn allow(&self, who: Who<'_>, scope: &Scope, thing: Thing<'_>, action: &str) -> bool {
        let is_list = scope.kind == "registry" && scope.name == "catalog";
        self.0.iter().filter(|rule| rule.is_about(who)).any(|rule| {
            if is_list {
                return rule.lets("pull") && rule.repositories.iter().any(|pattern| pattern.all);
            }
            rule.lets(action) && rule.repositories.iter().any(|pattern| pattern.takes(thing))
        })
    }

    /// Whether there is anything for those who are no users.
    pub(super) fn have_open(&self) -> bool {
        self.0.iter().any(|rule| rule.anonymous)
    }
}

impl Rule {
    fn is_about(&self, who: Who<'_>) -> bool {
        // What everybody may do, users may do.
        self.anonymous
            || matches!(who, Who::User(user) if self.users.iter().any(|pattern| pattern.matches(user)))
    }

    fn lets(&self, action: &str) -> bool {
        self.actions.iter().any(|own| own == action || own == "*" || (own == "push" && action == "pull"))
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let compile = |text: &str| {
            FilesPattern::parse(text)
                .map_err(|error| format!("the pattern {text:?} of repositories: {error}"))
        };
        let folder = text.strip_suffix("/**").map(compile).transpose()?;
        let is_whole = text.strip_suffix("/**").unwrap_or(text) == WHOLE;
        Ok(Pattern { names: compile(text)?, folder, all: text == "**", all_of_one: text == "*", is_whole })
    }

    fn takes(&self, thing: Thing<'_>) -> bool {
        match thing {
            Thing::Whole => self.all || self.all_of_one || self.is_whole,
            Thing::Chart(name) => !self.is_whole && self.matches(name),
            Thing::Named(name) => self.matches(name),
        }
    }

    fn matches(&self, name: &str) -> bool {
        self.names.matches(name) || self.folder.as_ref().is_some_and(|folder| folder.matches(name))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule (a map)")]
struct RawRule {
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    anonymous: bool,
    repositories: Vec<String>,
    actions: Vec<String>,
}

impl RawRule {
    fn read(self) -> Result<Rule, String> {
        if self.users.is_empty() != self.anonymous {
            return Err("it is either for `users` or for everybody, `anonymous: true`".to_string());
        }
        for (name, list) in
            [("users", &self.users), ("repositories", &self.repositories), ("actions", &self.actions)]
        {
            if list.len() > MOST {
                return Err(format!("`{name}` has more than {MOST} entries"));
            }
            if list.is_empty() && name != "users" {
                return Err(format!("`{name}` is empty"));
            }
        }
        if let Some(other) = self.actions.iter().find(|action| !ACTIONS.contains(&action.as_str())) {
            return Err(format!("{other:?} is none of the actions pull, push, delete and \"*\""));
        }
        let user = |text: &String| {
            FilesPattern::parse(text).map_err(|error| format!("the pattern {text:?} of users: {error}"))
        };
        Ok(Rule {
            users: self.users.iter().map(user).collect::<Result<_, _>>()?,
            anonymous: self.anonymous,
            repositories: self
                .repositories
                .iter()
                .map(|text| Pattern::parse(text))
                .collect::<Result<_, _>>()?,
            actions: self.actions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_allow_what_they_say_and_nothing_else() {
        let rules = Rules::parse(
            "rules:\n\
             - {users: [ci, 'release-*'], repositories: ['team-a/**'], actions: [push]}\n\
             - {users: ['*'], repositories: ['team-?/web', repo], actions: [pull]}\n\
             - {users: [root], repositories: ['**'], actions: ['*']}\n\
             - {anonymous: true, repositories: ['public/*'], actions: [pull]}\n",
        )
        .unwrap();
        let allow = |user: &str, name: &str, action: &str| {
            let who = if user.is_empty() { Who::Nobody } else { Who::User(user) };
            rules.allow(who, &Scope::new("repository", name, &[]), Thing::Named(name), action)
        };
        for (user, name, action) in [
            ("ci", "team-a", "push"),
            ("ci", "team-a/web", "pull"),
            ("release-1", "team-a/b/c", "push"),
            ("ann", "team-b/web", "pull"),
            ("ann", "repo", "pull"),
            ("root", "x/y", "delete"),
            ("", "public/x", "pull"),
            ("ann", "public/x", "pull"),
        ] {
            assert!(allow(user, name, action), "{user} {name} {action}");
        }
        for (user, name, action) in [
            ("ci", "team-a/web", "delete"),
            ("ci", "team-ab", "push"),
            ("ann", "team-a/web", "push"),
            ("ann", "team-b/db", "pull"),
            ("", "public/x", "push"),
            ("", "public/x/y", "pull"),
            ("", "team-a/web", "pull"),
        ] {
            assert!(!allow(user, name, action), "{user} {name} {action}");
        }
        let list = |user| {
            let scope = Scope::new("registry", "catalog", &["*"]);
            rules.allow(Who::User(user), &scope, Thing::Named("catalog"), "*")
        };
        assert!(list("root") && !list("ann") && rules.have_open());
    }

    #[test]
    fn the_folder_is_no_chart_and_a_chart_is_not_the_folder() {
        for (pattern, whole, repo, web) in [
            ("repo", true, false, false),
            ("repo/**", true, false, false),
            ("*", true, true, true),
            ("**", true, true, true),
            ("re*", false, true, false),
            ("[r]epo", false, true, false),
            ("web", false, false, true),
            ("charts/**", false, false, false),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            let takes =
                [Thing::Whole, Thing::Chart("repo"), Thing::Chart("web")].map(|thing| pattern.takes(thing));
            assert_eq!(takes, [whole, repo, web], "{pattern:?}");
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (text, told) in [
            ("", "rules"),
            ("rules: []\nmore: 1\n", "more"),
            ("rules: [{users: [a], actions: [pull]}]", "repositories"),
            ("rules: [{repositories: [a], actions: [pull]}]", "rule 1: it is either for `users`"),
            (
                "rules: [{users: [a], anonymous: true, repositories: [a], actions: [pull]}]",
                "rule 1: it is either",
            ),
            (
                "rules: [{users: [a], repositories: [a], actions: [read]}]",
                "rule 1: \"read\" is none of the actions",
            ),
            ("rules: [{users: [a], repositories: [], actions: [pull]}]", "rule 1: `repositories` is empty"),
            ("rules: [{users: [a], repositories: ['[a'], actions: [pull]}]", "rule 1: the pattern \"[a\""),
        ] {
            let error = Rules::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
