//! The reference of everything that templates can call, in Markdown, made from the same tables that the engines use.
//!
//! Invariant: `functions.md` beside this file is what [`functions`] returns; a test compares them.

use super::gotpl;
use super::tera::functions as tera_functions;
use crate::gotpl::{Func, Type};
use crate::sprig::{self, Family};

/// The text of `functions.md`.
pub fn functions() -> String {
    let mut text = String::from(
        "# What templates can call\n\nMade from the tables of the engines; do not edit.\n\n## Go templates\n\nThe built-ins of the \
         language (`and`, `or`, `not`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `len`, `index`, `call`, `html`, `js`, `urlquery`, \
         `print`, `printf`, `println`), and:\n",
    );
    for family in gotpl::FAMILIES.iter().chain(sprig::FAMILIES) {
        family_text(&mut text, family);
    }
    text.push_str("\n## Tera\n\nTera's own, and:\n\n");
    text.push_str(&tera_functions::reference());
    text
}

fn family_text(text: &mut String, family: &Family) {
    text.push_str(&format!("\n### {}\n\n", family.title));
    for entry in family.entries {
        let (example, result) = entry.example.split_once(" → ").unwrap_or((entry.example, ""));
        let result = result.replace('\n', "\\n");
        text.push_str(&format!(
            "- **`{}`** {} Example: `` {example} `` gives `` {result} ``.\n",
            signature(&entry.func),
            entry.doc
        ));
    }
}

/// `name(string, ...any) string`, in Go's words.
fn signature(func: &Func) -> String {
    let name = |ty: Type| match ty.name() {
        "interface {}" => "any",
        name => name,
    };
    let mut params: Vec<String> = func.signature.params.iter().map(|ty| name(*ty).to_string()).collect();
    params.extend(func.signature.variadic.map(|ty| format!("...{}", name(ty))));
    format!("{}({}) {}", func.name, params.join(", "), name(func.signature.result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_reference_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/render/functions.md");
        if std::env::var_os("BOWLINE_UPDATE").is_some() {
            std::fs::write(&path, functions()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == functions(),
            "run `BOWLINE_UPDATE=1 cargo test reference` and look at the difference"
        );
    }
}
