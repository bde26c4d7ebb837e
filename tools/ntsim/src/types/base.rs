//! Words, strings, lists.
use std::ffi::c_void;

pub type PVOID = *mut c_void;
pub type HANDLE = *mut c_void;
pub type BOOLEAN = u8;
pub type KIRQL = u8;
pub type NTSTATUS = i32;
pub type KSPIN_LOCK = usize;
pub type KPROCESSOR_MODE = i8;
/// A callback as the driver gives it: possibly null, called through [`crate::context::call_driver`].
pub type Callback<F> = Option<F>;

pub const TRUE: BOOLEAN = 1;
pub const FALSE: BOOLEAN = 0;
pub const PASSIVE_LEVEL: KIRQL = 0;
pub const APC_LEVEL: KIRQL = 1;
pub const DISPATCH_LEVEL: KIRQL = 2;
pub const DEVICE_LEVEL: KIRQL = 12;
pub const HIGH_LEVEL: KIRQL = 15;
pub const PAGE_SIZE: usize = 4096;
pub const PAGE_SHIFT: u32 = 12;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct LIST_ENTRY {
    pub Flink: *mut LIST_ENTRY,
    pub Blink: *mut LIST_ENTRY,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct UNICODE_STRING {
    /// Bytes, not characters.
    pub Length: u16,
    pub MaximumLength: u16,
    pub Buffer: *mut u16,
}

impl UNICODE_STRING {
    /// The text; `None` if the buffer is null though the length is not zero.
    ///
    /// # Safety
    /// `Buffer` must be readable for `Length` bytes.
    pub unsafe fn to_string(&self) -> Option<String> {
        if self.Length == 0 {
            return Some(String::new());
        }
        if self.Buffer.is_null() {
            return None;
        }
        let count = usize::from(self.Length / 2);
        // SAFETY: readable for `Length` bytes by contract; read byte-wise aligned by u16 copy.
        let units: Vec<u16> = (0..count).map(|i| unsafe { self.Buffer.add(i).read_unaligned() }).collect();
        Some(String::from_utf16_lossy(&units))
    }
}

/// A `UNICODE_STRING` with the buffer that it points to, zero-terminated.
#[derive(Debug)]
pub struct OwnedUnicode {
    units: Box<[u16]>,
}

impl OwnedUnicode {
    /// Holds `text` as UTF-16. Texts longer than 32766 units are cut.
    pub fn new(text: &str) -> Self {
        let mut units: Vec<u16> = text.encode_utf16().take(32766).collect();
        units.push(0);
        Self { units: units.into_boxed_slice() }
    }

    /// A view that is valid as long as `self` lives.
    pub fn view(&self) -> UNICODE_STRING {
        let bytes = self.units.len() * 2;
        UNICODE_STRING {
            Length: (bytes - 2) as u16,
            MaximumLength: bytes as u16,
            Buffer: self.units.as_ptr().cast_mut(),
        }
    }
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ANSI_STRING {
    pub Length: u16,
    pub MaximumLength: u16,
    pub Buffer: *mut u8,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct PROCESSOR_NUMBER {
    pub Group: u16,
    pub Number: u8,
    pub Reserved: u8,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct GROUP_AFFINITY {
    pub Mask: usize,
    pub Group: u16,
    pub Reserved: [u16; 3],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct CLIENT_ID {
    pub UniqueProcess: HANDLE,
    pub UniqueThread: HANDLE,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OBJECT_ATTRIBUTES {
    pub Length: u32,
    pub RootDirectory: HANDLE,
    pub ObjectName: *mut UNICODE_STRING,
    pub Attributes: u32,
    pub SecurityDescriptor: PVOID,
    pub SecurityQualityOfService: PVOID,
}
