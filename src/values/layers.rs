//! User values: files and flags, merged in Helm's precedence.
//!
//! Each later wins, whatever the order on the command line: `-f` files in order, all `--set-json`, all `--set`, all
//! `--set-string`, all `--set-file`, all `--set-literal`. Maps merge deep; anything else, null too, replaces.
//!
//! Invariant: the result holds nulls where a layer wrote them; what they delete is decided against the chart's defaults.

use std::sync::Arc;

use super::error::ValuesError;
use super::provenance::{Layer, Provenance};
use super::read;
use super::set::{self, Flag, Reader};
use crate::data::{Map, Value};
use crate::diag::SourceFile;

/// What the user gave, each list in the order of the command line.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Values files (`-f`), read already.
    pub files: Vec<Arc<SourceFile>>,
    /// Arguments of `--set-json`.
    pub json: Vec<String>,
    /// Arguments of `--set`.
    pub set: Vec<String>,
    /// Arguments of `--set-string`.
    pub string: Vec<String>,
    /// Arguments of `--set-file`.
    pub file: Vec<String>,
    /// Arguments of `--set-literal`.
    pub literal: Vec<String>,
}

impl Layers {
    /// Whether there is nothing in any layer.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.flags().all(|(_, arguments)| arguments.is_empty())
    }

    fn flags(&self) -> impl Iterator<Item = (Flag, &Vec<String>)> {
        [
            (Flag::Json, &self.json),
            (Flag::Set, &self.set),
            (Flag::String, &self.string),
            (Flag::File, &self.file),
            (Flag::Literal, &self.literal),
        ]
        .into_iter()
    }

    /// Merges all layers into the user's values.
    ///
    /// `read` fetches what `--set-file` names. With `provenance`, who set which key is noted there.
    ///
    /// # Errors
    /// A file is not YAML or not a map, an argument cannot be read or does not fit, or `read` fails.
    pub fn merge(
        &self,
        read: &mut Reader<'_>,
        mut provenance: Option<&mut Provenance>,
    ) -> Result<Map, ValuesError> {
        let mut values = Map::new();
        for file in &self.files {
            for document in read::documents(file)? {
                if let Some(provenance) = provenance.as_deref_mut() {
                    for key in read::keys(&document) {
                        provenance.set(&key.pointer, key.is_map, Layer::File, file, key.span);
                    }
                }
                merge(&mut values, document.values);
            }
        }
        for (flag, arguments) in self.flags() {
            for argument in arguments {
                let source = SourceFile::new(flag.name(), argument.as_str());
                for assignment in set::apply(flag, &source, &mut values, read)? {
                    if let Some(provenance) = provenance.as_deref_mut() {
                        let set::Assignment { pointer, span, merged } = assignment;
                        provenance.set(&pointer, merged, Layer::Flag(flag), &source, span);
                    }
                }
            }
        }
        Ok(values)
    }
}

/// Merges `over` into `under`: maps deep, anything else by replacing.
pub fn merge(under: &mut Map, over: Map) {
    for (key, value) in over {
        merge_key(under, key, value);
    }
}

/// Merges one key into a map.
pub(super) fn merge_key(under: &mut Map, key: Arc<str>, value: Value) {
    match (under.get_mut(&key), value) {
        (Some(Value::Map(inner)), Value::Map(over)) => merge(inner, over),
        (_, value) => {
            under.insert(key, value);
        }
    }
}
