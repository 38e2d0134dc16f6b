//! The formats of strings, which the drafts 4, 6 and 7 hold values to; later drafts take them for remarks.
//!
//! Each check gives Helm's words for what is wrong. Unknown formats allow everything.
//!
//! Invariant: the time of a check is that of reading the text a few times.

use crate::data::address;
use crate::data::pattern;
use crate::data::time::{Time, Zone};
use crate::gotpl::{quote, quote_rune};

/// What is wrong with a text in a format.
pub(super) fn problem(format: &str, text: &str) -> Option<String> {
    let check: fn(&str) -> Found = match format {
        "date" => date,
        "date-time" => date_time,
        "duration" => duration,
        "email" => email,
        "hostname" => hostname,
        "ipv4" => ipv4,
        "ipv6" => ipv6,
        "iri" | "uri" => uri,
        "iri-reference" | "uri-reference" => uri_reference,
        "json-pointer" => json_pointer,
        "period" => period,
        "regex" => pattern::check,
        "relative-json-pointer" => relative_json_pointer,
        "semver" => semver,
        "time" => time,
        "uri-template" => uri_template,
        "uuid" => uuid,
        _ => return None,
    };
    check(text).err()
}

type Found = Result<(), String>;

fn wrong<T>(text: impl Into<String>) -> Result<T, String> {
    Err(text.into())
}

fn invalid_character(c: char) -> String {
    format!("invalid character {}", quote_rune(c, false))
}

fn only(text: &str, good: impl Fn(char) -> bool, problem: impl Fn(char) -> String) -> Found {
    text.chars().find(|c| !good(*c)).map_or(Ok(()), |c| Err(problem(c)))
}

fn json_pointer(text: &str) -> Found {
    if text.is_empty() {
        return Ok(());
    }
    let Some(steps) = text.strip_prefix('/') else { return wrong("not starting with /") };
    let good = |step: &str| step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if steps.split('/').all(good) { Ok(()) } else { wrong("~ must be followed by 0 or 1") }
}

fn relative_json_pointer(text: &str) -> Found {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    if digits == 0 {
        return wrong("must start with non-negative integer");
    }
    if digits > 1 && text.starts_with('0') {
        return wrong("starts with zero");
    }
    if rest == "#" { Ok(()) } else { json_pointer(rest) }
}

fn uuid(text: &str) -> Found {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let groups: Vec<&str> = text.split('-').collect();
    if groups.len() != LENGTHS.len() {
        return wrong("must have 5 elements");
    }
    for (index, (group, length)) in groups.into_iter().zip(LENGTHS).enumerate() {
        if group.len() != length {
            return wrong(format!("element {} must be {length} characters long", index + 1));
        }
        only(group, |c| c.is_ascii_hexdigit(), |c| format!("non-hex character {}", quote_rune(c, false)))?;
    }
    Ok(())
}

fn duration(text: &str) -> Found {
    let Some(rest) = text.strip_prefix('P') else { return wrong("must start with P") };
    if rest.is_empty() {
        return wrong("nothing after P");
    }
    if let Some(weeks) = rest.strip_suffix('W') {
        if weeks.is_empty() {
            return wrong("no number in week");
        }
        return only(weeks, |c| c.is_ascii_digit(), |_| "invalid week".to_string());
    }
    for (index, part) in rest.split('T').enumerate() {
        if index > 0 && part.is_empty() {
            return wrong("no time elements");
        }
        let Some(all) = ["YMD", "HMS"].get(index) else { return wrong("more than one T") };
        elements(part, all)?;
    }
    Ok(())
}

/// Numbers with units, each unit once and in order.
fn elements(mut text: &str, all: &str) -> Found {
    let mut ahead = all;
    while !text.is_empty() {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == text.len() {
            return wrong("missing number");
        }
        // Helm takes the first byte for the unit.
        let Some(unit) = rest.bytes().next().map(char::from) else { return wrong("missing unit") };
        let Some(at) = ahead.find(unit) else {
            let shown = quote_rune(unit, false);
            return wrong(if all.contains(unit) {
                format!("unit {shown} out of order")
            } else {
                format!("invalid unit {shown}")
            });
        };
        ahead = &ahead[at + 1..];
        text = &rest[1..];
    }
    Ok(())
}

/// Reads a number as Go's `strconv.Atoi` does.
fn atoi(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let problem = |what: &str| format!("strconv.Atoi: parsing {}: {what}", quote(text.as_bytes()));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem("invalid syntax"));
    }
    text.parse().map_err(|_| problem("value out of range"))
}

