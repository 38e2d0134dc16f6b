//! `.Capabilities`: structs with methods, as Helm shows them.
//!
//! Invariant: an unknown field is an error here, unlike in the maps beside it.

use std::any::Any;
use std::borrow::Cow;

use crate::gotpl::{
    DataForm, FuncError, GoStr, Kind, List, ListType, Method, Object, Plainness, Type, Val, quote,
};
use crate::render::{Capabilities, HelmVersion, KubeVersion};

/// `common.VersionSet`
static VERSION_SET: ListType = ListType {
    name: "common.VersionSet",
    elem: Type::String,
    methods: &[Method::new("Has", &[Type::String], Type::Bool, |_, me, args| {
        let (Val::List(versions), [wanted @ Val::Str(_)]) = (me, args) else {
            return Err(FuncError::arguments("Has"));
        };
        let wanted = wanted.as_str();
        Ok(Val::Bool(versions.to_vec().iter().any(|version| version.as_str() == wanted)))
    })],
};

/// `*common.Capabilities`
#[derive(Debug)]
struct CapabilitiesObject {
    kube_version: Val,
    api_versions: Val,
    helm_version: Val,
}

/// The value of `.Capabilities`.
pub(super) fn value(capabilities: &Capabilities) -> Val {
    let versions = capabilities.api_versions.iter().map(|version| Val::str(version.as_str())).collect();
    Val::object(CapabilitiesObject {
        kube_version: Val::object(KubeVersionObject::new(capabilities.kube_version.clone())),
        api_versions: Val::List(List::typed(&VERSION_SET, versions)),
        helm_version: Val::object(HelmVersionObject(capabilities.helm_version.clone())),
    })
}

/// A struct as `%v`, `%+v` or `%#v` prints it.
fn bare(name: &str, fields: &[(&'static str, Val)], form: Plainness) -> String {
    let parts: Vec<String> = fields
        .iter()
        .map(|(field, value)| match form {
            Plainness::Plain => value.to_display().to_string(),
            Plainness::Plus => format!("{field}:{}", value.to_display()),
            Plainness::Sharp => match value {
                Val::Str(text) => format!("{field}:{}", quote(text.as_bytes())),
                other => format!("{field}:{}", other.to_display()),
            },
        })
        .collect();
    match form {
        Plainness::Sharp => format!("{name}{{{}}}", parts.join(", ")),
        _ => format!("{{{}}}", parts.join(" ")),
    }
}

impl CapabilitiesObject {
    fn all(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("KubeVersion", self.kube_version.clone()),
            ("APIVersions", self.api_versions.clone()),
            ("HelmVersion", self.helm_version.clone()),
        ]
    }
}

static CAPABILITIES_METHODS: &[Method] =
    &[Method::new("Copy", &[], Type::Object("*common.Capabilities"), |_, me, _| Ok(me.clone()))];

impl Object for CapabilitiesObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("*common.Capabilities")
    }

    fn kind(&self) -> Kind {
        Kind::Pointer
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Val> {
        self.all().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(CAPABILITIES_METHODS, name)
    }

    fn bare(&self, form: Plainness) -> String {
        format!("&{}", bare("common.Capabilities", &self.all(), form))
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        self.all()
    }

    fn equals(&self, other: &dyn Object) -> bool {
        std::ptr::addr_eq(other.as_any(), self)
    }

    fn record(&self, form: DataForm) -> Option<Vec<(&'static str, Val)>> {
        Some(match form {
            DataForm::Yaml => vec![
                ("kubeversion", self.kube_version.clone()),
                ("apiversions", self.api_versions.clone()),
                ("helmversion", self.helm_version.clone()),
            ],
            _ => self.all(),
        })
    }
}

/// `common.KubeVersion`: the version, and what is left of it without what follows the numbers (`v1.33.4`), which copies do
/// not have.
#[derive(Debug)]
struct KubeVersionObject(KubeVersion, Option<String>, Holder);

/// Who holds a `common.KubeVersion`: its methods are those of a pointer, so only a field has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Field,
    Interface,
}

