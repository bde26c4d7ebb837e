//! Text of bounded length inside a block.

use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// UTF-8 with zeros behind; text that is too long is cut at a character.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// The beginning of a text, as much as fits.
    pub fn new(text: &str) -> Self {
        let mut this = Self::default();
        let _ = fmt::Write::write_str(&mut this, text);
        this
    }

    /// The end of a text, as much as fits: what matters of a path.
    pub fn tail(text: &str) -> Self {
        let start = (text.len().saturating_sub(N)..=text.len()).find(|at| text.is_char_boundary(*at));
        Self::new(start.and_then(|start| text.get(start..)).unwrap_or(""))
    }

    /// The text; what is not UTF-8 ends it.
    pub fn as_str(&self) -> &str {
        let used = self.used();
        let bytes = self.0.get(..used).unwrap_or(&[]);
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or(&[])).unwrap_or(""),
        }
    }

    fn used(&self) -> usize {
        self.0.iter().position(|byte| *byte == 0).unwrap_or(N)
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let start = self.used();
        let room = N.saturating_sub(start);
        let fits = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let target = self.0.iter_mut().skip(start);
        for (target, source) in target.zip(text.bytes().take(fits)) {
            *target = source;
        }
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use core::fmt::Write;

    #[test]
    fn text_is_cut_at_characters() {
        assert_eq!(Text::<4>::new("ab").as_str(), "ab");
        assert_eq!(Text::<4>::new("abcd").as_str(), "abcd");
        assert_eq!(Text::<4>::new("abcü").as_str(), "abc");
        assert_eq!(Text::<4>::tail("path/main.rs").as_str(), "n.rs");
        assert_eq!(Text::<2>::tail("aüb").as_str(), "b");
    }

    #[test]
    fn writing_appends_until_it_is_full() {
        let mut text = Text::<5>::default();
        assert!(write!(text, "{}", 123).is_ok());
        assert!(write!(text, "{}", 456).is_err());
        assert_eq!(text.as_str(), "12345");
    }
}
