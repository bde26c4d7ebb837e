//! UNICODE_STRING constants.

/// UTF-16 of an ASCII literal, with a NUL behind it.
///
/// # Panics
/// At compile time only (use it in `const`): on a character that is not ASCII, or a wrong length.
#[must_use]
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops at a bad index")]
pub const fn utf16<const N: usize>(text: &str) -> [u16; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() + 1 == N, "room for the text and its NUL");
    let mut wide = [0; N];
    let mut index = 0;
    while index < bytes.len() {
        assert!(bytes[index].is_ascii(), "ASCII only");
        wide[index] = bytes[index] as u16;
        index += 1;
    }
    wide
}

/// A `&'static [u16]` of an ASCII literal; the last element is NUL.
#[macro_export]
macro_rules! wide {
    ($text:literal) => {{
        const WIDE: &[u16] = &$crate::string::utf16::<{ $text.len() + 1 }>($text);
        WIDE
    }};
}

/// A UNICODE_STRING over a literal made by [`crate::wide`]. Its buffer is constant data: the kernel
/// only reads it. (A literal of more than 32,766 characters would be cut.)
#[must_use]
pub const fn unicode(wide: &'static [u16]) -> wdk_sys::UNICODE_STRING {
    let bytes = wide.len().saturating_mul(2);
    let bytes = if bytes > 0xfffe { 0xfffe } else { bytes };
    wdk_sys::UNICODE_STRING {
        // Both fit, as just seen; lengths are in bytes, and Length leaves out the NUL.
        Length: bytes.saturating_sub(2) as u16,
        MaximumLength: bytes as u16,
        Buffer: wide.as_ptr().cast_mut(),
    }
}