impl KubeVersionObject {
    fn new(version: KubeVersion) -> Self {
        let normalized = version.normalized();
        KubeVersionObject(version, Some(normalized), Holder::Field)
    }

    fn normalized(&self) -> String {
        self.1.clone().unwrap_or_default()
    }
}

fn kube_version(value: &Val) -> Result<&KubeVersionObject, FuncError> {
    value.downcast().ok_or_else(|| FuncError::arguments("KubeVersion"))
}

static KUBE_VERSION_METHODS: &[Method] = &[
    Method::new("GitVersion", &[], Type::String, |_, me, _| {
        Ok(Val::str(kube_version(me)?.0.version.as_str()))
    }),
    Method::new("String", &[], Type::String, |_, me, _| Ok(Val::str(kube_version(me)?.normalized()))),
];

impl Object for KubeVersionObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("common.KubeVersion")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Val> {
        match name {
            "Version" => Some(Val::str(self.0.version.as_str())),
            "Major" => Some(Val::str(self.0.major.as_str())),
            "Minor" => Some(Val::str(self.0.minor.as_str())),
            _ => None,
        }
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(KUBE_VERSION_METHODS, name).filter(|_| self.2 == Holder::Field)
    }

    fn action_text(&self) -> Option<GoStr> {
        self.1.as_deref().filter(|_| self.2 == Holder::Field).map(GoStr::from)
    }

    fn boxed(&self) -> Option<Val> {
        Some(Val::object(KubeVersionObject(self.0.clone(), self.1.clone(), Holder::Interface)))
    }

    fn copied(&self) -> Option<Val> {
        Some(Val::object(KubeVersionObject(self.0.clone(), None, Holder::Interface)))
    }

    fn bare(&self, form: Plainness) -> String {
        bare("common.KubeVersion", &self.fields(), form)
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("Version", Val::str(self.0.version.as_str())),
            ("normalizedVersion", Val::str(self.normalized())),
            ("Major", Val::str(self.0.major.as_str())),
            ("Minor", Val::str(self.0.minor.as_str())),
        ]
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| other.0 == self.0)
    }

    fn record(&self, form: DataForm) -> Option<Vec<(&'static str, Val)>> {
        let names = match form {
            DataForm::Yaml => ["version", "major", "minor"],
            _ => ["Version", "Major", "Minor"],
        };
        let values = [&self.0.version, &self.0.major, &self.0.minor];
        Some(names.into_iter().zip(values).map(|(name, value)| (name, Val::str(value.as_str()))).collect())
    }
}

/// `version.BuildInfo`
#[derive(Debug)]
struct HelmVersionObject(HelmVersion);

impl Object for HelmVersionObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("version.BuildInfo")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn bare(&self, form: Plainness) -> String {
        bare("version.BuildInfo", &self.fields(), form)
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("Version", Val::str(self.0.version.as_str())),
            ("GitCommit", Val::str(self.0.git_commit.as_str())),
            ("GitTreeState", Val::str(self.0.git_tree_state.as_str())),
            ("GoVersion", Val::str(self.0.go_version.as_str())),
            ("KubeClientVersion", Val::str(self.0.kube_client_version.as_str())),
        ]
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| other.0 == self.0)
    }

    fn record(&self, form: DataForm) -> Option<Vec<(&'static str, Val)>> {
        let names = match form {
            DataForm::Json => {
                ["version", "git_commit", "git_tree_state", "go_version", "kube_client_version"]
            }
            DataForm::Yaml => ["version", "gitcommit", "gittreestate", "goversion", "kubeclientversion"],
            DataForm::Toml => ["Version", "GitCommit", "GitTreeState", "GoVersion", "KubeClientVersion"],
        };
        let fields = self.fields().into_iter().zip(names).map(|((_, value), name)| (name, value));
        // All but the last three always stand there in JSON.
        let optional = |name: &str| form == DataForm::Json && !matches!(name, "version");
        Some(fields.filter(|(name, value)| value.truth() || !optional(name)).collect())
    }
}
