//! A release in full: the block that install, upgrade, status, test and `get all` print, and the object of `-o json`.

use std::fmt::Write as _;

use super::{sorted, structured, values};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::data::time::Time;
use crate::data::{Map, Value, to_value};
use crate::release::{Hook, Release};

/// What is shown beside the state.
#[derive(Debug, Clone, Default)]
pub struct Block<'a> {
    /// Name, version and application version of the chart (`get all`).
    pub chart: Option<(&'a str, &'a str, &'a str)>,
    /// The text of the RESOURCES section (`status`).
    pub resources: Option<&'a str>,
    /// The live objects by version and kind, for the object (`status`).
    pub live: Option<&'a Value>,
    /// Leave the chart out of the object (`status`).
    pub without_chart: bool,
    /// Print values, hooks and manifest (`get all`, `--debug`); they are printed for dry runs too.
    pub everything: bool,
    /// The computed values, for `everything`.
    pub computed: Option<&'a Value>,
    /// The release comes from an operation of this process, where values that nobody gave are an empty map; a record has
    /// null there.
    pub fresh: bool,
    /// Leave the notes out.
    pub hide_notes: bool,
    /// Whether there was anything to do, for the object (`upgrade --if-changed`).
    pub changed: Option<bool>,
}

/// The description that marks a dry run.
const DRY_RUN: &str = "Dry run complete";

/// The block of lines.
///
/// # Errors
/// The values hold what YAML cannot say.
pub fn block(release: &Release, show: &Block, paint: Paint) -> Result<String, Failure> {
    let mut text = head(release, show, paint);
    tests(&mut text, release);
    if show.everything {
        let nothing = if show.fresh { Value::map() } else { Value::Null };
        let given = if is_nothing(&release.config) { &nothing } else { &release.config };
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
fn head(release: &Release, show: &Block, paint: Paint) -> String {
    let info = &release.info;
    let status = info.status.as_str();
    let mut text = format!("NAME: {}\n", release.name);
    if let Some(time) = &info.last_deployed {
        let _ = writeln!(text, "LAST DEPLOYED: {}", time.ansi_c());
    }
    let _ = writeln!(text, "NAMESPACE: {}", paint.label(Label::Namespace, &release.namespace));
    let _ = writeln!(text, "STATUS: {}", paint.maybe(Label::of_status(status), status));
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
fn tests(text: &mut String, release: &Release) {
    let tests: Vec<&Hook> = release
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
pub fn hooks(hooks: &[Hook]) -> String {
    hooks
        .iter()
        .flat_map(|hook| ["---\n# Source: ", hook.path.as_str(), "\n", hook.manifest.as_str(), "\n"])
        .collect()
}

/// The manifest as `get manifest` prints it.
pub fn manifest(release: &Release) -> String {
    format!("{}\n", release.manifest)
}

/// The notes as `get notes` prints them; nothing when there are none.
pub fn notes(release: &Release) -> String {
    let notes = &release.info.notes;
    if notes.is_empty() { String::new() } else { format!("NOTES:\n{notes}\n") }
}

fn is_nothing(values: &Value) -> bool {
    values.is_null() || values.as_map().is_some_and(Map::is_empty)
}

/// The object of `-o json`: the record with its values sorted, and what `show` adds and leaves out.
///
/// # Errors
/// The record holds what JSON cannot say.
pub fn object(release: &Release, show: &Block) -> Result<Value, Failure> {
    let mut object = to_value(release)
        .map_err(|error| Failure::new(format!("the recorded release cannot be shown: {error}")))?;
    let Some(fields) = object.as_map_mut() else { return Ok(object) };
    if show.without_chart {
        fields.shift_remove("chart");
    }
    let defaults =
        fields.get_mut("chart").and_then(Value::as_map_mut).and_then(|chart| chart.get_mut("values"));
    if let Some(values) = defaults {
        *values = sorted(values);
    }
    if let Some(values) = fields.get_mut("config") {
        *values = sorted(values);
    }
    if let (Some(info), Some(live)) = (fields.get_mut("info").and_then(Value::as_map_mut), show.live) {
        info.insert("resources".into(), sorted(live));
    }
    if let Some(changed) = show.changed {
        fields.insert("changed".into(), Value::Bool(changed));
    }
    Ok(object)
}

/// The release in a format: its block as the table.
///
/// # Errors
/// See [`block`] and [`structured`].
pub fn text(release: &Release, format: Format, show: &Block, paint: Paint) -> Result<String, Failure> {
    match format {
        Format::Table => block(release, show, paint),
        format => structured(&object(release, show)?, format),
    }
}

#[cfg(test)]
mod tests_of_the_block {
    use super::*;
    use crate::data::time::Zone;
    use crate::release::{HookRun, Info, Status};

    fn time(seconds: i64) -> Time {
        Time::from_unix(seconds, 0, Zone::Utc)
    }

    fn release() -> Release {
        let x: Map = [("x".into(), Value::str("y"))].into_iter().collect();
        let config: Map = [("b".into(), Value::Int(1)), ("a".into(), Value::Map(x))].into_iter().collect();
        Release {
            name: "alpha".into(),
            namespace: "default".into(),
            version: 2,
            info: Info {
                last_deployed: Some(time(1_770_001_445)),
                status: Status::Deployed,
                description: "Upgrade complete <b>".into(),
                notes: "hi\nthere".into(),
                ..Info::default()
            },
            config: Value::Map(config),
            manifest: "---\n# Source: mini/a.yaml\nkind: ConfigMap\n".into(),
            ..Release::default()
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
        let hook = |name: &str, started| Hook {
            name: name.into(),
            events: vec!["test".into()],
            last_run: HookRun { started_at: started, completed_at: None, phase: "Running".into() },
            ..Hook::default()
        };
        let release = Release {
            hooks: vec![hook("t", None), hook("u", Some(time(1_767_323_045)))],
            info: Info { status: Status::Deployed, ..Info::default() },
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
            text(
                &release(),
                Format::Json,
                &Block { without_chart: true, ..Block::default() },
                Paint::new(false)
            )
            .unwrap(),
            "{\"name\":\"alpha\",\"info\":{\"last_deployed\":\"2026-02-02T03:04:05Z\",\
             \"description\":\"Upgrade complete \\u003cb\\u003e\",\"status\":\"deployed\",\"notes\":\"hi\\nthere\"},\
             \"config\":{\"a\":{\"x\":\"y\"},\"b\":1},\
             \"manifest\":\"---\\n# Source: mini/a.yaml\\nkind: ConfigMap\\n\",\"version\":2,\"namespace\":\"default\"}\n"
        );
    }

    #[test]
    fn notes_and_hooks_alone() {
        assert_eq!(notes(&release()), "NOTES:\nhi\nthere\n");
        assert_eq!(notes(&Release::default()), "");
        let hook = Hook { path: "m/t.yaml".into(), manifest: "kind: Pod".into(), ..Hook::default() };
        assert_eq!(hooks(&[hook]), "---\n# Source: m/t.yaml\nkind: Pod\n");
    }
}
