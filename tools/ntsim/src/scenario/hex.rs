//! Hex text: buffers as a person writes them, and patterns that outputs are held against.

use std::fmt;

/// Reads hex digits in pairs; spaces, line ends, `_` and `:` between bytes are ignored.
pub fn bytes(text: &str) -> Result<Vec<u8>, String> {
    tokens(text)?
        .into_iter()
        .map(|token| match token {
            Token::Byte(byte) => Ok(byte),
            Token::Any => Err("`??` stands only in an expected output".to_owned()),
            Token::Rest => Err("`..` stands only in an expected output".to_owned()),
        })
        .collect()
}

/// Writes bytes as pairs of hex digits, sixteen to a line.
pub fn dump(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}

/// An expected output: bytes, `??` for any byte, and `..` at the end for any rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    bytes: Vec<Option<u8>>,
    open_end: bool,
}

/// Where an output differs from its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The byte at this offset differs.
    Byte {
        /// Offset from the start of the output.
        offset: usize,
        /// The byte that the pattern has.
        expected: u8,
        /// The byte that the output has.
        found: u8,
    },
    /// The output has another length.
    Length {
        /// The length of the pattern.
        expected: usize,
        /// The length of the output.
        found: usize,
    },
}

impl Pattern {
    /// A pattern that only these bytes match.
    pub fn exactly(bytes: &[u8]) -> Self {
        Pattern { bytes: bytes.iter().copied().map(Some).collect(), open_end: false }
    }

    /// Reads a pattern.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::new();
        let mut open_end = false;
        for token in tokens(text)? {
            match token {
                _ if open_end => return Err("nothing may follow `..`".to_owned()),
                Token::Byte(byte) => bytes.push(Some(byte)),
                Token::Any => bytes.push(None),
                Token::Rest => open_end = true,
            }
        }
        Ok(Pattern { bytes, open_end })
    }

    /// The number of bytes that an output must have at least.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the pattern names no byte.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The first difference between an output and the pattern.
    pub fn check(&self, output: &[u8]) -> Result<(), Mismatch> {
        for (offset, (want, found)) in self.bytes.iter().zip(output).enumerate() {
            if let Some(expected) = want
                && expected != found
            {
                return Err(Mismatch::Byte { offset, expected: *expected, found: *found });
            }
        }
        let long_enough = output.len() >= self.bytes.len();
        let short_enough = self.open_end || output.len() == self.bytes.len();
        if long_enough && short_enough {
            return Ok(());
        }
        Err(Mismatch::Length { expected: self.bytes.len(), found: output.len() })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Byte { offset, expected, found } => {
                write!(f, "the byte at offset {offset} (0x{offset:x}) is 0x{found:02x}, expected 0x{expected:02x}")
            }
            Mismatch::Length { expected, found } => {
                write!(f, "the output has {found} bytes, expected {expected}")
            }
        }
    }
}

enum Token {
    Byte(u8),
    Any,
    Rest,
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let is_gap = |c: &char| c.is_whitespace() || matches!(c, '_' | ':' | ',');
    let mut rest = text.chars().filter(|c| !is_gap(c));
    let mut found = Vec::new();
    while let Some(first) = rest.next() {
        let second = rest.next().ok_or("hex digits come in pairs: one is left over")?;
        found.push(match (first, second) {
            ('?', '?') => Token::Any,
            ('.', '.') => Token::Rest,
            _ => {
                let digit = |c: char| {
                    c.to_digit(16)
                        .and_then(|digit| u8::try_from(digit).ok())
                        .ok_or_else(|| format!("`{c}` is not a hex digit"))
                };
                Token::Byte(digit(first)? * 16 + digit(second)?)
            }
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_with_any_spacing() {
        assert_eq!(bytes("01 02:aB\n_ff").unwrap(), [1, 2, 0xab, 0xff]);
        assert!(bytes("").unwrap().is_empty());
        assert!(bytes("012").is_err());
        assert!(bytes("0g").unwrap_err().contains("`g`"));
        assert!(bytes("??").is_err());
    }

    #[test]
    fn patterns_have_wildcards_and_an_open_end() {
        let pattern = Pattern::read("01 ?? 03 ..").unwrap();
        assert_eq!(pattern.check(&[1, 9, 3]), Ok(()));
        assert_eq!(pattern.check(&[1, 9, 3, 4]), Ok(()));
        assert_eq!(pattern.check(&[1, 9]), Err(Mismatch::Length { expected: 3, found: 2 }));
        let wrong = Mismatch::Byte { offset: 2, expected: 3, found: 4 };
        assert_eq!(pattern.check(&[1, 9, 4]), Err(wrong));
        assert!(Pattern::read(".. 01").is_err());
        assert!(Pattern::exactly(&[1]).check(&[1, 2]).is_err());
    }

    #[test]
    fn a_dump_can_be_read_again() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(bytes(&dump(&all)).unwrap(), all);
    }
}
