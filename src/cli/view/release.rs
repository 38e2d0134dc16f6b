//! A release in full: the block that install, upgrade, status, test and `get all` print, and the object of `-o json`.

use std::fmt::Write as _;

use serde::Serialize;

use super::{as_rfc3339, as_sorted, structured, values};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::data::Value;
use crate::data::time::Time;

/// A release, its fields in the order of Helm's record.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReleaseReport {
    /// Its name.
    pub name: String,
    /// When and how it came to be what it is.
    pub info: ReleaseInfo,
    /// The chart as the record holds it; `status` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<Value>,
    /// The values that were given.
    #[serde(serialize_with = "as_sorted", skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// The objects, without hooks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The hooks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookReport>,
    /// The revision.
    pub version: u64,
    /// The namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `ssa` or `csa`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_method: Option<String>,
    /// Whether there was anything to do; only with `upgrade --if-changed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// The state of a release.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReleaseInfo {
    /// When revision 1 was deployed.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Time>,
    /// When this revision was deployed.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Time>,
    /// When it was uninstalled.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// What happened.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The status word.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// The revision that a rollback went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_revision: Option<u64>,
    /// The rendered notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Live objects by version and kind; `status` only.
    #[serde(serialize_with = "as_sorted", skip_serializing_if = "Option::is_none")]
    pub resources: Option<Value>,
}

/// A hook and its last run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HookReport {
    /// Name of its object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Kind of its object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template it came from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Its last run.
    pub last_run: HookRun,
    /// Its place among the hooks of an event.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When its object is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// When its log is printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A run of a hook.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HookRun {
    /// When it started.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(serialize_with = "as_rfc3339", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Unknown, Running, Succeeded, Failed, or empty when it never ran.
    pub phase: String,
}

/// What the block shows beside the state.
#[derive(Debug, Clone, Default)]
pub struct Block<'a> {
    /// Name, version and application version of the chart (`get all`).
    pub chart: Option<(&'a str, &'a str, &'a str)>,
    /// The text of the RESOURCES section (`status`).
    pub resources: Option<&'a str>,
    /// Print values, hooks and manifest (`get all`, `--debug`); they are printed for dry runs too.
    pub everything: bool,
    /// The computed values, for `everything`.
    pub computed: Option<&'a Value>,
    /// Leave the notes out.
    pub hide_notes: bool,
}

/// The description that marks a dry run.
const DRY_RUN: &str = "Dry run complete";

/// The block of lines.
///
/// # Errors
/// The values hold what YAML cannot say.
pub fn block(release: &ReleaseReport, show: &Block, paint: Paint) -> Result<String, Failure> {
    let mut text = head(release, show, paint);
    tests(&mut text, release);
    if show.everything {
        let given = release.config.as_ref().unwrap_or(&Value::Null);
        let computed = show.computed.unwrap_or(given);
        let _ = write!(text, "USER-SUPPLIED VALUES:\n{}\n", values::yaml(given)?);
        let _ = write!(text, "COMPUTED VALUES:\n{}\n", values::yaml(computed)?);
    }
    if show.everything || release.info.description == DRY_RUN {
        text.push_str("HOOKS:\n");
        text.push_str(&hooks(&release.hooks));
        let _ = writeln!(text, "MANIFEST:\n{}", release.manifest);
    }
    if !show.hide_notes && !release.info.notes.is_empty() {
        let _ = writeln!(text, "NOTES:\n{}", release.info.notes.trim());
    }
    Ok(text)
}

/// The lines from NAME to RESOURCES.
fn head(release: &ReleaseReport, show: &Block, paint: Paint) -> String {
    let info = &release.info;
    let mut text = format!("NAME: {}\n", release.name);
    if let Some(time) = &info.last_deployed {
        let _ = writeln!(text, "LAST DEPLOYED: {}", time.ansi_c());
    }
    let _ = writeln!(text, "NAMESPACE: {}", paint.label(Label::Namespace, &release.namespace));
    let _ = writeln!(text, "STATUS: {}", paint.maybe(Label::of_status(&info.status), &info.status));
    let _ = writeln!(text, "REVISION: {}", release.version);
    if let Some((name, version, app_version)) = show.chart {
        let _ = write!(text, "CHART: {name}\nVERSION: {version}\nAPP_VERSION: {app_version}\n");
    }
    let _ = writeln!(text, "DESCRIPTION: {}", info.description);
    if let Some(resources) = show.resources.filter(|resources| !resources.is_empty()) {
        let _ = writeln!(text, "RESOURCES:\n{resources}");
    }
    text
}

/// Four lines for each test that has run; one line when there is no test. Tests that never ran have none.
fn tests(text: &mut String, release: &ReleaseReport) {
    let tests: Vec<&HookReport> = release
        .hooks
        .iter()
        .filter(|hook| hook.events.iter().any(|event| event == "test" || event == "test-success"))
        .collect();
    if tests.is_empty() {
        text.push_str("TEST SUITE: None\n");
    }
    let time = |time: &Option<Time>| time.clone().unwrap_or_else(Time::zero).ansi_c();
    for test in tests {
        let Some(started) = &test.last_run.started_at else { continue };
        let _ = writeln!(text, "TEST SUITE:     {}", test.name);
        let _ = writeln!(text, "Last Started:   {}", started.ansi_c());
        let _ = writeln!(text, "Last Completed: {}", time(&test.last_run.completed_at));
        let _ = writeln!(text, "Phase:          {}", test.last_run.phase);
    }
}

