//! As which kind of object revisions are recorded: Helm's storage drivers.
//!
//! | driver | records |
//! |---|---|
//! | `secret` | Secrets beside the objects |
//! | `configmap` | ConfigMaps beside the objects, with the same names, labels and text |
//! | `memory` | in the process alone, which is for tries: the objects are in the cluster, and nobody remembers them |
//!
//! Invariant: a store knows nothing of drivers, and a history sees the records of its own driver only.

use super::ReleaseError;
use crate::manifest::ObjectRef;

/// A driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Driver {
    /// Records are Secrets.
    #[default]
    Secret,
    /// Records are ConfigMaps.
    ConfigMap,
    /// Records are Secrets of a store that ends with the process.
    Memory,
}

impl Driver {
    /// The names that can be given, each also in the plural.
    pub const NAMES: [&str; 3] = ["secret", "configmap", "memory"];

    /// Reads a name as Helm does, whose letters are small.
    ///
    /// # Errors
    /// [`ReleaseError::UnknownDriver`], and [`ReleaseError::NoSqlDriver`] for the one that is Helm's alone.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        match text {
            "" | "secret" | "secrets" => Ok(Driver::Secret),
            "configmap" | "configmaps" => Ok(Driver::ConfigMap),
            "memory" => Ok(Driver::Memory),
            "sql" => Err(ReleaseError::NoSqlDriver),
            _ => Err(ReleaseError::UnknownDriver { given: text.to_string() }),
        }
    }

    /// Its name, as it is given.
    pub fn name(self) -> &'static str {
        match self {
            Driver::Secret => "secret",
            Driver::ConfigMap => "configmap",
            Driver::Memory => "memory",
        }
    }

    /// The kind of the objects that records are.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Driver::Secret | Driver::Memory => "Secret",
            Driver::ConfigMap => "ConfigMap",
        }
    }

    /// Identity of a record, or of a part of one.
    pub(super) fn id(self, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef {
            group: String::new(),
            version: "v1".to_string(),
            kind: self.kind().to_string(),
            namespace: namespace.to_string(),
            name: name.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_helm() {
        let named = |text| Driver::parse(text).map_err(|error| error.to_string());
        for (text, driver) in [
            ("", Driver::Secret),
            ("secret", Driver::Secret),
            ("secrets", Driver::Secret),
            ("configmap", Driver::ConfigMap),
            ("configmaps", Driver::ConfigMap),
            ("memory", Driver::Memory),
        ] {
            assert_eq!(named(text), Ok(driver), "{text}");
            assert_eq!(named(driver.name()), Ok(driver), "{text}");
        }
        assert_eq!(named("Configmap").unwrap_err(), "unknown driver \"Configmap\"");
        assert!(named("sql").unwrap_err().contains("sql"));
    }
}
