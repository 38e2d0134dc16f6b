//! A chart and flags to the text that `helm template` prints, without the command line.

use std::path::Path;
use std::sync::Arc;

use bowline::chart::{self, Chart};
use bowline::data::Value;
use bowline::data::version::{Constraint, Version};
use bowline::diag::SourceFile;
use bowline::manifest::Manifest;
use bowline::render::{self, Capabilities, Job, Options, ReleaseInfo};
use bowline::sys::{Clock, Dirs, Host, Random};
use bowline::values::{Compat, Layers, process, schema};

/// A host whose clock and randomness are the same in every run.
pub fn host() -> Host {
    let env = std::collections::BTreeMap::from([("TZ".to_string(), "UTC".to_string())]);
    Host {
        dirs: Dirs::from_env(&env),
        env: Arc::new(env),
        clock: Clock::ticking(1_700_000_000),
        random: Random::seeded(*b"seed"),
        cwd: "/".into(),
        watched: bowline::sys::transfers::Watched::default(),
    }
}

/// `helm template rel CHART --namespace ns --include-crds` with more arguments; paths of `-f` are taken below `base`, or
/// below `charts` when they begin with `@`.
pub fn template(path: &Path, args: &[String], base: &Path, charts: &Path) -> Result<String, String> {
    let chart = chart::load(path, &chart::Limits::default()).map_err(|error| error.to_string())?;
    let mut layers = Layers::default();
    let mut capabilities = Capabilities::default();
    let (mut hooks, mut upgrade) = (true, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().unwrap_or_default();
        match arg.as_str() {
            "-f" => {
                let name = value();
                let file = match name.strip_prefix('@') {
                    Some(name) => charts.join(name),
                    None => base.join(&name),
                };
                let text =
                    std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                layers.files.push(SourceFile::new(name, text));
            }
            "--set" => layers.set.push(value()),
            "--kube-version" => {
                capabilities = capabilities.with_kube_version(&value()).map_err(|error| error.to_string())?;
            }
            "--no-hooks" => hooks = false,
            "--is-upgrade" => upgrade = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let user =
        layers.merge(&mut |path| Err(format!("no file {path}")), None).map_err(|error| error.to_string())?;
    let processed = process(&chart, &user, Compat::Helm4).map_err(|error| error.to_string())?;
    schema::validate(&processed.chart, &processed.values, None, None).map_err(|error| error.to_string())?;
    compatible(&processed.chart, &capabilities)?;
    let mut release = ReleaseInfo::install("rel", "ns");
    if upgrade {
        (release.is_install, release.is_upgrade) = (false, true);
    }
    let values = Value::Map(processed.values);
    let host = host();
    let job = Job {
        chart: &processed.chart,
        values: &values,
        release: &release,
        capabilities: &capabilities,
        host: &host,
        lookup: None,
        options: Options::default(),
    };
    let rendered = render::render(&job).map_err(|error| error.to_string())?;
    let files: Vec<Arc<SourceFile>> = rendered
        .into_iter()
        .filter(|file| !file.name.ends_with("NOTES.txt"))
        .map(|file| SourceFile::new(file.name, file.text))
        .collect();
    let manifest = Manifest::from_rendered(&files).map_err(|error| error.to_string())?;
    let mut text = String::new();
    definitions(&processed.chart, processed.chart.name(), &mut text);
    text.push_str(&manifest.text());
    let mut text = text.trim().to_string() + "\n";
    if hooks {
        text.push_str(&Manifest::hooks_text(&manifest.hooks));
    }
    Ok(text)
}

/// Whether the chart wants a cluster of this version.
fn compatible(chart: &Chart, capabilities: &Capabilities) -> Result<(), String> {
    let (wanted, version) = (&chart.metadata.kube_version, &capabilities.kube_version.version);
    if wanted.is_empty() {
        return Ok(());
    }
    let fits =
        Constraint::parse(wanted).is_ok_and(|wanted| Version::parse(version).is_ok_and(|v| wanted.check(&v)));
    if fits { Ok(()) } else { Err(format!("kubeVersion: {wanted} which is incompatible with {version}")) }
}

/// The custom resource definitions of a chart and of those below it.
fn definitions(chart: &Chart, path: &str, out: &mut String) {
    for file in chart.crds() {
        out.extend(["---\n# Source: ", path, "/", &file.path, "\n", &file.text(), "\n"]);
    }
    for child in &chart.subcharts {
        definitions(child, &format!("{path}/charts/{}", child.name()), out);
    }
}
