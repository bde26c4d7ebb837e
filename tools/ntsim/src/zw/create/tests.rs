//! Open, read, write, query through the routines themselves.

use super::super::transfer::{ZwReadFile, ZwWriteFile};
use super::*;
use crate::kernel::Kernel;

type Transfer = unsafe extern "win64" fn(
    HANDLE,
    HANDLE,
    PVOID,
    PVOID,
    *mut IO_STATUS_BLOCK,
    PVOID,
    u32,
    *const i64,
    *const u32,
) -> NTSTATUS;

fn scratch(name: &str) -> (tempdir::Dir, String) {
    let dir = tempdir::Dir::new(name);
    let object = format!(r"\??\Z:{}\file", dir.path().display().to_string().replace('/', r"\"));
    (dir, object)
}

/// A directory that is removed again.
mod tempdir {
    use std::path::{Path, PathBuf};

    pub struct Dir(PathBuf);

    impl Dir {
        pub fn new(name: &str) -> Dir {
            let path = std::env::temp_dir().join(format!("ntsim-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Dir(path)
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

fn open_with(name: &str, access: u32, share: u32, disposition: u32) -> Result<(HANDLE, usize), NTSTATUS> {
    let name = OwnedUnicode::new(name);
    let mut view = name.view();
    let attributes = OBJECT_ATTRIBUTES {
        Length: 48,
        RootDirectory: std::ptr::null_mut(),
        ObjectName: &raw mut view,
        Attributes: 0x240,
        SecurityDescriptor: std::ptr::null_mut(),
        SecurityQualityOfService: std::ptr::null_mut(),
    };
    let mut handle = std::ptr::null_mut();
    let mut block = IO_STATUS_BLOCK { Status: -1, StatusHigh: 0, Information: 99 };
    let wish = Wish { access, share, disposition, options: option::SYNCHRONOUS_NONALERT };
    // SAFETY: valid structures.
    let status = unsafe { perform(&raw mut handle, &raw const attributes, &raw mut block, &wish) };
    assert_eq!(block.Status, status);
    if nt_success(status) { Ok((handle, block.Information)) } else { Err(status) }
}

const ALL: u32 = access::GENERIC_READ | access::GENERIC_WRITE;

fn transfer(
    row: &'static crate::table::Row,
    handle: HANDLE,
    bytes: &mut [u8],
    offset: Option<i64>,
) -> (NTSTATUS, usize) {
    // SAFETY: the rows' entries have this signature.
    let routine: Transfer = unsafe { std::mem::transmute(row.target.address()) };
    let mut block = IO_STATUS_BLOCK { Status: -1, StatusHigh: 0, Information: 0 };
    let null = std::ptr::null_mut();
    let offset = offset.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let length = u32::try_from(bytes.len()).unwrap();
    // SAFETY: valid structures.
    let status = unsafe {
        routine(handle, null, null, null, &raw mut block, bytes.as_mut_ptr().cast(), length, offset, std::ptr::null())
    };
    (status, block.Information)
}

#[test]
fn a_file_is_written_and_read_at_its_position() {
    Kernel::enter(|| {
        let (_dir, name) = scratch("rw");
        assert_eq!(open_with(&name, ALL, 0, disposition::OPEN).unwrap_err(), STATUS_OBJECT_NAME_NOT_FOUND);
        let (handle, how) = open_with(&name, ALL, 0, disposition::OPEN_IF).unwrap();
        assert_eq!(how, FILE_CREATED);
        let mut text = *b"hello";
        assert_eq!(transfer(&ZwWriteFile::ROW, handle, &mut text, None), (STATUS_SUCCESS, 5));
        let mut back = [0; 8];
        assert_eq!(transfer(&ZwReadFile::ROW, handle, &mut back, None), (STATUS_END_OF_FILE, 0));
        assert_eq!(transfer(&ZwReadFile::ROW, handle, &mut back, Some(1)), (STATUS_SUCCESS, 4));
        assert_eq!(&back[..4], b"ello");
        assert!(ob::close(handle));
    });
}

#[test]
fn dispositions_do_what_they_say() {
    Kernel::enter(|| {
        let (dir, name) = scratch("disposition");
        let path = dir.path().join("file");
        std::fs::write(&path, "old").unwrap();
        assert_eq!(open_with(&name, ALL, 0, disposition::CREATE).unwrap_err(), STATUS_OBJECT_NAME_COLLISION);
        let (handle, how) = open_with(&name, ALL, 0, disposition::OVERWRITE_IF).unwrap();
        assert_eq!((how, std::fs::read(&path).unwrap().len()), (FILE_OVERWRITTEN, 0));
        ob::close(handle);
        let missing = name.replace(r"\file", r"\no\file");
        assert_eq!(open_with(&missing, ALL, 0, disposition::OPEN_IF).unwrap_err(), STATUS_OBJECT_PATH_NOT_FOUND);
    });
}

#[test]
fn sharing_is_refused_before_the_contents_are_lost() {
    Kernel::enter(|| {
        let (dir, name) = scratch("share");
        let path = dir.path().join("file");
        std::fs::write(&path, "kept").unwrap();
        let (handle, _) = open_with(&name, access::GENERIC_READ, 1, disposition::OPEN).unwrap();
        assert_eq!(open_with(&name, ALL, 7, disposition::OVERWRITE).unwrap_err(), STATUS_SHARING_VIOLATION);
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        ob::close(handle);
    });
}

#[test]
fn reading_needs_read_access() {
    Kernel::enter(|| {
        let (_dir, name) = scratch("access");
        let (handle, _) = open_with(&name, access::WRITE_DATA | access::SYNCHRONIZE, 0, disposition::CREATE).unwrap();
        assert_eq!(transfer(&ZwReadFile::ROW, handle, &mut [0; 4], None).0, STATUS_ACCESS_DENIED);
        ob::close(handle);
    });
}
