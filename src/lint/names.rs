//! Which names Kubernetes takes for which kinds. The texts are Kubernetes'.
//!
//! Invariant: the kind alone decides, in any case, as in Helm.

/// What the name of a kind must be.
#[derive(Clone, Copy)]
enum Form {
    Subdomain,
    Label,
    OldLabel,
    PathSegment,
    Anything,
}

fn form_of(kind: &str) -> Form {
    match &*kind.to_lowercase() {
        "service" => Form::OldLabel,
        "namespace" => Form::Label,
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => Form::PathSegment,
        "certificatesigningrequest" => Form::Anything,
        _ => Form::Subdomain,
    }
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const OLD_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// What is wrong with the name of an object, as Helm says it; `None` when nothing is.
pub(super) fn problem(kind: &str, name: &str) -> Option<String> {
    let mut reasons: Vec<String> = Vec::new();
    let longest = |most: usize, reasons: &mut Vec<String>| {
        if name.len() > most {
            reasons.push(format!("must be no more than {most} characters"));
        }
    };
    match form_of(kind) {
        Form::Anything => {}
        Form::Subdomain => {
            longest(253, &mut reasons);
            if !is_subdomain(name) {
                reasons.push(SUBDOMAIN.to_string());
            }
        }
        Form::Label => {
            longest(63, &mut reasons);
            if !is_label(name) {
                reasons.push(if is_subdomain(name) { "must not contain dots" } else { LABEL }.to_string());
            }
        }
        Form::OldLabel => {
            longest(63, &mut reasons);
            if !is_label(name) || name.starts_with(|c: char| c.is_ascii_digit()) {
                reasons.push(OLD_LABEL.to_string());
            }
        }
        Form::PathSegment => {
            if name == "." || name == ".." {
                reasons.push(format!("may not be '{name}'"));
            }
            for part in ['/', '%'] {
                if name.contains(part) {
                    reasons.push(format!("may not contain '{part}'"));
                }
            }
        }
    }
    let quoted = format!("{name:?}");
    let reasons: Vec<String> =
        reasons.iter().map(|reason| format!("metadata.name: Invalid value: {quoted}: {reason}")).collect();
    let text = match reasons.as_slice() {
        [] => return None,
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    Some(format!("object name does not conform to Kubernetes naming requirements: {quoted}: {text}"))
}
