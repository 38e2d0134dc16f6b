//! Where bowline keeps its files on this machine.
//!
//! | folder | Linux | what |
//! |---|---|---|
//! | config | `~/.config/bowline` | `repositories.yaml`, registry credentials |
//! | cache | `~/.cache/bowline` | `repository/NAME-index.yaml`, downloaded archives |
//! | data | `~/.local/share/bowline` | `store.sqlite`, starters |
//!
//! macOS and Windows follow the `directories` crate. `BOWLINE_CONFIG_HOME`, `BOWLINE_CACHE_HOME` and
//! `BOWLINE_DATA_HOME` replace a folder as they are; `XDG_*_HOME` get `bowline` appended. Started under the name `helm`,
//! the program calls [`Dirs::helm`], which follows Helm's variables and folders instead.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The three folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Settings that the user owns.
    pub config: PathBuf,
    /// What can be fetched again.
    pub cache: PathBuf,
    /// What must not be lost.
    pub data: PathBuf,
}

impl Dirs {
    /// bowline's own folders.
    pub fn from_env(env: &BTreeMap<String, String>) -> Self {
        Self::named(env, "bowline", "BOWLINE")
    }

    /// Helm's folders, for a program started as `helm`.
    pub fn helm(env: &BTreeMap<String, String>) -> Self {
        Self::named(env, "helm", "HELM")
    }

    fn named(env: &BTreeMap<String, String>, name: &str, prefix: &str) -> Self {
        let set = |key: String| env.get(&key).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = set("HOME".to_string());
        // `directories` asks the system for the home folder when HOME is unset; a HOME that the caller gave wins.
        let system = directories::ProjectDirs::from("", "", name);
        let pick = |kind: &str, under_home: &str, system: Option<PathBuf>| {
            set(format!("{prefix}_{kind}_HOME"))
                .or_else(|| set(format!("XDG_{kind}_HOME")).map(|base| base.join(name)))
                .or_else(|| {
                    let home = home.as_ref().filter(|_| cfg!(target_os = "linux"))?;
                    Some(home.join(under_home).join(name))
                })
                .or(system)
                .unwrap_or_else(|| PathBuf::from(".").join(format!(".{name}")).join(kind.to_lowercase()))
        };
        Dirs {
            config: pick("CONFIG", ".config", system.as_ref().map(|dirs| dirs.config_dir().to_path_buf())),
            cache: pick("CACHE", ".cache", system.as_ref().map(|dirs| dirs.cache_dir().to_path_buf())),
            data: pick("DATA", ".local/share", system.as_ref().map(|dirs| dirs.data_dir().to_path_buf())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn own_variables_win_over_xdg_and_home() {
        let dirs =
            Dirs::from_env(&env(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x"), ("BOWLINE_DATA_HOME", "/d")]));
        assert_eq!(dirs.cache, PathBuf::from("/x/bowline"));
        assert_eq!(dirs.data, PathBuf::from("/d"));
        if cfg!(target_os = "linux") {
            assert_eq!(dirs.config, PathBuf::from("/h/.config/bowline"));
        }
    }

    #[test]
    fn helm_name_reads_helm_variables() {
        let dirs = Dirs::helm(&env(&[("HELM_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/x")]));
        assert_eq!((dirs.config, dirs.data), (PathBuf::from("/c"), PathBuf::from("/x/helm")));
    }
}
