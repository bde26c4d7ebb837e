//! What a file handle stands for.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::share::{self, Claim, FileKey};
use crate::io::file::FileObject;
use crate::ob;
use crate::types::HANDLE;

/// An open file: of the host, or a device.
#[derive(Debug)]
pub(super) enum Open {
    Host(HostFile),
    Device(FileObject),
}

/// An open file or directory of the host.
#[derive(Debug)]
pub(super) struct HostFile {
    pub file: File,
    pub path: PathBuf,
    pub key: FileKey,
    pub claim: Claim,
    pub directory: bool,
    pub reads: bool,
    pub writes: bool,
    pub deletes: bool,
    /// Opened with FILE_APPEND_DATA but without FILE_WRITE_DATA.
    pub appends_only: bool,
    /// Opened with one of the FILE_SYNCHRONOUS_IO options: it has a current position.
    pub synchronous: bool,
    pub position: AtomicI64,
    pub delete_on_close: AtomicBool,
}

impl Drop for HostFile {
    fn drop(&mut self) {
        share::release(self.key, self.claim);
        if self.delete_on_close.load(Ordering::Relaxed) {
            // As on Windows, nobody hears of a deletion that fails at the last close.
            let _ = if self.directory { std::fs::remove_dir(&self.path) } else { std::fs::remove_file(&self.path) };
        }
    }
}

/// The open file behind a handle; stops the machine if it is something else.
pub(super) fn file(routine: &str, handle: HANDLE) -> Arc<Open> {
    ob::state::<Open>(handle).unwrap_or_else(|| ob::bad_handle(routine, handle))
}
