//! Go's fmt: Sprint, Sprintln and Sprintf on template values.
//!
//! The rules are those of the documentation of package fmt; nothing here fails, wrong verbs and missing operands are
//! written into the text (`%!d(string=x)`).
//!
//! Invariant: recursion ends at [`MAX_DEPTH`]; output stops growing at the limit that the caller sets.

use super::directives::Directives;
use super::error::Limit;
use super::float::format_float;
use super::gostr::GoStr;
use super::object::{Object, Plainness};
use super::quote::{append, can_backquote, is_print, quote, quote_ascii, quote_rune};
use super::set::Limits;
use super::types::{Kind, Type};
use super::value::{List, Map, Num, Val};

/// Nesting of lists, maps and structs that is still printed; deeper values are cyclic for all that matters.
pub const MAX_DEPTH: usize = 500;
/// How many nested values a walk visits at most: a small value can contain itself so often that it is huge when written
/// out.
pub const MAX_NODES: usize = 2_000_000;
/// Largest width or precision that fmt accepts.
pub(super) const MAX_NUMBER: usize = 1_000_000;

/// What a directive asks for beside its verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    pub(super) plus_v: bool,
    pub(super) sharp_v: bool,
}

/// Writes values in Go's formats into a byte buffer.
pub(super) struct Printer {
    pub(super) out: Vec<u8>,
    pub(super) flags: Flags,
    pub(super) max: usize,
    too_deep: bool,
    /// Inside `%!verb(type=value)`, where methods are not called.
    erroring: bool,
    /// A pointer at the top is printed as what it points to, as actions do.
    follows: bool,
}

/// `fmt.Sprint`: `%v` of each, with a space between two that are both not strings.
pub fn sprint(args: &[Val], max: usize) -> Result<Vec<u8>, Limit> {
    Printer::new(max).sprint(args)
}

/// `fmt.Sprint` of what actions would write: for the escaping functions.
pub(crate) fn sprint_actions(args: &[Val], max: usize) -> Result<Vec<u8>, Limit> {
    Printer { follows: true, ..Printer::new(max) }.sprint(args)
}

/// `fmt.Sprintln`: `%v` of each, spaces between, a newline at the end.
pub fn sprintln(args: &[Val], max: usize) -> Result<Vec<u8>, Limit> {
    let mut printer = Printer::new(max);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            printer.out.push(b' ');
        }
        printer.value(arg, 'v');
    }
    printer.out.push(b'\n');
    printer.finish()
}

/// `fmt.Sprintf`.
pub fn sprintf(format: &[u8], args: &[Val], max: usize) -> Result<Vec<u8>, Limit> {
    let mut printer = Printer::new(max);
    Directives::new(format, args).run(&mut printer);
    printer.finish()
}

impl Val {
    /// The value as `%v` prints it; nil is `<nil>`. Values nested beyond all sense, or beyond 64 MiB, are cut.
    pub fn to_display(&self) -> GoStr {
        if let Val::Str(text) = self {
            return text.clone();
        }
        let mut printer = Printer::new(Limits::default().value);
        printer.value(self, 'v');
        printer.out.into()
    }
}

