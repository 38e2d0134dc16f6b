//! `get values`: values as they are, in the format asked for.

use super::{sorted, structured};
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::data::Value;

/// Values as YAML with sorted keys, a newline at the end.
///
/// # Errors
/// The values hold what YAML cannot say.
pub fn yaml(values: &Value) -> Result<String, Failure> {
    structured(values, Format::Yaml)
}

/// The output of `get values`; `computed` says which values they are.
///
/// # Errors
/// As [`yaml`].
pub fn text(values: &Value, computed: bool, format: Format) -> Result<String, Failure> {
    let title = if computed { "COMPUTED VALUES:" } else { "USER-SUPPLIED VALUES:" };
    match format {
        Format::Table => Ok(format!("{title}\n{}", yaml(values)?)),
        Format::Json => structured(&sorted(values), Format::Json),
        Format::Yaml => yaml(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_values_are_null() {
        assert_eq!(text(&Value::Null, false, Format::Table).unwrap(), "USER-SUPPLIED VALUES:\nnull\n");
        assert_eq!(text(&Value::Null, true, Format::Json).unwrap(), "null\n");
    }
}
