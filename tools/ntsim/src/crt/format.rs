//! The format language of `DbgPrint` and `_vsnprintf`.

use crate::table::Arguments;
use crate::types::{ANSI_STRING, UNICODE_STRING};

/// Formats; `wide` says what `%s` without a prefix means (the width of the format itself).
///
/// # Safety
/// `arguments` must be what the format asks for.
pub unsafe fn format(text: &[u8], mut arguments: Arguments, wide: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        out.extend_from_slice(&rest[..at]);
        let (spec, used) = Spec::parse(&rest[at + 1..], &mut arguments);
        rest = &rest[at + 1 + used..];
        // SAFETY: by contract.
        unsafe { spec.print(&mut out, &mut arguments, wide) };
    }
    out.extend_from_slice(rest);
    out
}

#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    size: Size,
    conversion: u8,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Size {
    Byte,
    Short,
    #[default]
    Int,
    Long,
    Quad,
    Wide,
}

impl Spec {
    /// Parses what follows a `%`; gives how many bytes it took.
    fn parse(text: &[u8], arguments: &mut Arguments) -> (Self, usize) {
        let mut spec = Spec::default();
        let mut at = 0;
        let peek = |at: usize| text.get(at).copied().unwrap_or(0);
        loop {
            match peek(at) {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'0' => spec.zero = true,
                _ => break,
            }
            at += 1;
        }
        let mut number = |at: &mut usize| {
            if peek(*at) == b'*' {
                *at += 1;
                // SAFETY: the format asks for this argument.
                return unsafe { arguments.word() } as i32;
            }
            let mut value = 0i32;
            while peek(*at).is_ascii_digit() {
                value = value.saturating_mul(10).saturating_add(i32::from(peek(*at) - b'0'));
                *at += 1;
            }
            value
        };
        let width = number(&mut at);
        spec.left |= width < 0;
        spec.width = width.unsigned_abs().min(4096) as usize;
        if peek(at) == b'.' {
            at += 1;
            spec.precision = usize::try_from(number(&mut at)).ok().map(|precision| precision.min(65536));
        }
        let rest = &text[at..];
        let (size, used) = match rest {
            [b'h', b'h', ..] => (Size::Byte, 2),
            [b'h', ..] => (Size::Short, 1),
            [b'l', b'l', ..] => (Size::Quad, 2),
            [b'l', ..] => (Size::Long, 1),
            [b'I', b'6', b'4', ..] => (Size::Quad, 3),
            [b'I', b'3', b'2', ..] => (Size::Int, 3),
            [b'I' | b'z' | b'j' | b't', ..] => (Size::Quad, 1),
            [b'w', ..] => (Size::Wide, 1),
            _ => (Size::Int, 0),
        };
        spec.size = size;
        at += used;
        spec.conversion = peek(at);
        (spec, (at + 1).min(text.len()))
    }

    unsafe fn print(&self, out: &mut Vec<u8>, arguments: &mut Arguments, wide: bool) {
        // SAFETY: by contract of `format` the arguments are what the conversions ask for.
        unsafe {
            match self.conversion {
                b'%' => out.push(b'%'),
                b'd' | b'i' => {
                    let value = self.signed(arguments.word());
                    let sign = if value < 0 {
                        "-"
                    } else if self.plus {
                        "+"
                    } else if self.space {
                        " "
                    } else {
                        ""
                    };
                    self.number(out, sign, value.unsigned_abs().to_string());
                }
                b'u' => self.number(out, "", self.unsigned(arguments.word()).to_string()),
                b'o' => self.number(
                    out,
                    if self.alternate { "0" } else { "" },
                    format!("{:o}", self.unsigned(arguments.word())),
                ),
                b'x' => self.number(
                    out,
                    if self.alternate { "0x" } else { "" },
                    format!("{:x}", self.unsigned(arguments.word())),
                ),
                b'X' => self.number(
                    out,
                    if self.alternate { "0X" } else { "" },
                    format!("{:X}", self.unsigned(arguments.word())),
                ),
                b'p' => self.pad(out, format!("{:016X}", arguments.word()).as_bytes()),
                b'c' | b'C' => {
                    let unit = arguments.word() as u16;
                    let text = char::from_u32(u32::from(unit)).unwrap_or('?').to_string();
                    self.pad(out, text.as_bytes());
                }
                b's' | b'S' => {
                    let short = self.size == Size::Short;
                    let other = matches!(self.size, Size::Long | Size::Wide);
                    let is_wide = other || !short && (wide != (self.conversion == b'S'));
                    let text = if is_wide { self.wide(arguments.pointer()) } else { self.narrow(arguments.pointer()) };
                    self.pad(out, &text);
                }
                b'Z' => {
                    let text = if self.size == Size::Wide {
                        self.unicode(arguments.pointer())
                    } else {
                        self.ansi(arguments.pointer())
                    };
                    self.pad(out, &text);
                }
                b'e' | b'E' | b'f' | b'g' | b'G' => {
                    let value = f64::from_bits(arguments.word());
                    let precision = self.precision.unwrap_or(6);
                    let text = if self.conversion == b'f' {
                        format!("{value:.precision$}")
                    } else {
                        format!("{value:.precision$e}")
                    };
                    self.pad(out, text.as_bytes());
                }
                0 => out.push(b'%'),
                other => out.extend_from_slice(&[b'%', other]),
            }
        }
    }