/// Appends what `{{ value }}` writes.
///
/// # Errors
/// The value is nested too deep, or the output would pass `max` bytes.
pub(crate) fn write_action(out: &mut Vec<u8>, value: &Val, max: usize) -> Result<(), Limit> {
    match value {
        Val::Str(text) => out.extend_from_slice(text.as_bytes()),
        Val::Nil | Val::Missing => out.extend_from_slice(b"<no value>"),
        Val::Int(number) | Val::Int64(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Val::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        _ => {
            let text = match value {
                Val::Object(object) => object.action_text(),
                _ => None,
            };
            let mut printer = Printer::new(max);
            printer.follows = true;
            printer.out = std::mem::take(out);
            match text {
                Some(text) => printer.out.extend_from_slice(text.as_bytes()),
                None => printer.value(value, 'v'),
            }
            *out = printer.finish()?;
        }
    }
    if out.len() > max { Err(Limit::Output(max)) } else { Ok(()) }
}

impl Printer {
    fn new(max: usize) -> Self {
        Printer {
            out: Vec::new(),
            flags: Flags::default(),
            max,
            too_deep: false,
            erroring: false,
            follows: false,
        }
    }

    fn sprint(mut self, args: &[Val]) -> Result<Vec<u8>, Limit> {
        let mut after_string = true;
        for (index, arg) in args.iter().enumerate() {
            let is_string = arg.kind() == Kind::String;
            if index > 0 && !is_string && !after_string {
                self.out.push(b' ');
            }
            self.value(arg, 'v');
            after_string = is_string;
        }
        self.finish()
    }

    fn finish(self) -> Result<Vec<u8>, Limit> {
        if self.too_deep {
            Err(Limit::Depth(MAX_DEPTH))
        } else if self.out.len() > self.max {
            Err(Limit::Size(self.max))
        } else {
            Ok(self.out)
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// One operand at the top level.
    pub(super) fn value(&mut self, value: &Val, verb: char) {
        match (verb, value) {
            ('v' | 'T', Val::Nil | Val::Missing) => self.pad(b"<nil>"),
            ('T', _) => self.string(value.type_name().as_bytes(), 's', value),
            ('p', _) => self.pointer(value, verb),
            (_, Val::Nil | Val::Missing) => self.bad_verb(value, verb),
            _ => self.nested(value, verb, 0),
        }
    }

    /// A value at some depth; below the top level nil is written as it is, whatever the verb.
    fn nested(&mut self, value: &Val, verb: char, depth: usize) {
        if depth > MAX_DEPTH || self.out.len() > self.max {
            self.too_deep |= depth > MAX_DEPTH;
            return;
        }
        match value {
            Val::Missing | Val::Nil => self.text("<nil>"),
            Val::Bool(flag) => self.bool(*flag, verb, value),
            Val::Int(n) | Val::Int64(n) => self.integer(n.unsigned_abs(), *n < 0, true, verb, value),
            Val::Float(n) => self.float(*n, false, verb, value),
            Val::Num(num) => self.number(*num, verb, value),
            Val::Str(text) => self.string(text.as_bytes(), verb, value),
            // `%w` is for errors, and only Errorf takes it.
            Val::List(_) | Val::Map(_) | Val::Object(_) if verb == 'w' && !self.erroring => {
                self.bad_verb(value, verb);
            }
            Val::Bytes(bytes) => self.bytes(bytes.as_slice(), bytes.is_nil(), verb, value, depth),
            Val::List(list) => self.list(list, verb, depth),
            Val::Map(map) => self.map(map, verb, depth),
            Val::Object(object) => self.object(object.as_ref(), value, verb, depth),
        }
    }

    fn bad_verb(&mut self, value: &Val, verb: char) {
        let outer = std::mem::replace(&mut self.erroring, true);
        self.text("%!");
        self.out.extend_from_slice(verb.encode_utf8(&mut [0; 4]).as_bytes());
        self.text("(");
        if value.is_nil() {
            self.text("<nil>");
        } else {
            self.text(&value.type_name());
            self.text("=");
            self.nested(value, 'v', 0);
        }
        self.text(")");
        self.erroring = outer;
    }

    /// Writes text padded to the width, which counts characters.
    fn pad(&mut self, text: &[u8]) {
        let missing = self.missing_width(text);
        if missing == 0 {
            self.out.extend_from_slice(text);
        } else if self.flags.minus {
            self.out.extend_from_slice(text);
            self.padding(missing, b' ');
        } else {
            self.padding(missing, if self.flags.zero { b'0' } else { b' ' });
            self.out.extend_from_slice(text);
        }
    }

    fn missing_width(&self, text: &[u8]) -> usize {
        self.flags.width.map_or(0, |width| width.saturating_sub(super::quote::runes(text).count()))
    }

    fn padding(&mut self, count: usize, byte: u8) {
        self.out.resize(self.out.len() + count, byte);
    }

    /// Like [`Printer::pad`], never with zeros.
    fn pad_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn bool(&mut self, flag: bool, verb: char, value: &Val) {
        match verb {
            't' | 'v' => self.pad(if flag { b"true" } else { b"false" }),
            _ => self.bad_verb(value, verb),
        }
    }

    fn number(&mut self, num: Num, verb: char, value: &Val) {
        if let Some(n) = value.as_signed() {
            self.integer(n.unsigned_abs(), n < 0, true, verb, value);
        } else if let Some(n) = value.as_unsigned() {
            self.integer(n, false, false, verb, value);
        } else {
            match num {
                Num::Complex(re, im) => self.complex(re, im, verb, value),
                _ => self.float(value.as_float().unwrap_or_default(), true, verb, value),
            }
        }
    }

    fn integer(&mut self, size: u64, negative: bool, signed: bool, verb: char, value: &Val) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex_literal(size),
            'v' | 'd' => self.digits(size, negative, 10, verb),
            'b' => self.digits(size, negative, 2, verb),
            'o' | 'O' => self.digits(size, negative, 8, verb),
            'x' | 'X' => self.digits(size, negative, 16, verb),
            'c' => {
                let c = to_char(size, negative);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => self.pad(quote_rune(to_char(size, negative), self.flags.plus).as_bytes()),
            'U' => self.unicode(size, negative),
            _ => self.bad_verb(value, verb),
        }
    }

    fn hex_literal(&mut self, size: u64) {
        let sharp = std::mem::replace(&mut self.flags.sharp, true);
        self.digits(size, false, 16, 'x');
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, size: u64, negative: bool, base: u32, verb: char) {
        let flags = self.flags;
        let signed = negative || flags.plus || flags.space;
        let mut least = 0;
        if let Some(precision) = flags.precision {
            least = precision;
            if precision == 0 && size == 0 {
                return self.padding(flags.width.unwrap_or(0), b' ');
            }
        } else if flags.zero && !flags.minus {
            least = flags.width.unwrap_or(0).saturating_sub(usize::from(signed));
        }
        let mut digits = match base {
            2 => format!("{size:b}"),
            8 => format!("{size:o}"),
            16 if verb == 'X' => format!("{size:X}"),
            16 => format!("{size:x}"),
            _ => size.to_string(),
        };
        if digits.len() < least {
            digits.insert_str(0, &"0".repeat(least - digits.len()));
        }
        let prefix = match (base, verb) {
            (2, _) if flags.sharp => "0b",
            (8, 'O') if flags.sharp && !digits.starts_with('0') => "0o0",
            (8, 'O') => "0o",
            (8, _) if flags.sharp && !digits.starts_with('0') => "0",
            (16, 'X') if flags.sharp => "0X",
            (16, _) if flags.sharp => "0x",
            _ => "",
        };
        let sign = match (negative, flags.plus, flags.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (.., true) => " ",
            _ => "",
        };
        self.pad_spaces(format!("{sign}{prefix}{digits}").as_bytes());
    }

    fn unicode(&mut self, size: u64, negative: bool) {
        let number = if negative { size.wrapping_neg() } else { size };
        let digits = format!("{number:04X}");
        let zeros = self.flags.precision.unwrap_or(0).saturating_sub(digits.len());
        let mut text = format!("U+{}{digits}", "0".repeat(zeros));
        if self.flags.sharp
            && let Some(c) = u32::try_from(number).ok().and_then(char::from_u32)
            && is_print(c)
        {
            append(&mut text, format_args!(" '{c}'"));
        }
        self.pad_spaces(text.as_bytes());
    }

    fn float(&mut self, number: f64, single: bool, verb: char, value: &Val) {
        match verb {
            'v' => self.float_text(number, single, b'g', -1),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float_text(number, single, verb as u8, -1),
            'f' | 'F' => self.float_text(number, single, b'f', 6),
            'e' | 'E' => self.float_text(number, single, verb as u8, 6),
            _ => self.bad_verb(value, verb),
        }
    }

    fn complex(&mut self, re: f64, im: f64, verb: char, value: &Val) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.out.push(b'(');
        self.float(re, false, verb, value);
        self.flags.plus = true;
        self.float(im, false, verb, value);
        self.text("i)");
        self.flags.plus = plus;
    }

    fn float_text(&mut self, number: f64, single: bool, verb: u8, precision: i32) {
        let flags = self.flags;
        let precision = flags.precision.map_or(precision, |precision| precision as i32);
        let mut text = format_float(number, verb, precision, single);
        if !text.starts_with(['-', '+']) {
            text.insert(0, '+');
        }
        if flags.space && !flags.plus && text.starts_with('+') {
            text.replace_range(..1, " ");
        }
        if !number.is_finite() {
            let bare = number.is_nan() && !flags.space && !flags.plus;
            return self.pad_spaces(text.get(usize::from(bare)..).unwrap_or("").as_bytes());
        }
        if flags.sharp && verb != b'b' {
            text = keep_point(&text, verb, precision);
        }
        if !flags.plus && text.starts_with('+') {
            return self.pad(text.get(1..).unwrap_or("").as_bytes());
        }
        let missing = flags.width.unwrap_or(0).saturating_sub(text.len());
        if flags.zero && !flags.minus && missing > 0 {
            let (sign, rest) = text.split_at(1); // The first character is the sign, set above.
            self.text(sign);
            self.padding(missing, b'0');
            self.text(rest);
        } else {
            self.pad(text.as_bytes());
        }
    }

    fn string(&mut self, bytes: &[u8], verb: char, value: &Val) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(bytes),
            'v' | 's' => {
                let cut = self.truncate(bytes);
                self.pad(cut);
            }
            'x' | 'X' => self.hex(bytes, verb == 'X'),
            'q' => self.quoted(bytes),
            _ => self.bad_verb(value, verb),
        }
    }

    /// The first `precision` characters.
    fn truncate<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(precision) = self.flags.precision else { return bytes };
        let length: usize = super::quote::runes(bytes)
            .take(precision)
            .map(|rune| match rune {
                super::quote::Rune::Char(c) => c.len_utf8(),
                super::quote::Rune::Invalid(_) => 1,
            })
            .sum();
        bytes.get(..length).unwrap_or(bytes)
    }

    fn quoted(&mut self, bytes: &[u8]) {
        let bytes = self.truncate(bytes);
        let text = if self.flags.sharp && can_backquote(bytes) {
            format!("`{}`", String::from_utf8_lossy(bytes))
        } else if self.flags.plus {
            quote_ascii(bytes)
        } else {
            quote(bytes)
        };
        self.pad(text.as_bytes());
    }

    fn hex(&mut self, bytes: &[u8], upper: bool) {
        let flags = self.flags;
        let bytes = bytes.get(..flags.precision.unwrap_or(usize::MAX).min(bytes.len())).unwrap_or(bytes);
        let mut text = String::with_capacity(bytes.len() * 2);
        for (index, byte) in bytes.iter().enumerate() {
            if flags.space && index > 0 {
                text.push(' ');
            }
            if flags.sharp && (flags.space || index == 0) {
                text.push_str(if upper { "0X" } else { "0x" });
            }
            if upper {
                append(&mut text, format_args!("{byte:02X}"));
            } else {
                append(&mut text, format_args!("{byte:02x}"));
            }
        }
        self.pad(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8], nil: bool, verb: char, value: &Val, depth: usize) {
        match verb {
            'v' | 'd' if self.flags.sharp_v => {
                self.text(if depth == 0 { "[]byte" } else { "[]uint8" });
                if nil {
                    return self.text("(nil)");
                }
                self.byte_items(bytes, "{", ", ", "}", |printer, byte| printer.hex_literal(u64::from(byte)));
            }
            'v' | 'd' => self.byte_items(bytes, "[", " ", "]", |printer, byte| {
                printer.digits(u64::from(byte), false, 10, verb);
            }),
            's' | 'x' | 'X' | 'q' => self.string(bytes, verb, value),
            _ => self.byte_items(bytes, "[", " ", "]", |printer, byte| {
                printer.nested(&Val::Num(Num::Uint8(byte)), verb, depth + 1);
            }),
        }
    }

    fn byte_items(&mut self, bytes: &[u8], open: &str, gap: &str, close: &str, each: impl Fn(&mut Self, u8)) {
        self.text(open);
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                self.text(gap);
            }
            each(self, *byte);
        }
        self.text(close);
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.text(list.ty().name);
            if list.is_nil() {
                return self.text("(nil)");
            }
        }
        self.text(if sharp { "{" } else { "[" });
        if let Some(items) = list.borrow() {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    self.text(if sharp { ", " } else { " " });
                }
                self.element(item, list.ty().elem, verb, depth);
            }
        }
        self.text(if sharp { "}" } else { "]" });
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.text(map.ty().name);
            if map.is_nil() {
                return self.text("(nil)");
            }
        }
        self.text(if sharp { "{" } else { "map[" });
        if let Some(entries) = map.borrow() {
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    self.text(if sharp { ", " } else { " " });
                }
                self.string(key.as_bytes(), verb, &Val::Str(key.clone()));
                self.text(":");
                self.element(item, map.ty().elem, verb, depth);
            }
        }
        self.text(if sharp { "}" } else { "]" });
    }

    /// An element of a list, map or struct.
    fn element(&mut self, item: &Val, ty: Type, verb: char, depth: usize) {
        if item.is_nil() && self.flags.sharp_v {
            self.text(ty.name());
            self.text("(nil)");
        } else {
            self.nested(item, verb, depth + 1);
        }
    }

    fn object(&mut self, object: &dyn Object, value: &Val, verb: char, depth: usize) {
        let wants_text = !self.erroring && !self.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q');
        if wants_text && let Some(text) = object.text() {
            return self.string(text.as_bytes(), verb, value);
        }
        if let Some(under) = object.underlying() {
            return self.underlying(&under, value, verb, depth);
        }
        if let Some(contents) = object.contents() {
            return self.nested(&contents, verb, depth + 1);
        }
        let fields = object.fields();
        if fields.is_empty() {
            let form = match (self.flags.sharp_v, self.flags.plus_v) {
                (true, _) => Plainness::Sharp,
                (_, true) => Plainness::Plus,
                _ => Plainness::Plain,
            };
            return self.text(&object.bare(form));
        }
        if object.kind() == Kind::Pointer {
            // Only a pointer at the top is followed.
            if depth > 0 {
                return self.pointer(value, verb);
            }
            if !self.follows {
                self.text("&");
            }
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.text(object.type_name().trim_start_matches('*'));
        }
        self.text("{");
        for (index, (name, field)) in fields.iter().enumerate() {
            if index > 0 {
                self.text(if sharp { ", " } else { " " });
            }
            if sharp || self.flags.plus_v {
                self.text(name);
                self.text(":");
            }
            self.element(field, Type::Any, verb, depth);
        }
        self.text("}");
    }

    /// A named basic type prints like its basic type, but bad verbs name the type itself.
    fn underlying(&mut self, under: &Val, value: &Val, verb: char, depth: usize) {
        match under {
            Val::Bool(flag) => self.bool(*flag, verb, value),
            Val::Str(text) => self.string(text.as_bytes(), verb, value),
            Val::Float(n) => self.float(*n, false, verb, value),
            _ => match (under.as_signed(), under.as_unsigned()) {
                (Some(n), _) => self.integer(n.unsigned_abs(), n < 0, true, verb, value),
                (_, Some(n)) => self.integer(n, false, false, verb, value),
                _ => self.nested(under, verb, depth + 1),
            },
        }
    }

    /// Addresses mean nothing here and would make output depend on the run, so every pointer is the same.
    fn pointer(&mut self, value: &Val, verb: char) {
        match value.kind() {
            Kind::Map | Kind::Slice | Kind::Pointer if matches!(verb, 'v' | 'p') => self.text("0xc000000000"),
            _ => self.bad_verb(value, verb),
        }
    }
}

fn to_char(size: u64, negative: bool) -> char {
    let number = if negative { None } else { u32::try_from(size).ok() };
    number.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The `#` flag on floats: always a point, and trailing zeros up to the precision for `%g`.
fn keep_point(text: &str, verb: u8, precision: i32) -> String {
    let wanted = if precision < 0 { 6 } else { precision };
    let mut missing = if matches!(verb, b'g' | b'G' | b'x') { wanted } else { 0 };
    let exponent_at = text.find(|c: char| match verb {
        b'x' | b'X' => matches!(c, 'p' | 'P'),
        _ => matches!(c, 'e' | 'E'),
    });
    let (number, tail) = text.split_at(exponent_at.unwrap_or(text.len()));
    let mut nonzero = false;
    for c in number.chars().skip(1).filter(|c| *c != '.') {
        nonzero |= c != '0';
        if nonzero {
            missing -= 1;
        }
    }
    let mut out = String::from(number);
    if !number.contains('.') {
        if number.len() == 2 && number.ends_with('0') {
            missing -= 1;
        }
        out.push('.');
    }
    for _ in 0..missing.max(0) {
        out.push('0');
    }
    out.push_str(tail);
    out
}
