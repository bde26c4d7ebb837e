//! The routines as a driver calls them.

use super::*;
use crate::kernel::Kernel;
use crate::registry::SERVICES;

fn attributes(name: &mut UNICODE_STRING, root: HANDLE) -> OBJECT_ATTRIBUTES {
    OBJECT_ATTRIBUTES {
        Length: 48,
        RootDirectory: root,
        ObjectName: name,
        Attributes: 0x240,
        SecurityDescriptor: std::ptr::null_mut(),
        SecurityQualityOfService: std::ptr::null_mut(),
    }
}

fn create_key(path: &str, root: HANDLE) -> (NTSTATUS, HANDLE, u32) {
    let name = OwnedUnicode::new(path);
    let mut view = name.view();
    let attributes = attributes(&mut view, root);
    let (mut handle, mut how) = (std::ptr::null_mut(), 0);
    // SAFETY: valid structures.
    let status =
        unsafe { create(&raw mut handle, 0xF003F, &raw const attributes, 0, std::ptr::null_mut(), 0, &raw mut how) };
    (status, handle, how)
}

fn ask(handle: HANDLE, name: &str, which: i32, room: u32) -> (NTSTATUS, Vec<u8>, u32) {
    let name = OwnedUnicode::new(name);
    let mut view = name.view();
    let mut buffer = vec![0xEE_u8; 256];
    let mut needed = 0;
    // SAFETY: valid structures; the buffer is longer than `room`.
    let status =
        unsafe { query_value(handle, &raw mut view, which, buffer.as_mut_ptr().cast(), room, &raw mut needed) };
    buffer.truncate(room as usize);
    (status, buffer, needed)
}

#[test]
fn values_come_back_in_every_class_and_length() {
    Kernel::enter(|| {
        let (status, root, how) = create_key(&format!(r"{SERVICES}\zw-test"), std::ptr::null_mut());
        assert_eq!((status, how), (STATUS_SUCCESS, 1));
        let (status, key, _) = create_key("Parameters", root);
        assert_eq!(status, STATUS_SUCCESS);
        let name = OwnedUnicode::new("Depth");
        let mut view = name.view();
        let mut number = 7_u32;
        // SAFETY: valid structures.
        let set = unsafe { set_value(key, &raw mut view, 0, 4, (&raw mut number).cast(), 4) };
        assert_eq!(set, STATUS_SUCCESS);

        let (status, bytes, needed) = ask(key, "depth", class::VALUE_PARTIAL, 16);
        assert_eq!((status, needed), (STATUS_SUCCESS, 16));
        assert_eq!(bytes, [0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0]);
        assert_eq!(ask(key, "Depth", class::VALUE_PARTIAL, 13).0, STATUS_BUFFER_OVERFLOW);
        assert_eq!(ask(key, "Depth", class::VALUE_PARTIAL, 11).0, STATUS_BUFFER_TOO_SMALL);
        assert_eq!(ask(key, "Depth", class::VALUE_FULL, 64).2, 20 + 10 + 2 + 4);
        assert_eq!(ask(key, "Nothing", class::VALUE_PARTIAL, 16).0, STATUS_OBJECT_NAME_NOT_FOUND);
        assert_eq!(ask(key, "Depth", 77, 16).0, STATUS_INVALID_PARAMETER);

        let mut buffer = [0_u8; 64];
        let mut needed = 0;
        // SAFETY: valid structures.
        let status =
            unsafe { enumerate_key(root, 0, class::KEY_BASIC, buffer.as_mut_ptr().cast(), 64, &raw mut needed) };
        assert_eq!((status, needed), (STATUS_SUCCESS, 16 + 20));
        assert_eq!(&buffer[16..20], &[b'P', 0, b'a', 0]);
        for handle in [key, root] {
            assert!(ob::close(handle));
        }
    });
}
