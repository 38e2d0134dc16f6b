//! IP addresses as Go's `netip` reads them, with its words for what is wrong.
//!
//! Invariant: the time is that of reading the text once.

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressProblem {
    message: &'static str,
    /// Where in the text the message points.
    at: Option<usize>,
}

impl AddressProblem {
    /// Go's message about `text`, which [`check`] refused: `ParseAddr("x"): unable to parse IP`. `quote` writes a text in
    /// double quotes.
    pub fn text(&self, text: &str, quote: fn(&[u8]) -> String) -> String {
        let shown = quote(text.as_bytes());
        match self.at.and_then(|at| text.get(at..)).filter(|rest| !rest.is_empty()) {
            Some(rest) => format!("ParseAddr({shown}): {} (at {})", self.message, quote(rest.as_bytes())),
            None => format!("ParseAddr({shown}): {}", self.message),
        }
    }
}

/// Which kind of address a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Four decimals.
    V4,
    /// Groups of hexadecimal digits, perhaps with a zone behind `%`.
    V6,
}

/// Reads an address.
///
/// # Errors
/// The text is none.
pub fn check(text: &str) -> Result<Family, AddressProblem> {
    let first = text.find(['.', ':', '%']);
    match first.map(|at| text.as_bytes()[at]) {
        Some(b'.') => fields_of_ipv4(text, 0).map(|()| Family::V4),
        Some(b'%') => Err(AddressProblem { message: "missing IPv6 address", at: None }),
        Some(_) => {
            let (address, zone) = text.split_once('%').map_or((text, None), |(a, zone)| (a, Some(zone)));
            if zone == Some("") {
                return Err(AddressProblem { message: "zone must be a non-empty string", at: None });
            }
            groups_of_ipv6(address).map(|()| Family::V6)
        }
        None => Err(AddressProblem { message: "unable to parse IP", at: None }),
    }
}

/// What Go's `netip` finds wrong with the IPv4 address from a place on, and where.
fn fields_of_ipv4(text: &str, from: usize) -> Result<(), AddressProblem> {
    let fields: Vec<&str> = text[from..].split('.').collect();
    let mut at = from;
    for (index, field) in fields.iter().enumerate() {
        let mut value = 0;
        for (place, c) in field.char_indices() {
            let Some(digit) = c.to_digit(10) else {
                return Err(AddressProblem { message: "unexpected character", at: Some(at + place) });
            };
            if place == 1 && value == 0 {
                return Err(AddressProblem { message: "IPv4 field has octet with leading zero", at: None });
            }
            value = value * 10 + digit;
            if value > 255 {
                return Err(AddressProblem { message: "IPv4 field has value >255", at: None });
            }
        }
        at += field.len();
        let is_last = index + 1 == fields.len();
        if !is_last && (field.is_empty() || at + 1 == text.len()) {
            return Err(AddressProblem { message: "IPv4 field must have at least one digit", at: Some(at) });
        }
        if !is_last && index == 3 {
            return Err(AddressProblem { message: "IPv4 address too long", at: None });
        }
        at += 1;
    }
    if fields.len() < 4 {
        Err(AddressProblem { message: "IPv4 address too short", at: None })
    } else {
        Ok(())
    }
}

/// What Go's `netip` finds wrong with an IPv6 address, and where.
fn groups_of_ipv6(text: &str) -> Result<(), AddressProblem> {
    let mut ellipsis = text.starts_with("::");
    let mut at = if ellipsis { 2 } else { 0 };
    let mut bytes = 0;
    while bytes < 16 && at < text.len() {
        let rest = &text[at..];
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits > 4 {
            return Err(AddressProblem { message: "each group must have 4 or less digits", at: Some(at) });
        }
        if digits == 0 {
            return Err(AddressProblem {
                message: "each colon-separated field must have at least one digit",
                at: Some(at),
            });
        }
        if rest[digits..].starts_with('.') {
            if !ellipsis && bytes != 12 {
                return Err(AddressProblem {
                    message: "embedded IPv4 address must replace the final 2 fields of the address",
                    at: Some(at),
                });
            }
            if bytes + 4 > 16 {
                return Err(AddressProblem {
                    message: "too many hex fields to fit an embedded IPv4 at the end of the address",
                    at: Some(at),
                });
            }
            fields_of_ipv4(text, at)?;
            bytes += 4;
            at = text.len();
            break;
        }
        bytes += 2;
        at += digits;
        let Some(next) = text[at..].chars().next() else { break };
        if next != ':' {
            return Err(AddressProblem { message: "unexpected character, want colon", at: Some(at) });
        }
        if at + 1 == text.len() {
            return Err(AddressProblem {
                message: "colon must be followed by more characters",
                at: Some(at),
            });
        }
        at += 1;
        if text[at..].starts_with(':') {
            if ellipsis {
                return Err(AddressProblem { message: "multiple :: in address", at: Some(at) });
            }
            ellipsis = true;
            at += 1;
        }
    }
    match (at < text.len(), bytes < 16) {
        (true, _) => Err(AddressProblem { message: "trailing garbage after address", at: Some(at) }),
        (false, true) if !ellipsis => Err(AddressProblem { message: "address string too short", at: None }),
        (false, false) if ellipsis => {
            Err(AddressProblem { message: "the :: must expand to at least one field of zeros", at: None })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_gos() {
        let shown = |text: &str| {
            check(text).map_err(|problem| {
                problem.text(text, |bytes| format!("{:?}", String::from_utf8_lossy(bytes)))
            })
        };
        assert_eq!(shown("1.2.3.4"), Ok(Family::V4));
        for good in ["::1", "::", "1:2:3:4:5:6:7:8", "fe80::1%eth0", "::ffff:1.2.3.4", "1:2:3:4:5:6:7::"] {
            assert_eq!(shown(good), Ok(Family::V6), "{good}");
        }
        for (text, problem) in [
            ("a", "unable to parse IP"),
            ("1.2.3", "IPv4 address too short"),
            ("1.2.3.256", "IPv4 field has value >255"),
            ("1.02.3.4", "IPv4 field has octet with leading zero"),
            ("1.2.3.4:80", "unexpected character (at \":80\")"),
            ("1..3.4", "IPv4 field must have at least one digit (at \".3.4\")"),
            (":1", "each colon-separated field must have at least one digit (at \":1\")"),
            ("1:2", "address string too short"),
            ("1::2::3", "multiple :: in address (at \":3\")"),
            ("12345::", "each group must have 4 or less digits (at \"12345::\")"),
            ("1:2:3:4:5:6:7:8:9", "trailing garbage after address (at \"9\")"),
            ("::1%", "zone must be a non-empty string"),
        ] {
            assert_eq!(shown(text), Err(format!("ParseAddr({text:?}): {problem}")));
        }
    }
}
