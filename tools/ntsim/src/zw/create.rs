//! `ZwCreateFile`, `ZwOpenFile`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use super::handle::{self, HostFile, Open};
use super::path::{self, Target};
use super::share::{self, Claim};
use super::status;
use crate::io::file::FileObject;
use crate::ob;
use crate::types::*;

/// Access bits.
mod access {
    pub const READ_DATA: u32 = 0x1;
    pub const WRITE_DATA: u32 = 0x2;
    pub const APPEND_DATA: u32 = 0x4;
    pub const DELETE: u32 = 0x1_0000;
    pub const SYNCHRONIZE: u32 = 0x10_0000;
    pub const GENERIC_ALL: u32 = 0x1000_0000;
    pub const GENERIC_WRITE: u32 = 0x4000_0000;
    pub const GENERIC_READ: u32 = 0x8000_0000;
}

/// Create options.
mod option {
    pub const DIRECTORY: u32 = 0x1;
    pub const SYNCHRONOUS_ALERT: u32 = 0x10;
    pub const SYNCHRONOUS_NONALERT: u32 = 0x20;
    pub const NON_DIRECTORY: u32 = 0x40;
    pub const DELETE_ON_CLOSE: u32 = 0x1000;
}

/// Create dispositions, which are also what `IoStatusBlock.Information` says afterwards.
mod disposition {
    pub const SUPERSEDE: u32 = 0;
    pub const OPEN: u32 = 1;
    pub const CREATE: u32 = 2;
    pub const OPEN_IF: u32 = 3;
    pub const OVERWRITE: u32 = 4;
    pub const OVERWRITE_IF: u32 = 5;
}

const FILE_SUPERSEDED: usize = 0;
const FILE_OPENED: usize = 1;
const FILE_CREATED: usize = 2;
const FILE_OVERWRITTEN: usize = 3;

/// What the caller asks for.
struct Wish {
    access: u32,
    share: u32,
    disposition: u32,
    options: u32,
}

impl Wish {
    fn has(&self, bits: u32) -> bool {
        self.access & bits != 0
    }

    fn reads(&self) -> bool {
        self.has(access::READ_DATA | access::GENERIC_READ | access::GENERIC_ALL)
    }

    fn writes(&self) -> bool {
        self.has(access::WRITE_DATA | access::APPEND_DATA | access::GENERIC_WRITE | access::GENERIC_ALL)
    }

    fn deletes(&self) -> bool {
        self.has(access::DELETE | access::GENERIC_ALL)
    }

    fn check(&self) -> Result<(), NTSTATUS> {
        const SYNCHRONOUS: u32 = option::SYNCHRONOUS_ALERT | option::SYNCHRONOUS_NONALERT;
        let both = option::DIRECTORY | option::NON_DIRECTORY;
        // A generic right contains SYNCHRONIZE.
        let generic = access::GENERIC_READ | access::GENERIC_WRITE | access::GENERIC_ALL;
        let bad = self.access == 0
            || self.disposition > disposition::OVERWRITE_IF
            || self.share & !7 != 0
            || self.options & both == both
            || self.options & SYNCHRONOUS == SYNCHRONOUS
            || (self.options & SYNCHRONOUS != 0 && !self.has(access::SYNCHRONIZE | generic))
            || (self.options & option::DELETE_ON_CLOSE != 0 && !self.deletes());
        if bad { Err(STATUS_INVALID_PARAMETER) } else { Ok(()) }
    }
}

#[expect(clippy::too_many_arguments, reason = "the signature of the routine")]
unsafe fn create(
    result: *mut HANDLE,
    access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    status_block: *mut IO_STATUS_BLOCK,
    _allocation_size: *const i64,
    _file_attributes: u32,
    share: u32,
    disposition: u32,
    options: u32,
    extended_attributes: PVOID,
    extended_length: u32,
) -> NTSTATUS {
    super::enter("ZwCreateFile");
    if !extended_attributes.is_null() && extended_length > 0 {
        return STATUS_NOT_SUPPORTED;
    }
    let wish = Wish { access, share, disposition, options };
    // SAFETY: a driver's call with its own structures.
    unsafe { perform(result, attributes, status_block, &wish) }
}

unsafe fn open(
    result: *mut HANDLE,
    access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    status_block: *mut IO_STATUS_BLOCK,
    share: u32,
    options: u32,
) -> NTSTATUS {
    super::enter("ZwOpenFile");
    let wish = Wish { access, share, disposition: disposition::OPEN, options };
    // SAFETY: a driver's call with its own structures.
    unsafe { perform(result, attributes, status_block, &wish) }
}

/// Opens and answers.
///
/// # Safety
/// The pointers must be a driver's valid structures.
unsafe fn perform(
    result: *mut HANDLE,
    attributes: *const OBJECT_ATTRIBUTES,
    status_block: *mut IO_STATUS_BLOCK,
    wish: &Wish,
) -> NTSTATUS {
    // SAFETY: by contract.
    let opened = unsafe { find(attributes) }.and_then(|target| {
        wish.check()?;
        match target {
            Target::Host(path) => open_host(&path, wish),
            Target::Device(name) => {
                let share = u16::try_from(wish.share).unwrap_or_default();
                let options = wish.disposition << 24 | wish.options & 0x00FF_FFFF;
                let device = FileObject::open(&name, wish.access, options, share)?;
                Ok((Open::Device(device), FILE_OPENED))
            }
        }
    });
    let (status, information) = match opened {
        Ok((open, information)) => {
            let handle = ob::create("file", Arc::new(open));
            // SAFETY: by contract.
            unsafe { result.write(handle) };
            (STATUS_SUCCESS, information)
        }
        Err(status) => (status, 0),
    };
    let block = IO_STATUS_BLOCK { Status: status, StatusHigh: 0, Information: information };
    // SAFETY: by contract.
    unsafe { status_block.write(block) };
    status
}

