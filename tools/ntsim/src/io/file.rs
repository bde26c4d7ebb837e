//! File objects: open devices.

use std::mem::size_of;
use std::sync::atomic::{AtomicI64, Ordering};

use super::memory::Block;
use super::namespace::NAMES;
use super::{device, request};
use crate::kernel::Kernel;
use crate::types::*;

/// An open device; closed when dropped.
#[derive(Debug)]
pub struct FileObject {
    block: Block,
    device: *mut DEVICE_OBJECT,
    position: AtomicI64,
    opened: bool,
    /// The characters that `FileName` points to.
    _name: OwnedUnicode,
}

// SAFETY: the file object's memory is written by the driver under its own rules; the rest is
// either constant or atomic.
unsafe impl Send for FileObject {}
// SAFETY: as above.
unsafe impl Sync for FileObject {}

impl FileObject {
    /// Opens a device by any of its names; must run in kernel context at PASSIVE_LEVEL.
    ///
    /// # Errors
    /// No such name, the device does not allow it, or the driver refuses IRP_MJ_CREATE.
    pub(crate) fn open(path: &str, access: u32, options: u32, share: u16) -> Result<Self, NTSTATUS> {
        let (address, rest) = NAMES.lock().resolve(path)?;
        let device: *mut DEVICE_OBJECT = std::ptr::with_exposed_provenance_mut(address);
        device::open(device)?;
        let mut file = Self::new(device, &rest, access, share);
        request::create(&file, access, options, share)?;
        file.opened = true;
        Ok(file)
    }

    fn new(device: *mut DEVICE_OBJECT, rest: &str, access: u32, share: u16) -> Self {
        const READ: u32 = 0x8000_0000 | 0x1000_0000 | 0x1;
        const WRITE: u32 = 0x4000_0000 | 0x1000_0000 | 0x2;
        let block = Block::new("file object", size_of::<FILE_OBJECT>());
        let name = OwnedUnicode::new(rest);
        // SAFETY: the block is zeroed and has room for it; all its fields may be zero.
        let object = unsafe { &mut *block.address().cast::<FILE_OBJECT>() };
        object.Type = IO_TYPE_FILE;
        object.Size = i16::try_from(size_of::<FILE_OBJECT>()).unwrap_or(i16::MAX);
        object.DeviceObject = device;
        object.FileName = name.view();
        object.ReadAccess = BOOLEAN::from(access & READ != 0);
        object.WriteAccess = BOOLEAN::from(access & WRITE != 0);
        object.SharedRead = BOOLEAN::from(share & 1 != 0);
        object.SharedWrite = BOOLEAN::from(share & 2 != 0);
        object.SharedDelete = BOOLEAN::from(share & 4 != 0);
        FileObject { block, device, position: AtomicI64::new(0), opened: false, _name: name }
    }

    /// The `FILE_OBJECT` as drivers see it.
    pub fn pointer(&self) -> *mut FILE_OBJECT {
        self.block.address().cast()
    }

    /// The device that is open.
    pub fn device(&self) -> *mut DEVICE_OBJECT {
        self.device
    }

    /// The current byte offset of synchronous reads and writes.
    pub(crate) fn position(&self) -> i64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Moves the current byte offset.
    pub(crate) fn set_position(&self, offset: i64) {
        self.position.store(offset, Ordering::Relaxed);
        // SAFETY: the object is this file's own block.
        unsafe { (*self.pointer()).CurrentByteOffset = offset };
    }
}

impl Drop for FileObject {
    fn drop(&mut self) {
        Kernel::enter(|| {
            if self.opened {
                request::close(self);
            }
            device::close(self.device);
        });
    }
}
