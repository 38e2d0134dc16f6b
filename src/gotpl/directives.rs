//! Format strings: from `%` to the verb, with flags, width, precision and explicit operand numbers.
//!
//! Invariant: every directive consumes at least its `%`, so the walk ends.

use super::format::{Flags, MAX_NUMBER, Printer};
use super::quote::{Rune, runes};
use super::value::Val;

/// The walk over a format string.
pub(super) struct Directives<'a> {
    format: &'a [u8],
    args: &'a [Val],
    /// Next byte of the format.
    at: usize,
    /// Next operand.
    next: usize,
    /// An explicit index was used, so leftover operands are not an error.
    reordered: bool,
    /// The last explicit index was valid.
    good: bool,
    /// The last thing read was an explicit index.
    after_index: bool,
}

impl<'a> Directives<'a> {
    pub(super) fn new(format: &'a [u8], args: &'a [Val]) -> Self {
        Directives { format, args, at: 0, next: 0, reordered: false, good: true, after_index: false }
    }

    pub(super) fn run(&mut self, printer: &mut Printer) {
        while self.at < self.format.len() && printer.out.len() <= printer.max {
            let rest = self.format.get(self.at..).unwrap_or(&[]);
            let literal = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
            printer.out.extend_from_slice(rest.get(..literal).unwrap_or(&[]));
            self.at += literal;
            if self.at < self.format.len() {
                self.at += 1;
                self.directive(printer);
            }
        }
        if !self.reordered && self.next < self.args.len() {
            self.extra(printer);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    fn directive(&mut self, printer: &mut Printer) {
        printer.flags = Flags::default();
        self.good = true;
        self.after_index = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => printer.flags.sharp = true,
                b'0' => printer.flags.zero = true,
                b'+' => printer.flags.plus = true,
                b'-' => printer.flags.minus = true,
                b' ' => printer.flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        self.index();
        self.width(printer);
        self.precision(printer);
        if !self.after_index {
            self.index();
        }
        self.verb(printer);
    }

    fn width(&mut self, printer: &mut Printer) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_operand() {
                Some(width) => {
                    if width < 0 {
                        printer.flags.minus = true;
                        printer.flags.zero = false;
                    }
                    printer.flags.width = Some(width.unsigned_abs() as usize);
                }
                None => printer.text("%!(BADWIDTH)"),
            }
            self.after_index = false;
        } else {
            printer.flags.width = self.number();
            if self.after_index && printer.flags.width.is_some() {
                self.good = false;
            }
        }
    }

    fn precision(&mut self, printer: &mut Printer) {
        // A dot that ends the format is its verb.
        if self.peek() != Some(b'.') || self.at + 1 == self.format.len() {
            return;
        }
        self.at += 1;
        if self.after_index {
            self.good = false;
        }
        self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            let precision = self.int_operand();
            printer.flags.precision = precision.and_then(|precision| usize::try_from(precision).ok());
            if printer.flags.precision.is_none() {
                printer.text("%!(BADPREC)");
            }
            self.after_index = false;
        } else {
            printer.flags.precision = Some(self.number().unwrap_or(0));
        }
    }

    /// Digits; a number that is out of all proportion ends the format, as in Go.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = number.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if next > MAX_NUMBER {
                self.at = self.format.len();
                return None;
            }
            number = Some(next);
            self.at += 1;
        }
        number
    }

    /// `[n]`, when there is one.
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            self.after_index = false;
            return;
        }
        self.reordered = true;
        let rest = self.format.get(self.at..).unwrap_or(&[]);
        let Some(close) = rest.iter().position(|byte| *byte == b']') else {
            self.good = false;
            self.after_index = false;
            self.at += 1;
            return;
        };
        let digits = rest.get(1..close).unwrap_or(&[]);
        let number = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|number| *number <= MAX_NUMBER);
        self.at += close + 1;
        // An index that is a number but out of range still counts as one for what may follow it.
        self.after_index = number.is_some();
        match number.and_then(|number| number.checked_sub(1)).filter(|index| *index < self.args.len()) {
            Some(index) => self.next = index,
            None => self.good = false,
        }
    }

    /// The operand of `*`.
    fn int_operand(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        let number = arg.as_signed().or_else(|| arg.as_unsigned().and_then(|n| i64::try_from(n).ok()));
        number.filter(|number| number.unsigned_abs() <= MAX_NUMBER as u64)
    }

    fn verb(&mut self, printer: &mut Printer) {
        let rest = self.format.get(self.at..).unwrap_or(&[]);
        let Some(rune) = runes(rest.get(..rest.len().min(4)).unwrap_or(&[])).next() else {
            return printer.text("%!(NOVERB)");
        };
        let (verb, width) = match rune {
            Rune::Char(c) => (c, c.len_utf8()),
            Rune::Invalid(_) => (char::REPLACEMENT_CHARACTER, 1),
        };
        self.at += width;
        if verb == '%' {
            return printer.text("%");
        }
        if !self.good {
            return printer.text(&format!("%!{verb}(BADINDEX)"));
        }
        let Some(arg) = self.args.get(self.next) else {
            return printer.text(&format!("%!{verb}(MISSING)"));
        };
        self.next += 1;
        if matches!(verb, 'v' | 'w') {
            printer.flags.sharp_v = std::mem::replace(&mut printer.flags.sharp, false);
            printer.flags.plus_v = std::mem::replace(&mut printer.flags.plus, false);
        }
        printer.value(arg, verb);
    }

    fn extra(&mut self, printer: &mut Printer) {
        printer.flags = Flags::default();
        printer.text("%!(EXTRA ");
        for (index, arg) in self.args.iter().skip(self.next).enumerate() {
            if index > 0 {
                printer.text(", ");
            }
            if arg.is_nil() {
                printer.text("<nil>");
            } else {
                printer.text(&arg.type_name());
                printer.text("=");
                printer.value(arg, 'v');
            }
        }
        printer.text(")");
    }
}