fn ipv4(text: &str) -> Found {
    let groups: Vec<&str> = text.split('.').collect();
    if groups.len() != 4 {
        return wrong("expected four decimals");
    }
    for group in groups {
        if group.len() > 1 && group.starts_with('0') {
            return wrong("leading zeros");
        }
        if !(0..=255).contains(&atoi(group)?) {
            return wrong("decimal must be between 0 and 255");
        }
    }
    Ok(())
}

fn ipv6(text: &str) -> Found {
    if !text.contains(':') {
        return wrong("missing colon");
    }
    address::check(text).map_err(|problem| problem.text(text, quote))?;
    if text.contains('%') { wrong("zone id is not a part of ipv6 address") } else { Ok(()) }
}

fn hostname(text: &str) -> Found {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.len() > 253 {
        return wrong("more than 253 characters long");
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return wrong("label must be 1 to 63 characters long");
        }
        if label.starts_with('-') {
            return wrong("label starts with hyphen");
        }
        if label.ends_with('-') {
            return wrong("label ends with hyphen");
        }
        only(label, |c| c.is_ascii_alphanumeric() || c == '-', invalid_character)?;
    }
    Ok(())
}

fn email(text: &str) -> Found {
    if text.len() > 254 {
        return wrong("more than 255 characters long");
    }
    let Some((local, domain)) = text.rsplit_once('@') else { return wrong("missing @") };
    if local.len() > 64 {
        return wrong("local part more than 64 characters long");
    }
    local_part(local)?;
    if let Some(address) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match address.strip_prefix("IPv6:") {
            Some(address) => ipv6(address).map_err(|problem| format!("invalid ipv6 address: {problem}")),
            None => ipv4(address).map_err(|problem| format!("invalid ipv4 address: {problem}")),
        };
    }
    hostname(domain).map_err(|problem| format!("invalid domain: {problem}"))
}

fn local_part(local: &str) -> Found {
    if local.len() > 1
        && let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
    {
        if quoted.contains(['\\', '"']) {
            return wrong("backslash and quote are not allowed within quoted local part");
        }
        return Ok(());
    }
    if local.starts_with('.') {
        return wrong("starts with dot");
    }
    if local.ends_with('.') {
        return wrong("ends with dot");
    }
    if local.contains("..") {
        return wrong("consecutive dots");
    }
    only(local, |c| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c), invalid_character)
}

fn date(text: &str) -> Found {
    Time::parse("2006-01-02", text, &Zone::Utc).map(|_| ()).map_err(|error| error.to_string())
}

fn date_time(text: &str) -> Found {
    if text.len() < 20 {
        return wrong("less than 20 characters long");
    }
    if !matches!(text.as_bytes()[10], b't' | b'T') {
        return wrong("11th character must be t or T");
    }
    // Behind an ASCII character, and before it, is a boundary.
    date(&text[..10]).map_err(|problem| format!("invalid date element: {problem}"))?;
    time(&text[11..]).map_err(|problem| format!("invalid time element: {problem}"))
}

fn time(text: &str) -> Found {
    if text.len() < 9 {
        return wrong("less than 9 characters long");
    }
    let bytes = text.as_bytes();
    if bytes[2] != b':' || bytes[5] != b':' {
        return wrong("missing colon in correct place");
    }
    let Some((clock, mut rest)) = text.split_at_checked(8) else { return wrong("invalid hour/min/sec") };
    let mut read = [0; 3];
    for (slot, part) in read.iter_mut().zip(clock.split(':')) {
        *slot = atoi(part).map_err(|_| "invalid hour/min/sec")?;
        if *slot < 0 {
            return wrong("non-positive hour/min/sec");
        }
    }
    let [hour, minute, second] = read;
    if hour > 23 || minute > 59 || second > 60 {
        return wrong("hour/min/sec out of range");
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == fraction.len() {
            return wrong("no digits in second fraction");
        }
    }
    let mut of_day = hour * 60 + minute;
    if !matches!(rest, "z" | "Z") {
        of_day -= offset(rest)?;
        if of_day < 0 {
            of_day += 24 * 60;
        }
    }
    if second >= 60 && of_day != 23 * 60 + 59 { wrong("invalid leap second") } else { Ok(()) }
}

/// The minutes of an offset such as `+01:30`.
fn offset(text: &str) -> Result<i64, String> {
    if text.len() != 6 {
        return wrong("offset must be 6 characters long");
    }
    let sign = match text.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return wrong("offset must begin with plus/minus"),
    };
    let rest = &text[1..]; // behind an ASCII character
    if rest.as_bytes()[2] != b':' {
        return wrong("missing colon in offset in correct place");
    }
    let mut read = [0; 2];
    for (slot, part) in read.iter_mut().zip(rest.splitn(2, ':')) {
        *slot = atoi(part).map_err(|_| "invalid hour/min in offset")?;
        if *slot < 0 {
            return wrong("non-positive hour/min in offset");
        }
    }
    let [hour, minute] = read;
    if hour > 23 || minute > 59 {
        return wrong("hour/min in offset out of range");
    }
    Ok(sign * (hour * 60 + minute))
}

