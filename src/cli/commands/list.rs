//! `bowline list`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::{Compat, Session};
use crate::cli::view;
use crate::cli::view::list::{ReleaseRow, Style};
use crate::ops::query;
use crate::release::{Sort, Status, Statuses};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "list",
    aliases: &["ls"],
    about: "List releases",
    long: "\
Lists the releases of a namespace, of every namespace with -A. Each is shown in its newest revision, sorted by name.
Status flags narrow the list to those statuses; a pattern narrows it to the names that match.",
    examples: "\
bowline list
bowline list -A --failed --pending
bowline list '^web' -o json
# Names only, the newest deployment last
bowline list -q --date",
    positionals: "[FILTER]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ListArgs>()),
};

/// Flags of `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Regular expression that names must match
    #[arg(value_name = "FILTER")]
    pub pattern: Option<String>,
    /// Releases of every namespace
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Sort by the name of the chart
    #[arg(long, short)]
    pub chart_name: bool,
    /// Sort by the time of the last deployment, oldest first
    #[arg(long, short)]
    pub date: bool,
    /// Releases that are deployed
    #[arg(long)]
    pub deployed: bool,
    /// Releases whose last operation failed
    #[arg(long)]
    pub failed: bool,
    /// Releases on which an operation goes on
    #[arg(long)]
    pub pending: bool,
    /// Releases that were superseded
    #[arg(long)]
    pub superseded: bool,
    /// Releases that were uninstalled and kept
    #[arg(long, alias = "deleted")]
    pub uninstalled: bool,
    /// Releases that are being uninstalled
    #[arg(long, alias = "deleting")]
    pub uninstalling: bool,
    /// Releases in any status, which is the default
    #[arg(long, short, hide = true)]
    pub all: bool,
    /// Regular expression that names must match
    #[arg(long, short, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Labels that the records must have
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub selector: Option<String>,
    /// How many to list at most; 0 for all
    #[arg(long, short, default_value = "256", value_parser = parse::integer, value_name = "N")]
    pub max: i64,
    /// How many to leave out before the first
    #[arg(long, default_value = "0", value_parser = parse::integer, value_name = "N")]
    pub offset: i64,
    /// Turn the order around
    #[arg(long, short)]
    pub reverse: bool,
    /// Print names only
    #[arg(long, short = 'q')]
    pub short: bool,
    /// Leave the table's header out
    #[arg(long)]
    pub no_headers: bool,
    /// Widest column of the table; 0 for no limit
    #[arg(long, alias = "col-width", default_value = "0", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// Go layout for the times
    #[arg(long, value_name = "LAYOUT")]
    pub time_format: Option<String>,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// Which releases to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// The namespace; every one when `None`.
    pub namespace: Option<String>,
    /// Regular expression on names.
    pub filter: Option<String>,
    /// Selector over the record's labels.
    pub selector: Option<String>,
    /// Statuses to list, as records write them; all when empty.
    pub statuses: Vec<&'static str>,
    /// What to sort by.
    pub sort: Sort,
    /// Turn the order around.
    pub reverse: bool,
    /// How many to leave out first.
    pub offset: usize,
    /// How many at most; 0 for all.
    pub most: usize,
}

/// How to print them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOutput {
    /// The format.
    pub format: Format,
    /// Names only.
    pub names_only: bool,
    /// Print the header.
    pub header: bool,
    /// Widest column; 0 for no limit.
    pub column_width: usize,
    /// Go layout of times.
    pub time_layout: Option<String>,
}

impl ListArgs {
    fn statuses(&self, compat: Compat) -> Vec<&'static str> {
        let mut statuses = Vec::new();
        for (asked, names) in [
            (self.deployed, &["deployed"][..]),
            (self.failed, &["failed"]),
            (self.pending, &["pending-install", "pending-upgrade", "pending-rollback"]),
            (self.superseded, &["superseded"]),
            (self.uninstalled, &["uninstalled"]),
            (self.uninstalling, &["uninstalling"]),
        ] {
            if asked {
                statuses.extend_from_slice(names);
            }
        }
        if statuses.is_empty() && compat == Compat::Helm3 && !self.all {
            statuses = vec!["deployed", "failed"];
        }
        statuses
    }

    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(ListOptions, ListOutput), Failure> {
        let statuses = if self.all { Vec::new() } else { self.statuses(session.settings.compat) };
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        let options = ListOptions {
            namespace: if self.all_namespaces { None } else { Some(session.namespace()?) },
            filter: self.filter.or(self.pattern).filter(|pattern| !pattern.is_empty()),
            selector: self.selector.filter(|selector| !selector.is_empty()),
            statuses,
            sort: match (self.date, self.chart_name) {
                (true, _) => Sort::Date,
                (false, true) => Sort::Chart,
                (false, false) => Sort::Name,
            },
            reverse: self.reverse,
            offset: count(self.offset),
            most: count(self.max),
        };
        let output = ListOutput {
            format: self.output.output,
            names_only: self.short,
            header: !self.no_headers,
            column_width: self.max_col_width as usize,
            time_layout: self.time_format.filter(|layout| !layout.is_empty()),
        };
        Ok((options, output))
    }
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        let (options, output) = self.resolve(session)?;
        let statuses: Vec<Status> = options.statuses.iter().filter_map(|name| name.parse().ok()).collect();
        let wanted = query::ListOptions {
            all_namespaces: options.namespace.is_none(),
            filter: options.filter,
            selector: options.selector,
            statuses: if statuses.is_empty() { Statuses::ALL } else { Statuses::of(&statuses) },
            sort: options.sort,
            reverse: options.reverse,
            offset: options.offset,
            most: options.most,
        };
        let store = session.store()?;
        let target = store.target(options.namespace.as_deref().unwrap_or_default());
        let rows = session.with_context(|context| query::list(context, target, &wanted))?;
        let rows: Vec<ReleaseRow> = rows.iter().map(ReleaseRow::of).collect();
        let style = Style {
            format: output.format,
            names_only: output.names_only,
            without_header: !output.header,
            column_width: output.column_width,
            time_layout: output.time_layout.as_deref(),
        };
        session.ui.out(&view::list::text(&rows, style, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
