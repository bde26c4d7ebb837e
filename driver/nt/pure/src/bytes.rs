//! Little-endian answers, written field by field: no padding is ever left unwritten (`OID-37`).

/// Writes into a zeroed buffer; what does not fit is dropped, which the callers' tests would see.
#[derive(Debug)]
pub struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    /// Writes from the start of `buffer` on.
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { rest: buffer }
    }

    /// Raw bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let rest = core::mem::take(&mut self.rest);
        if let Some((place, behind)) = rest.split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.rest = behind;
        }
    }

    /// An NDIS object header of type 0x80 (default), revision 1.
    pub fn header(&mut self, size: u16) {
        self.bytes(&[0x80, 1]);
        self.bytes(&size.to_le_bytes());
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Eight bytes each.
    pub fn u64s(&mut self, values: &[u64]) {
        values.iter().for_each(|value| self.u64(*value));
    }

    /// Zeros.
    pub fn zeros(&mut self, count: usize) {
        (0..count).for_each(|_| self.u8(0));
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.rest.len()
    }
}
