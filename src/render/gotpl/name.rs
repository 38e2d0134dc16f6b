//! `--name-template`: the name of a release from a template.
//!
//! Invariant: such a template sees no chart, only the function library.

use crate::diag::SourceFile;
use crate::gotpl::{FuncTable, GoStr, Options, Set, Val};
use crate::render::RenderError;
use crate::sprig::{self, Outside};
use crate::sys::Host;

use super::failure;

/// What the template of a name gives. It may call the function library but none of Helm's own functions.
///
/// # Errors
/// [`RenderError::Templates`] when the template does not parse or fails; its text is Go's line.
pub fn name_from_template(template: &str, host: &Host) -> Result<String, RenderError> {
    const NAME: &str = "name-template";
    let file = SourceFile::new(NAME, template);
    let mut set = Set::new(NAME, sprig::table(FuncTable::builtins()));
    set.parse(NAME, &file).map_err(|error| {
        let failure = super::TemplateFailure { text: error.to_string(), ..failure::parse(&error) };
        RenderError::Templates(vec![failure])
    })?;
    let mut outside = Outside::new(host, Box::new(()));
    // Helm hands an empty map, so that a field of it is no failure.
    match set.execute(NAME, Val::map::<GoStr>([]), &Options::default(), &mut outside, None) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            let failure = super::TemplateFailure { text: error.to_string(), ..failure::exec(&error, "") };
            Err(RenderError::Templates(vec![failure]))
        }
    }
}