/// The scheme of a URL, where it has one, and the host behind `//`.
fn url(text: &str) -> Result<(bool, &str), String> {
    let failed = |what: String| Err(format!("parse {}: {what}", quote(text.as_bytes())));
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return failed("net/url: invalid control character in URL".to_string());
    }
    if text.starts_with(':') {
        return failed("missing protocol scheme".to_string());
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(text.len());
    let has_scheme = text[end..].starts_with(':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
    let rest = if has_scheme { &text[end + 1..] } else { text };
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.split('?').next().unwrap_or_default();
    let first = path.split('/').next().unwrap_or_default();
    if !has_scheme && first.contains(':') {
        return failed("first path segment in URL cannot contain colon".to_string());
    }
    for (at, _) in text.match_indices('%') {
        let escape = text.get(at..at + 3);
        if !escape.is_some_and(|escape| escape[1..].bytes().all(|byte| byte.is_ascii_hexdigit())) {
            let shown: String = text[at..].chars().take(3).collect();
            return failed(format!("invalid URL escape {}", quote(shown.as_bytes())));
        }
    }
    let host = path.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or_default());
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.contains(' ') {
        return failed("invalid character \" \" in host name".to_string());
    }
    if let Some(bracketed) = host.strip_prefix('[') {
        let Some((address, _)) = bracketed.split_once(']') else {
            return failed("missing ']' in host".to_string());
        };
        ipv6(address).map_err(|problem| format!("invalid ipv6 address: {problem}"))?;
    } else if let Some((name, port)) = host.rsplit_once(':') {
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return failed(format!("invalid port {} after host", quote(format!(":{port}").as_bytes())));
        }
        if name.contains(':') {
            return wrong("ipv6 address not enclosed in brackets");
        }
    }
    Ok((has_scheme, path))
}

fn uri(text: &str) -> Found {
    if url(text)?.0 { Ok(()) } else { wrong("relative url") }
}

fn uri_reference(text: &str) -> Found {
    if text.contains('\\') {
        return wrong("contains \\");
    }
    url(text).map(|_| ())
}

fn uri_template(text: &str) -> Found {
    let (_, path) = url(text)?;
    for part in path.split('/') {
        let mut open = false;
        for brace in part.chars().filter(|c| matches!(c, '{' | '}')) {
            if open == (brace == '{') {
                return wrong("nested curly braces");
            }
            open = !open;
        }
        if open {
            return wrong("no matching closing brace");
        }
    }
    Ok(())
}

fn period(text: &str) -> Found {
    let Some((start, end)) = text.split_once('/') else { return wrong("missing slash") };
    let told = |place: &str, kind: &str, found: Found| {
        found.map_err(|problem| format!("invalid {place} {kind}: {problem}"))
    };
    if start.starts_with('P') {
        told("start", "duration", duration(start))?;
        return told("end", "date-time", date_time(end));
    }
    told("start", "date-time", date_time(start))?;
    if end.starts_with('P') {
        return told("end", "duration", duration(end));
    }
    told("end", "date-time", date_time(end))
}

fn semver(text: &str) -> Found {
    let (text, build) = text.split_once('+').map_or((text, None), |(core, build)| (core, Some(build)));
    if let Some(build) = build {
        if build.is_empty() {
            return wrong("build is empty");
        }
        for identifier in build.split('.') {
            identifier_of("build", identifier)?;
        }
    }
    let (core, before) = text.split_once('-').map_or((text, None), |(core, before)| (core, Some(before)));
    for identifier in before.into_iter().flat_map(|before| before.split('.')) {
        identifier_of("pre-release", identifier)?;
        let numeric = identifier.bytes().all(|byte| byte.is_ascii_digit());
        if numeric && identifier.len() > 1 && identifier.starts_with('0') {
            return wrong("pre-release numeric identifier starts with zero");
        }
    }
    let numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() != 3 {
        return wrong("versionCore must have 3 numbers separated by dot");
    }
    for (number, name) in numbers.into_iter().zip(["major", "minor", "patch"]) {
        if number.is_empty() {
            return wrong(format!("{name} is empty"));
        }
        if number.len() > 1 && number.starts_with('0') {
            return wrong(format!("{name} starts with zero"));
        }
        only(number, |c| c.is_ascii_digit(), |_| format!("{name} contains non-digit"))?;
    }
    Ok(())
}

fn identifier_of(part: &str, text: &str) -> Found {
    if text.is_empty() {
        return wrong(format!("{part} identifier is empty"));
    }
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    only(text, good, |c| format!("{} in {part} identifier", invalid_character(c)))
}