    /// `long` has 32 bits on Windows.
    fn signed(&self, word: u64) -> i64 {
        match self.size {
            Size::Byte => i64::from(word as i8),
            Size::Short => i64::from(word as i16),
            Size::Quad => word as i64,
            _ => i64::from(word as i32),
        }
    }

    fn unsigned(&self, word: u64) -> u64 {
        match self.size {
            Size::Byte => u64::from(word as u8),
            Size::Short => u64::from(word as u16),
            Size::Quad => word,
            _ => u64::from(word as u32),
        }
    }

    fn number(&self, out: &mut Vec<u8>, prefix: &str, digits: String) {
        let mut digits = digits;
        if let Some(precision) = self.precision {
            digits = if precision == 0 && digits == "0" { String::new() } else { format!("{digits:0>precision$}") };
        } else if self.zero && !self.left {
            let width = self.width.saturating_sub(prefix.len());
            digits = format!("{digits:0>width$}");
        }
        self.pad(out, format!("{prefix}{digits}").as_bytes());
    }

    fn pad(&self, out: &mut Vec<u8>, text: &[u8]) {
        let missing = self.width.saturating_sub(text.len());
        if self.left {
            out.extend_from_slice(text);
        }
        out.extend(std::iter::repeat_n(b' ', missing));
        if !self.left {
            out.extend_from_slice(text);
        }
    }

    fn limit(&self) -> usize {
        self.precision.unwrap_or(65536)
    }

    unsafe fn narrow(&self, text: *const u8) -> Vec<u8> {
        if text.is_null() {
            return b"(null)".to_vec();
        }
        // SAFETY: a zero-terminated string, or one of at least the precision.
        (0..self.limit()).map(|index| unsafe { text.add(index).read() }).take_while(|byte| *byte != 0).collect()
    }

    unsafe fn wide(&self, text: *const u16) -> Vec<u8> {
        if text.is_null() {
            return b"(null)".to_vec();
        }
        // SAFETY: as above.
        let units: Vec<u16> = (0..self.limit())
            .map(|index| unsafe { text.add(index).read_unaligned() })
            .take_while(|unit| *unit != 0)
            .collect();
        String::from_utf16_lossy(&units).into_bytes()
    }

    unsafe fn unicode(&self, string: *const UNICODE_STRING) -> Vec<u8> {
        if string.is_null() {
            return b"(null)".to_vec();
        }
        // SAFETY: a valid counted string.
        unsafe { (*string).to_string() }.map_or_else(|| b"(null)".to_vec(), String::into_bytes)
    }

    unsafe fn ansi(&self, string: *const ANSI_STRING) -> Vec<u8> {
        if string.is_null() {
            return b"(null)".to_vec();
        }
        // SAFETY: a valid counted string.
        unsafe {
            if (*string).Buffer.is_null() {
                return b"(null)".to_vec();
            }
            std::slice::from_raw_parts((*string).Buffer, usize::from((*string).Length)).to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(text: &str, words: &[u64]) -> String {
        // SAFETY: the tests pass what the formats ask for.
        let out = unsafe { format(text.as_bytes(), Arguments::new(words.as_ptr()), false) };
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn numbers() {
        assert_eq!(print("%d %u %x %#X", &[(-5i64) as u64, u64::MAX, 0xbeef, 0xbeef]), "-5 4294967295 beef 0XBEEF");
        assert_eq!(print("%5d|%-5d|%05d|%.3d", &[42, 42, 42, 7]), "   42|42   |00042|007");
        assert_eq!(print("%I64u %llx %lu", &[1 << 40, 1 << 40, 1 << 40]), "1099511627776 10000000000 0");
        assert_eq!(print("%p", &[0x1000]), "0000000000001000");
        assert_eq!(print("%*d%%", &[4, 9]), "   9%");
    }

    #[test]
    fn strings() {
        let wide: Vec<u16> = "wide\0".encode_utf16().collect();
        let counted = UNICODE_STRING { Length: 8, MaximumLength: 10, Buffer: wide.as_ptr().cast_mut() };
        let words =
            [c"narrow".as_ptr() as u64, wide.as_ptr() as u64, wide.as_ptr() as u64, (&raw const counted) as u64, 0];
        assert_eq!(print("%s %ws %S %wZ %s", &words), "narrow wide wide wide (null)");
        assert_eq!(
            print("%.3s|%8s|%-4s|%c", &[words[0], c"ab".as_ptr() as u64, c"ab".as_ptr() as u64, 65]),
            "nar|      ab|ab  |A"
        );
    }
}
