//! URLs: Go's `net/url` as far as two functions show it.
//!
//! Invariant: parsing never looks anything up; a URL is text in, text out.

use crate::data::address::{self, Family};
use crate::gotpl::{ANY_MAP, Ctx, Func, FuncError, GoStr, Map, Type, Val, quote};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const S: Type = Type::String;
const M: Type = Type::Map(&ANY_MAP);

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("urlJoin", &[M], S, url_join),
        "The URL of a map of parts.",
        r#"{{ urlJoin (dict "scheme" "http" "host" "h" "path" "/p") }} → http://h/p"#,
    ),
    entry(
        Func::new("urlParse", &[S], M, url_parse),
        "The parts of a URL: scheme, userinfo, host, hostname, path, query, fragment, opaque.",
        r#"{{ (urlParse "http://h:80/p").hostname }} → h"#,
    ),
];

/// The part of a URL whose rules of escaping apply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: Vec<u8>,
    user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    force_query: bool,
    fragment: Vec<u8>,
}

#[derive(Debug)]
struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    fn text(&self) -> Vec<u8> {
        let mut out = escaped(&self.name, Part::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escaped(password, Part::User));
        }
        out
    }
}

fn must_escape(byte: u8, part: Part) -> bool {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => false,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'[' | b']'
        | b'<' | b'>' | b'"'
            if matches!(part, Part::Host | Part::Zone) =>
        {
            false
        }
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match part {
            Part::Path => byte == b'?',
            Part::User => matches!(byte, b'@' | b'/' | b'?' | b':'),
            Part::Fragment => false,
            Part::Host | Part::Zone => true,
        },
        b'!' | b'(' | b')' | b'*' if part == Part::Fragment => false,
        _ => true,
    }
}

fn escaped(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if must_escape(*byte, part) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    (*byte? as char).to_digit(16).map(|digit| digit as u8)
}

fn unescaped(text: &[u8], part: Part) -> Result<Vec<u8>, String> {
    let bad = |piece: &[u8]| Err(format!("invalid URL escape {}", quote(piece)));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && *byte < 0x80 && must_escape(*byte, part) {
                return Err(format!("invalid character {} in host name", quote(&[*byte])));
            }
            out.push(*byte);
            at += 1;
            continue;
        }
        let piece = &text[at..text.len().min(at + 3)];
        let (Some(high), Some(low)) = (hex(piece.get(1)), hex(piece.get(2))) else { return bad(piece) };
        let value = high << 4 | low;
        match part {
            Part::Host if high < 8 && piece != b"%25" => return bad(piece),
            Part::Zone if piece != b"%25" && value != b' ' && must_escape(value, Part::Host) => {
                return bad(piece);
            }
            _ => {}
        }
        out.push(value);
        at += 3;
    }
    Ok(out)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(found) => (&text[..found], Some(&text[found + 1..])),
        None => (text, None),
    }
}

/// The scheme, and what follows its colon; no scheme when the text does not begin with one.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("missing protocol scheme".to_string()),
            b':' => return Ok((&text[..index], &text[index + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

/// The error names the text without its fragment, unless that is what is wrong.
fn parse(text: &[u8]) -> Result<Url, String> {
    let (main, fragment) = cut(text, b'#');
    let told = |text: &[u8], problem: String| format!("parse {}: {problem}", quote(text));
    let mut url = parse_main(main).map_err(|problem| told(main, problem))?;
    if let Some(fragment) = fragment {
        url.fragment = unescaped(fragment, Part::Fragment).map_err(|problem| told(text, problem))?;
    }
    Ok(url)
}

fn parse_main(text: &[u8]) -> Result<Url, String> {
    let mut url = Url::default();
    if text.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_string());
    }
    if text == b"*" {
        url.path = text.to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = String::from_utf8_lossy(scheme).to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.force_query = query.is_some_and(<[u8]>::is_empty);
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".to_string());
        }
    }
    if rest.starts_with(b"//") && (!url.scheme.is_empty() || !rest.starts_with(b"///")) {
        let after = &rest[2..];
        let end = after.iter().position(|byte| *byte == b'/').unwrap_or(after.len());
        authority(&mut url, &after[..end])?;
        rest = &after[end..];
    }
    url.path = unescaped(rest, Part::Path)?;
    Ok(url)
}

fn authority(url: &mut Url, text: &[u8]) -> Result<(), String> {
    let at = text.iter().rposition(|byte| *byte == b'@');
    url.host = host(at.map_or(text, |at| &text[at + 1..]), &url.scheme)?;
    let Some(at) = at else { return Ok(()) };
    let user = &text[..at];
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
    if !user.iter().all(good) {
        return Err("net/url: invalid userinfo".to_string());
    }
    let (name, password) = cut(user, b':');
    url.user = Some(User {
        name: unescaped(name, Part::User)?,
        password: password.map(|password| unescaped(password, Part::User)).transpose()?,
    });
    Ok(())
}

fn check_port(port: &[u8]) -> Result<(), String> {
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(format!("invalid port {} after host", quote(port))),
    }
}

