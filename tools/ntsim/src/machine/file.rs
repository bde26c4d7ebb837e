//! Open devices, as a host tool uses them.

use std::time::Duration;

use super::{MachineError, NtStatus};
use crate::io::file::FileObject;
use crate::io::request;
use crate::kernel::Kernel;

/// An open device. May be used by several host threads at once; closed when dropped.
#[derive(Debug)]
pub struct File {
    object: FileObject,
}

impl File {
    pub(super) fn open(name: &str) -> Result<File, MachineError> {
        const GENERIC_READ_WRITE: u32 = 0xC000_0000;
        const SHARE_ALL: u16 = 7;
        let opened = Kernel::enter(|| FileObject::open(name, GENERIC_READ_WRITE, 0, SHARE_ALL));
        match opened {
            Ok(object) => Ok(File { object }),
            Err(status) => Err(MachineError::Open { name: name.to_owned(), status: NtStatus::from_raw(status) }),
        }
    }

    /// Sends a device control request and waits for its end.
    ///
    /// The method bits of `code` decide how the driver sees the buffers, as on Windows. The
    /// result is the final status with as many bytes as the driver returned (none for an error
    /// status). A failing status is a result, not an error.
    ///
    /// # Errors
    /// [`MachineError::TooLong`] for buffers that no request can carry.
    pub fn ioctl(&self, code: u32, input: &[u8], output_length: usize) -> Result<(NtStatus, Vec<u8>), MachineError> {
        self.send(code, input, &vec![0; output_length], None)
    }

    /// As [`File::ioctl`]; after `limit` the request is cancelled as `CancelIo` does.
    ///
    /// # Errors
    /// [`MachineError::TimedOut`] if the driver does not end the request although it was
    /// cancelled. A driver that blocks inside its dispatch routine cannot be cancelled.
    pub fn ioctl_within(
        &self,
        limit: Duration,
        code: u32,
        input: &[u8],
        output_length: usize,
    ) -> Result<(NtStatus, Vec<u8>), MachineError> {
        self.send(code, input, &vec![0; output_length], Some(limit))
    }

    /// As [`File::ioctl`] with bytes in the second buffer: drivers see them with the methods
    /// IN_DIRECT, OUT_DIRECT and NEITHER.
    ///
    /// # Errors
    /// As for [`File::ioctl`].
    pub fn ioctl_direct(&self, code: u32, input: &[u8], second: &[u8]) -> Result<(NtStatus, Vec<u8>), MachineError> {
        self.send(code, input, second, None)
    }

    /// Sends a read request at a byte offset.
    ///
    /// # Errors
    /// As for [`File::ioctl`].
    pub fn read(&self, offset: i64, length: usize) -> Result<(NtStatus, Vec<u8>), MachineError> {
        fits(length)?;
        let answer = Kernel::enter(|| request::read_write(&self.object, None, length, offset, None));
        let answer = answer.map_err(|gave_up| MachineError::TimedOut(gave_up.after))?;
        Ok((NtStatus::from_raw(answer.status), answer.output))
    }

    /// Sends a write request at a byte offset; the number is `IoStatus.Information`.
    ///
    /// # Errors
    /// As for [`File::ioctl`].
    pub fn write(&self, offset: i64, bytes: &[u8]) -> Result<(NtStatus, usize), MachineError> {
        fits(bytes.len())?;
        let answer = Kernel::enter(|| request::read_write(&self.object, Some(bytes), 0, offset, None));
        let answer = answer.map_err(|gave_up| MachineError::TimedOut(gave_up.after))?;
        Ok((NtStatus::from_raw(answer.status), answer.information))
    }

    fn send(
        &self,
        code: u32,
        input: &[u8],
        output: &[u8],
        limit: Option<Duration>,
    ) -> Result<(NtStatus, Vec<u8>), MachineError> {
        fits(input.len())?;
        fits(output.len())?;
        let answer = Kernel::enter(|| request::control(&self.object, code, input, output, limit));
        let answer = answer.map_err(|gave_up| MachineError::TimedOut(gave_up.after))?;
        Ok((NtStatus::from_raw(answer.status), answer.output))
    }
}

fn fits(length: usize) -> Result<(), MachineError> {
    u32::try_from(length).map(|_| ()).map_err(|_| MachineError::TooLong)
}
