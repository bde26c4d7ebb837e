//! One registry value: its type number and its bytes.

/// The type numbers of registry values (`REG_*`).
pub mod kind {
    /// No type.
    pub const NONE: u32 = 0;
    /// UTF-16 text with a terminator.
    pub const SZ: u32 = 1;
    /// UTF-16 text with `%names%` to expand.
    pub const EXPAND_SZ: u32 = 2;
    /// Any bytes.
    pub const BINARY: u32 = 3;
    /// A little-endian 32-bit number.
    pub const DWORD: u32 = 4;
    /// UTF-16 texts, each with a terminator, and one terminator more.
    pub const MULTI_SZ: u32 = 7;
    /// A little-endian 64-bit number.
    pub const QWORD: u32 = 11;
}

/// A registry value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The type, one of [`kind`] or any other number that a driver wrote.
    pub kind: u32,
    /// The bytes as `ZwQueryValueKey` returns them.
    pub data: Vec<u8>,
}

impl Value {
    /// A `REG_DWORD`.
    pub fn dword(number: u32) -> Self {
        Value { kind: kind::DWORD, data: number.to_le_bytes().to_vec() }
    }

    /// A `REG_QWORD`.
    pub fn qword(number: u64) -> Self {
        Value { kind: kind::QWORD, data: number.to_le_bytes().to_vec() }
    }

    /// A `REG_SZ`, with its terminator.
    pub fn string(text: &str) -> Self {
        Value { kind: kind::SZ, data: utf16z(text) }
    }

    /// A `REG_EXPAND_SZ`, with its terminator.
    pub fn expand_string(text: &str) -> Self {
        Value { kind: kind::EXPAND_SZ, data: utf16z(text) }
    }

    /// A `REG_MULTI_SZ`, with all its terminators.
    pub fn strings<T: AsRef<str>>(texts: &[T]) -> Self {
        let mut data: Vec<u8> = texts.iter().flat_map(|text| utf16z(text.as_ref())).collect();
        data.extend([0, 0]);
        Value { kind: kind::MULTI_SZ, data }
    }

    /// A `REG_BINARY`.
    pub fn binary(bytes: &[u8]) -> Self {
        Value { kind: kind::BINARY, data: bytes.to_vec() }
    }

    /// The number of a `REG_DWORD`, `None` for other types and broken data.
    pub fn as_dword(&self) -> Option<u32> {
        let bytes: [u8; 4] = self.data.as_slice().try_into().ok()?;
        (self.kind == kind::DWORD).then(|| u32::from_le_bytes(bytes))
    }

    /// The text of a `REG_SZ` or `REG_EXPAND_SZ` up to its terminator.
    pub fn as_string(&self) -> Option<String> {
        if self.kind != kind::SZ && self.kind != kind::EXPAND_SZ {
            return None;
        }
        let units: Vec<u16> = self
            .data
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .take_while(|unit| *unit != 0)
            .collect();
        Some(String::from_utf16_lossy(&units))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::dword(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::string(text)
    }
}

fn utf16z(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_its_terminators() {
        assert_eq!(Value::string("a").data, [b'a', 0, 0, 0]);
        assert_eq!(Value::strings(&["a", "b"]).data, [b'a', 0, 0, 0, b'b', 0, 0, 0, 0, 0]);
        assert_eq!(Value::string("softndk").as_string().as_deref(), Some("softndk"));
    }

    #[test]
    fn a_number_is_not_text() {
        assert_eq!(Value::dword(7).as_dword(), Some(7));
        assert_eq!(Value::dword(7).as_string(), None);
        assert_eq!(Value::binary(&[1, 2, 3, 4]).as_dword(), None);
    }
}