/// The hooks as `get hooks` prints them.
pub fn hooks(hooks: &[HookReport]) -> String {
    hooks
        .iter()
        .flat_map(|hook| ["---\n# Source: ", hook.path.as_str(), "\n", hook.manifest.as_str(), "\n"])
        .collect()
}

/// The manifest as `get manifest` prints it.
pub fn manifest(release: &ReleaseReport) -> String {
    format!("{}\n", release.manifest)
}

/// The notes as `get notes` prints them; nothing when there are none.
pub fn notes(release: &ReleaseReport) -> String {
    let notes = &release.info.notes;
    if notes.is_empty() { String::new() } else { format!("NOTES:\n{notes}\n") }
}

/// The release in a format: its block as the table.
///
/// # Errors
/// See [`block`] and [`structured`].
pub fn text(release: &ReleaseReport, format: Format, show: &Block, paint: Paint) -> Result<String, Failure> {
    match format {
        Format::Table => block(release, show, paint),
        format => structured(release, format),
    }
}

#[cfg(test)]
mod tests_of_the_block {
    use super::*;
    use crate::data::Map;
    use crate::data::time::Zone;

    fn time(seconds: i64) -> Time {
        Time::from_unix(seconds, 0, Zone::Utc)
    }

    fn release() -> ReleaseReport {
        let x: Map = [("x".into(), Value::str("y"))].into_iter().collect();
        let config: Map = [("b".into(), Value::Int(1)), ("a".into(), Value::Map(x))].into_iter().collect();
        ReleaseReport {
            name: "alpha".into(),
            namespace: "default".into(),
            version: 2,
            info: ReleaseInfo {
                last_deployed: Some(time(1_770_001_445)),
                status: "deployed".into(),
                description: "Upgrade complete <b>".into(),
                notes: "hi\nthere".into(),
                ..ReleaseInfo::default()
            },
            config: Some(Value::Map(config)),
            manifest: "---\n# Source: mini/a.yaml\nkind: ConfigMap\n".into(),
            ..ReleaseReport::default()
        }
    }

    #[test]
    fn status_is_helms() {
        assert_eq!(
            block(&release(), &Block::default(), Paint::new(false)).unwrap(),
            "NAME: alpha\nLAST DEPLOYED: Mon Feb  2 03:04:05 2026\nNAMESPACE: default\nSTATUS: deployed\n\
             REVISION: 2\nDESCRIPTION: Upgrade complete <b>\nTEST SUITE: None\nNOTES:\nhi\nthere\n"
        );
    }

    #[test]
    fn get_all_is_helms() {
        let show = Block { chart: Some(("mini", "0.2.0", "1.0")), everything: true, ..Block::default() };
        assert_eq!(
            block(&release(), &show, Paint::new(false)).unwrap(),
            "NAME: alpha\nLAST DEPLOYED: Mon Feb  2 03:04:05 2026\nNAMESPACE: default\nSTATUS: deployed\n\
             REVISION: 2\nCHART: mini\nVERSION: 0.2.0\nAPP_VERSION: 1.0\nDESCRIPTION: Upgrade complete <b>\n\
             TEST SUITE: None\nUSER-SUPPLIED VALUES:\na:\n  x: \"y\"\nb: 1\n\nCOMPUTED VALUES:\na:\n  x: \"y\"\nb: 1\n\n\
             HOOKS:\nMANIFEST:\n---\n# Source: mini/a.yaml\nkind: ConfigMap\n\nNOTES:\nhi\nthere\n"
        );
    }

    #[test]
    fn tests_that_ran_have_four_lines_and_others_none() {
        let hook = |name: &str, started| HookReport {
            name: name.into(),
            events: vec!["test".into()],
            last_run: HookRun { started_at: started, completed_at: None, phase: "Running".into() },
            ..HookReport::default()
        };
        let release = ReleaseReport {
            hooks: vec![hook("t", None), hook("u", Some(time(1_767_323_045)))],
            info: ReleaseInfo::default(),
            ..release()
        };
        let text = block(&release, &Block::default(), Paint::new(false)).unwrap();
        assert!(
            text.ends_with(
                "DESCRIPTION: \nTEST SUITE:     u\nLast Started:   Fri Jan  2 03:04:05 2026\n\
                 Last Completed: Mon Jan  1 00:00:00 0001\nPhase:          Running\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn json_is_helms_record() {
        assert_eq!(
            text(&release(), Format::Json, &Block::default(), Paint::new(false)).unwrap(),
            "{\"name\":\"alpha\",\"info\":{\"last_deployed\":\"2026-02-02T03:04:05Z\",\
             \"description\":\"Upgrade complete \\u003cb\\u003e\",\"status\":\"deployed\",\"notes\":\"hi\\nthere\"},\
             \"config\":{\"a\":{\"x\":\"y\"},\"b\":1},\
             \"manifest\":\"---\\n# Source: mini/a.yaml\\nkind: ConfigMap\\n\",\"version\":2,\"namespace\":\"default\"}\n"
        );
    }

    #[test]
    fn notes_and_hooks_alone() {
        assert_eq!(notes(&release()), "NOTES:\nhi\nthere\n");
        assert_eq!(notes(&ReleaseReport::default()), "");
        let hook =
            HookReport { path: "m/t.yaml".into(), manifest: "kind: Pod".into(), ..HookReport::default() };
        assert_eq!(hooks(&[hook]), "---\n# Source: m/t.yaml\nkind: Pod\n");
    }
}
