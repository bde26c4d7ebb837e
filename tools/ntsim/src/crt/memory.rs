//! Memory functions: the host's own, called with the Windows convention.

use std::cmp::Ordering;

crate::routines! { "ntoskrnl.exe";
    raising memcpy(target: *mut u8, source: *const u8, length: usize) -> *mut u8 = copy: PASSIVE..=HIGH, local;
    raising memmove(target: *mut u8, source: *const u8, length: usize) -> *mut u8 = copy: PASSIVE..=HIGH, local;
    raising memset(target: *mut u8, value: i32, length: usize) -> *mut u8 = set: PASSIVE..=HIGH, local;
    raising memcmp(a: *const u8, b: *const u8, length: usize) -> i32 = compare: PASSIVE..=HIGH, local;
    raising qsort(base: *mut u8, count: usize, width: usize, order: Option<Order>) = sort: PASSIVE..=HIGH;
    asm __chkstk = chkstk;
}

type Order = unsafe extern "win64" fn(a: *const u8, b: *const u8) -> i32;

/// Overlap is allowed for both, as in the real kernel, where both names are one function.
unsafe fn copy(target: *mut u8, source: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the driver's buffers.
    unsafe { std::ptr::copy(source, target, length) };
    target
}

unsafe fn set(target: *mut u8, value: i32, length: usize) -> *mut u8 {
    // SAFETY: the driver's buffer.
    unsafe { std::ptr::write_bytes(target, value as u8, length) };
    target
}

unsafe fn compare(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: the driver's buffers.
    let (a, b) = unsafe { (std::slice::from_raw_parts(a, length), std::slice::from_raw_parts(b, length)) };
    a.cmp(b) as i32
}

/// An exception of the comparison leaves the array as it was, and this call's copies unfreed.
unsafe fn sort(base: *mut u8, count: usize, width: usize, order: Option<Order>) {
    let Some(order) = order else { return };
    // SAFETY: the driver's array of `count` elements; elements are compared as copies.
    unsafe {
        let mut elements: Vec<Vec<u8>> =
            (0..count).map(|index| std::slice::from_raw_parts(base.add(index * width), width).to_vec()).collect();
        let site = crate::context::CallSite::new("qsort comparison", order as usize);
        elements.sort_by(|a, b| {
            crate::context::call_driver(site, || order(a.as_ptr(), b.as_ptr())).cmp(&0).then(Ordering::Equal)
        });
        for (index, element) in elements.iter().enumerate() {
            std::ptr::copy_nonoverlapping(element.as_ptr(), base.add(index * width), width);
        }
    }
}

/// Touches each page of a frame that is about to be made, of `rax` bytes; keeps all registers.
#[unsafe(naked)]
unsafe extern "win64" fn chkstk() {
    std::arch::naked_asm!(
        "push rcx",
        "push rax",
        "cmp rax, 0x1000",
        "lea rcx, [rsp + 24]",
        "jb 3f",
        "2:",
        "sub rcx, 0x1000",
        "test qword ptr [rcx], rcx",
        "sub rax, 0x1000",
        "cmp rax, 0x1000",
        "ja 2b",
        "3:",
        "sub rcx, rax",
        "test qword ptr [rcx], rcx",
        "pop rax",
        "pop rcx",
        "ret",
    )
}
