//! The files of the web page, embedded in the binary.
//!
//! Invariant: the page loads nothing from elsewhere and runs no script but its own; the policy it is sent with says so
//! to the browser.

use std::sync::LazyLock;

use super::reply::Text;

/// What the browser may do with the page.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            Text::new(
                "text/javascript; charset=utf-8",
                &include_bytes!(concat!("../../../repo-index/assets/", $file))[..],
            )
        })
    };
}

static INDEX: LazyLock<Text> = LazyLock::new(|| {
    Text::new("text/html; charset=utf-8", &include_bytes!("../../../repo-index/assets/index.html")[..])
});
static STYLE: LazyLock<Text> = LazyLock::new(|| {
    Text::new("text/css; charset=utf-8", &include_bytes!("../../../repo-index/assets/style.css")[..])
});
static APP: LazyLock<Text> = script!("app.js");
static CHART: LazyLock<Text> = script!("chart.js");
static DOM: LazyLock<Text> = script!("dom.js");
static VALUES: LazyLock<Text> = script!("values.js");
static ICON: LazyLock<Text> =
    LazyLock::new(|| Text::new("image/svg+xml", &include_bytes!("../../../repo-index/assets/icon.svg")[..]));

/// The file of the page at a path. Paths below `/-/` cannot be those of archives, which end in `.tgz`.
pub(super) fn asset(path: &str) -> Option<&'static Text> {
    Some(match path {
        "/" | "/index.html" => &INDEX,
        "/-/style.css" => &STYLE,
        "/-/app.js" => &APP,
        "/-/chart.js" => &CHART,
        "/-/dom.js" => &DOM,
        "/-/values.js" => &VALUES,
        "/-/icon.svg" | "/favicon.ico" => &ICON,
        _ => return None,
    })
}
