//! Paths: Go's `path`, and `path/filepath` as it is on Linux, which is the same.
//!
//! Invariant: paths are text; nothing looks at a file system.

use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(Func::new("base", &[S], S, base), "The last part of a path.", r#"{{ base "a/b.txt" }} → b.txt"#),
    entry(
        Func::new("clean", &[S], S, clean),
        "The shortest path that means the same.",
        r#"{{ clean "a/../b//c" }} → b/c"#,
    ),
    entry(Func::new("dir", &[S], S, dir), "All but the last part of a path.", r#"{{ dir "a/b/c" }} → a/b"#),
    entry(
        Func::new("ext", &[S], S, ext),
        "The extension of the last part, with its dot.",
        r#"{{ ext "a/b.tar.gz" }} → .gz"#,
    ),
    entry(
        Func::new("isAbs", &[S], Type::Bool, is_abs),
        "Whether a path begins with a slash.",
        r#"{{ isAbs "/a" }} → true"#,
    ),
    entry(Func::new("osBase", &[S], S, base), "The same as `base`.", r#"{{ osBase "a/b.txt" }} → b.txt"#),
    entry(Func::new("osClean", &[S], S, clean), "The same as `clean`.", r#"{{ osClean "a//b" }} → a/b"#),
    entry(Func::new("osDir", &[S], S, dir), "The same as `dir`.", r#"{{ osDir "a/b/c" }} → a/b"#),
    entry(Func::new("osExt", &[S], S, ext), "The same as `ext`.", r#"{{ osExt "b.gz" }} → .gz"#),
    entry(
        Func::new("osIsAbs", &[S], Type::Bool, is_abs),
        "The same as `isAbs`.",
        r#"{{ osIsAbs "/a" }} → true"#,
    ),
];

fn text(args: &[Val]) -> Result<&[u8], FuncError> {
    args.first().and_then(Val::as_str).map(GoStr::as_bytes).ok_or_else(|| FuncError::arguments("path"))
}

fn bytes(bytes: &[u8]) -> Answer {
    Ok(Val::Str(GoStr::from(bytes)))
}

fn base(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let path = text(args)?;
    if path.is_empty() {
        return bytes(b".");
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = &path[..end];
    bytes(if path.is_empty() { b"/" } else { path.rsplit(|byte| *byte == b'/').next().unwrap_or(path) })
}

/// Go's `path.Clean`.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let rooted = path.first() == Some(&b'/');
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match parts.last() {
                Some(last) if *last != b".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

fn clean(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let path = text(args)?;
    ctx.spend(path.len() as u64 / 16)?;
    bytes(&cleaned(path))
}

fn dir(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let path = text(args)?;
    ctx.spend(path.len() as u64 / 16)?;
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |last| last + 1);
    bytes(&cleaned(&path[..end]))
}

fn ext(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let name = text(args)?.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    bytes(name.iter().rposition(|byte| *byte == b'.').map_or(b"", |dot| &name[dot..]))
}

fn is_abs(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::Bool(text(args)?.first() == Some(&b'/')))
}
