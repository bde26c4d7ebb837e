//! Frees pool twice.
#![no_std]

extern crate wdk_panic;

use wdk_sys::ntddk::{ExAllocatePool2, ExFreePoolWithTag};
use wdk_sys::{_DRIVER_OBJECT, NTSTATUS, PDRIVER_OBJECT, POOL_FLAG_NON_PAGED, PUNICODE_STRING, PVOID, STATUS_SUCCESS};

const TAG: u32 = u32::from_le_bytes(*b"BadF");

#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, _path: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // SAFETY: an allocation of 64 bytes.
    let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG) };
    release_block(block);
    release_block_again(block);
    STATUS_SUCCESS
}

#[inline(never)]
fn release_block(block: PVOID) {
    // SAFETY: allocated above.
    unsafe { ExFreePoolWithTag(block, TAG) };
    keep_frame(1);
}

/// Keeps the call before it from becoming a jump, and the two functions from being merged: both
/// would leave no trace of the function.
#[inline(always)]
fn keep_frame(number: u32) {
    core::hint::black_box(number);
}

/// The mistake.
#[inline(never)]
fn release_block_again(block: PVOID) {
    // SAFETY: none: this is what the verifier has to find.
    unsafe { ExFreePoolWithTag(block, TAG) };
    keep_frame(2);
}

extern "C" fn unload(_driver: *mut _DRIVER_OBJECT) {}