/// Reads the object attributes.
///
/// # Safety
/// `attributes` must be a driver's valid structure.
unsafe fn find(attributes: *const OBJECT_ATTRIBUTES) -> Result<Target, NTSTATUS> {
    // SAFETY: by contract.
    let attributes = unsafe { attributes.as_ref() }.ok_or(STATUS_INVALID_PARAMETER)?;
    if usize::try_from(attributes.Length) != Ok(size_of::<OBJECT_ATTRIBUTES>()) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: by contract.
    let name = unsafe { crate::io::text(attributes.ObjectName) }?.unwrap_or_default();
    if attributes.RootDirectory.is_null() {
        return path::absolute(&name);
    }
    match &*handle::file("ZwCreateFile", attributes.RootDirectory) {
        Open::Host(root) if root.directory => Ok(Target::Host(path::relative(&root.path, &name)?)),
        Open::Host(_) => Err(STATUS_NOT_A_DIRECTORY),
        Open::Device(_) => Err(STATUS_NOT_SUPPORTED),
    }
}

fn open_host(path: &Path, wish: &Wish) -> Result<(Open, usize), NTSTATUS> {
    let before = std::fs::metadata(path);
    let exists = before.is_ok();
    if let Err(error) = &before
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(status::of(error));
    }
    let parent = path.parent().unwrap_or(path);
    if !exists && !parent.is_dir() {
        return Err(STATUS_OBJECT_PATH_NOT_FOUND);
    }
    let (create, empty, information) = match (wish.disposition, exists) {
        (disposition::OPEN | disposition::OVERWRITE, false) => {
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        (disposition::CREATE, true) => return Err(STATUS_OBJECT_NAME_COLLISION),
        (_, false) => (true, false, FILE_CREATED),
        (disposition::OPEN | disposition::OPEN_IF, true) => (false, false, FILE_OPENED),
        (disposition::SUPERSEDE, true) => (false, true, FILE_SUPERSEDED),
        (_, true) => (false, true, FILE_OVERWRITTEN),
    };
    let directory = match &before {
        Ok(found) => found.is_dir(),
        Err(_) => wish.options & option::DIRECTORY != 0,
    };
    if directory && wish.options & option::NON_DIRECTORY != 0 {
        return Err(STATUS_FILE_IS_A_DIRECTORY);
    }
    if !directory && wish.options & option::DIRECTORY != 0 {
        return Err(STATUS_NOT_A_DIRECTORY);
    }
    if directory && empty {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let file = if directory { open_directory(path, create) } else { open_file(path, wish, create) }
        .map_err(|error| status::of(&error))?;
    let open = finish(file, path, wish, directory)?;
    if empty {
        // Only now: an open that sharing forbids must not destroy the contents.
        open.file.set_len(0).map_err(|error| status::of(&error))?;
    }
    Ok((Open::Host(open), information))
}

fn open_directory(path: &Path, create: bool) -> std::io::Result<File> {
    if create {
        std::fs::create_dir(path)?;
    }
    File::open(path)
}

fn open_file(path: &Path, wish: &Wish, create: bool) -> std::io::Result<File> {
    let empties = !matches!(wish.disposition, disposition::OPEN | disposition::OPEN_IF);
    let writes = wish.writes() || empties || create;
    let mut options = OpenOptions::new();
    options.write(writes).read(wish.reads() || !writes).create_new(create);
    // A driver that opens a pipe by mistake must not hang the machine.
    options.custom_flags(libc::O_NONBLOCK).open(path)
}

fn finish(file: File, path: &Path, wish: &Wish, directory: bool) -> Result<HostFile, NTSTATUS> {
    let found = file.metadata().map_err(|error| status::of(&error))?;
    let key = (found.dev(), found.ino());
    let claim = Claim::new(wish.reads(), wish.writes(), wish.deletes(), wish.share);
    if !share::claim(key, claim) {
        return Err(STATUS_SHARING_VIOLATION);
    }
    let full_write = access::WRITE_DATA | access::GENERIC_WRITE | access::GENERIC_ALL;
    Ok(HostFile {
        file,
        path: path.to_owned(),
        key,
        claim,
        directory,
        reads: wish.reads(),
        writes: wish.writes(),
        deletes: wish.deletes(),
        appends_only: wish.writes() && !wish.has(full_write),
        synchronous: wish.options & (option::SYNCHRONOUS_ALERT | option::SYNCHRONOUS_NONALERT) != 0,
        position: AtomicI64::new(0),
        delete_on_close: AtomicBool::new(wish.options & option::DELETE_ON_CLOSE != 0),
    })
}

crate::routines! { "ntoskrnl.exe";
    fn ZwCreateFile(result: *mut HANDLE, access: u32, attributes: *const OBJECT_ATTRIBUTES, status_block: *mut IO_STATUS_BLOCK, allocation_size: *const i64, file_attributes: u32, share: u32, disposition: u32, options: u32, extended_attributes: PVOID, extended_length: u32) -> NTSTATUS = create: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn ZwOpenFile(result: *mut HANDLE, access: u32, attributes: *const OBJECT_ATTRIBUTES, status_block: *mut IO_STATUS_BLOCK, share: u32, options: u32) -> NTSTATUS = open: PASSIVE..=PASSIVE, blocks, fails(STATUS_INSUFFICIENT_RESOURCES);
}

#[cfg(test)]
mod tests;
