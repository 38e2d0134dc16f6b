//! Versions and constraints on them.
//!
//! Constraints: `>=1.2.3`, `!=1.0`, `~1.2`, `^1.2`, `1.x`, `1.2 - 2.3`; blanks and commas mean and, `||` means or. A
//! version before its release (`1.2.0-rc.1`) only fits a constraint that names such a version (`>=1.2.0-0`).
//!
//! Invariant: a version that cannot be read is an error, never a silent no.

use semver::{BuildMetadata, Prerelease, Version};

use super::{Call, text};

type Answer = Result<tera::Value, String>;

/// A version with one to three numbers and an optional `v`; also how many numbers it has.
fn parse(found: &str) -> Result<(Version, usize), String> {
    let bad = || format!("`{found}` is no version");
    let bare = found.trim();
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    let end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, rest) = bare.split_at(end);
    let mut parts = [0; 3];
    let mut count = 0;
    for part in numbers.split('.') {
        *parts.get_mut(count).ok_or_else(bad)? = part.parse().map_err(|_| bad())?;
        count += 1;
    }
    let (before, build) = rest.split_once('+').unwrap_or((rest, ""));
    let pre = Prerelease::new(before.strip_prefix('-').unwrap_or(before)).map_err(|_| bad())?;
    let build = BuildMetadata::new(build).map_err(|_| bad())?;
    Ok((Version { major: parts[0], minor: parts[1], patch: parts[2], pre, build }, count))
}

/// `semver`.
pub(super) fn semver(call: &Call) -> Answer {
    let found = call.text()?;
    let (version, _) = parse(&found)?;
    let entries: tera::Map = [
        ("major", version.major.into()),
        ("minor", version.minor.into()),
        ("patch", version.patch.into()),
        ("prerelease", text(version.pre.as_str())),
        ("metadata", text(version.build.as_str())),
        ("original", text(found)),
    ]
    .into_iter()
    .map(|(key, value): (&'static str, tera::Value)| (key.into(), value))
    .collect();
    Ok(entries.into())
}

/// `semver_compare(constraint)`.
pub(super) fn semver_compare(call: &Call) -> Answer {
    let (version, _) = parse(&call.text()?)?;
    Ok(fits(&version, &call.must_text("constraint")?)?.into())
}

fn fits(version: &Version, constraint: &str) -> Result<bool, String> {
    let mut any = false;
    for group in constraint.split("||") {
        let mut all = true;
        for (operator, operand) in comparisons(group)? {
            all &= compare(version, operator, &operand)?;
        }
        any |= all;
    }
    Ok(any)
}

/// The comparisons of one group: operators and versions.
fn comparisons(group: &str) -> Result<Vec<(&'static str, String)>, String> {
    const OPERATORS: [&str; 12] = [">=", "=>", "<=", "=<", "!=", "==", "~>", ">", "<", "=", "~", "^"];
    if let Some((from, to)) = group.split_once(" - ") {
        return Ok(vec![(">=", from.trim().to_string()), ("<=", to.trim().to_string())]);
    }
    let mut out = Vec::new();
    let mut pending = "";
    for word in group.split([' ', ',']).filter(|word| !word.is_empty()) {
        let operator = OPERATORS.iter().find(|operator| word.starts_with(**operator)).copied().unwrap_or("");
        let operand = word.get(operator.len()..).unwrap_or("");
        if operand.is_empty() {
            pending = operator;
        } else {
            out.push((if operator.is_empty() { pending } else { operator }, operand.to_string()));
            pending = "";
        }
    }
    if pending.is_empty() && !out.is_empty() {
        Ok(out)
    } else {
        Err(format!("`{}` is no version constraint", group.trim()))
    }
}

fn compare(version: &Version, operator: &str, operand: &str) -> Result<bool, String> {
    // `1.x`, `1.2.*`, `*`: the numbers before the wildcard count.
    let wild = operand.split('.').position(|part| matches!(part, "x" | "X" | "*"));
    let known: Vec<&str> = operand.split('.').take(wild.unwrap_or(usize::MAX)).collect();
    if known.is_empty() {
        return Ok(version.pre.is_empty());
    }
    let (bound, count) = parse(&known.join("."))?;
    if !version.pre.is_empty() && bound.pre.is_empty() {
        return Ok(false);
    }
    let low = |version: &Version| (version.major, version.minor, version.patch, version.pre.clone());
    // The first version after all those that share the given numbers.
    let next = |numbers: usize| match numbers {
        1 => (bound.major + 1, 0, 0),
        2 => (bound.major, bound.minor + 1, 0),
        _ => (bound.major, bound.minor, bound.patch + 1),
    };
    let at = (version.major, version.minor, version.patch);
    let from = low(version) >= low(&bound);
    Ok(match operator {
        "" | "=" | "==" if count < 3 => from && at < next(count),
        "" | "=" | "==" => low(version) == low(&bound),
        "!=" if count < 3 => !(from && at < next(count)),
        "!=" => low(version) != low(&bound),
        ">" if count < 3 => at >= next(count),
        ">" => low(version) > low(&bound),
        "<" => low(version) < low(&bound),
        ">=" | "=>" => from,
        "<=" | "=<" if count < 3 => at < next(count),
        "<=" | "=<" => low(version) <= low(&bound),
        "~" | "~>" => from && at < next(count.min(2)),
        _ => {
            let numbers = match (bound.major, bound.minor) {
                (0, 0) if count == 3 => 3,
                (0, _) if count >= 2 => 2,
                _ => 1,
            };
            from && at < next(numbers)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints() {
        for (version, constraint, wanted) in [
            ("1.2.3", ">=1.2.0", true),
            ("v1.29.3-gke.1", ">=1.19-0", true),
            ("v1.29.3-gke.1", ">=1.19", false),
            ("1.29.3+k3s1", ">= 1.19", true),
            ("1.2.3", "~1.2", true),
            ("1.3.0", "~1.2", false),
            ("1.9.0", "^1.2", true),
            ("2.0.0", "^1.2", false),
            ("0.3.0", "^0.2", false),
            ("0.2.9", "^0.2.1", true),
            ("1.5.0", "1.x", true),
            ("1.5.0", "1.2 - 2.3", true),
            ("2.3.9", "1.2 - 2.3", true),
            ("2.4.0", "1.2 - 2.3", false),
            ("1.5.0", "<1.0 || >1.4", true),
            ("1.4.9", ">1.4", false),
            ("1.5.0", ">=1.0, !=1.5.0", false),
            ("1.5.0", "*", true),
            ("1.5.0", "1.5", true),
        ] {
            assert_eq!(
                fits(&parse(version).unwrap().0, constraint).unwrap(),
                wanted,
                "{version} {constraint}"
            );
        }
        for bad in ["", ">=", "abc", "1.2.3.4"] {
            assert!(fits(&parse("1.0.0").unwrap().0, bad).is_err(), "{bad}");
        }
    }
}