fn host(text: &[u8], scheme: &str) -> Result<Vec<u8>, String> {
    match text.iter().rposition(|byte| *byte == b'[') {
        Some(0) => return bracketed(text),
        Some(_) => return Err("invalid IP-literal".to_string()),
        None => {}
    }
    let colon = |byte: &u8| *byte == b':';
    // Other schemes than the web's may list several hosts with ports.
    let port = match scheme {
        "http" | "https" => text.iter().position(colon),
        _ => text.iter().rposition(colon),
    };
    check_port(port.map_or(b"", |port| &text[port..]))?;
    unescaped(text, Part::Host)
}

/// A host that begins with a bracket: an IPv6 address, and perhaps a port.
fn bracketed(text: &[u8]) -> Result<Vec<u8>, String> {
    let Some(close) = text.iter().rposition(|byte| *byte == b']') else {
        return Err("missing ']' in host".to_string());
    };
    check_port(&text[close + 1..])?;
    let port = unescaped(&text[close + 1..], Part::Host)?;
    let inside = &text[1..close];
    let name = match inside.windows(3).position(|window| window == b"%25") {
        Some(zone) => {
            [unescaped(&inside[..zone], Part::Host)?, unescaped(&inside[zone..], Part::Zone)?].concat()
        }
        None => unescaped(inside, Part::Host)?,
    };
    let shown = String::from_utf8_lossy(&name);
    match address::check(&shown) {
        Ok(Family::V6) => Ok([b"[", name.as_slice(), b"]", &port].concat()),
        Ok(Family::V4) => Err("invalid IP-literal".to_string()),
        Err(problem) => Err(format!("invalid host: {}", problem.text(&shown, quote))),
    }
}

/// A host without its port and brackets.
fn host_name(host: &[u8]) -> &[u8] {
    let port = host.iter().rposition(|byte| *byte == b':');
    let name = port.filter(|port| check_port(&host[*port..]).is_ok()).map_or(host, |port| &host[..port]);
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}

impl Url {
    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(self.scheme.as_bytes());
            out.push(b':');
        }
        if self.opaque.is_empty() {
            let begun = !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some();
            if begun && (!self.host.is_empty() || !self.path.is_empty() || self.user.is_some()) {
                out.extend_from_slice(b"//");
                if let Some(user) = &self.user {
                    out.extend(user.text());
                    out.push(b'@');
                }
                out.extend(escaped(&self.host, Part::Host));
            }
            let path = if self.path == b"*" { b"*".to_vec() } else { escaped(&self.path, Part::Path) };
            if !path.is_empty() && path[0] != b'/' && !self.host.is_empty() {
                out.push(b'/');
            }
            if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
                out.extend_from_slice(b"./");
            }
            out.extend(path);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if self.force_query || !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escaped(&self.fragment, Part::Fragment));
        }
        out
    }
}

fn url_parse(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("urlParse")) };
    ctx.spend(1 + text.len() as u64 / 16)?;
    let url = parse(text.as_bytes())
        .map_err(|problem| FuncError::panic(format!("unable to parse url: {problem}")))?;
    let part = |bytes: &[u8]| Val::Str(GoStr::from(bytes));
    Ok(Val::map([
        ("scheme", Val::str(url.scheme.as_str())),
        ("host", part(&url.host)),
        ("hostname", part(host_name(&url.host))),
        ("path", part(&url.path)),
        ("query", part(&url.query)),
        ("opaque", part(&url.opaque)),
        ("fragment", part(&url.fragment)),
        ("userinfo", part(&url.user.as_ref().map(User::text).unwrap_or_default())),
    ]))
}

/// A text of the map, empty when it is absent.
fn given(map: &Map, key: &str) -> Result<Vec<u8>, FuncError> {
    match map.get(key) {
        None => Ok(Vec::new()),
        Some(Val::Str(text)) => Ok(text.as_bytes().to_vec()),
        Some(other) => Err(FuncError::panic(format!(
            "unable to parse {key} key, must be of type string, but {} found",
            other.kind()
        ))),
    }
}

fn url_join(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map)] = args else { return Err(FuncError::arguments("urlJoin")) };
    let scheme = given(map, "scheme")?;
    let host = given(map, "host")?;
    let path = given(map, "path")?;
    let query = given(map, "query")?;
    let opaque = given(map, "opaque")?;
    let fragment = given(map, "fragment")?;
    let user = given(map, "userinfo")?;
    let mut url = Url {
        scheme: String::from_utf8_lossy(&scheme).into_owned(),
        host,
        path,
        query,
        opaque,
        fragment,
        ..Url::default()
    };
    if !user.is_empty() {
        let whole = [b"proto://", user.as_slice(), b"@host"].concat();
        let parsed = parse(&whole)
            .map_err(|problem| FuncError::panic(format!("unable to parse userinfo in dict: {problem}")))?;
        url.user = parsed.user;
    }
    Ok(Val::Str(GoStr::from(url.text())))
}
