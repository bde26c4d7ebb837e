//! One function for each rule; each breaks exactly that one.

use crate::state::{AT_UNLOAD, DPC, EVENT, LOCK, TAG, TIMER, initialize, mark, milliseconds, raise};
use core::hint::black_box;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use wdk_sys::ntddk::{
    ExAllocatePool2, ExFreePoolWithTag, ExInitializeRundownProtection, ExReleaseRundownProtection, IoAllocateMdl,
    IoFreeMdl, KeAcquireSpinLockRaiseToDpc, KeBugCheckEx, KeDelayExecutionThread, KeEnterCriticalRegion,
    KeInsertQueueDpc, KeLowerIrql, KeReleaseSpinLock, KeSetEvent, KeSetTimer, KeWaitForSingleObject,
    MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache, MmUnlockPages, ObfDereferenceObject, PsCreateSystemThread,
    PsTerminateSystemThread, ZwClose,
};
use wdk_sys::{
    _KWAIT_REASON, _MODE, EX_RUNDOWN_REF, HANDLE, KPROCESSOR_MODE, NTSTATUS, POOL_FLAG_NON_PAGED, POOL_FLAG_PAGED,
    PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

macro_rules! cases {
    ($name:expr; $($text:literal => $function:ident,)*) => {
        match $name {
            $($text => $function(),)*
            name if crate::more::run(name) || crate::net::run(name) => {}
            _ => return STATUS_INVALID_PARAMETER,
        }
    };
}

/// Runs a case; most of them do not come back.
pub fn run(name: &[u8]) -> NTSTATUS {
    initialize(Some(mark));
    cases! { name;
        b"entry-fails" => nothing,
        b"wait-at-dispatch" => wait_at_dispatch,
        b"delay-at-dispatch" => delay_at_dispatch,
        b"lock-recursion" => lock_recursion,
        b"lock-not-owned" => lock_not_owned,
        b"lock-held-at-return" => lock_held_at_return,
        b"irql-at-return" => irql_at_return,
        b"lower-with-lock" => lower_with_lock,
        b"lower-to-higher" => lower_to_higher,
        b"region-left-open" => region_left_open,
        b"event-not-initialized" => event_not_initialized,
        b"double-free" => double_free,
        b"wrong-tag" => wrong_tag,
        b"foreign-free" => foreign_free,
        b"overrun" => overrun,
        b"paged-at-dispatch" => paged_at_dispatch,
        b"zero-bytes" => zero_bytes,
        b"use-after-free" => use_after_free,
        b"leak-pool" => leak_pool,
        b"leak-at-failure" => leak_at_failure,
        b"timer-at-unload" => timer_at_unload,
        b"thread-at-unload" => thread_at_unload,
        b"freed-with-timer" => freed_with_timer,
        b"mdl-double-free" => mdl_double_free,
        b"mdl-mapped-nonpaged" => mdl_mapped_nonpaged,
        b"mdl-unlock" => mdl_unlock,
        b"null-read" => null_read,
        b"null-read-at-dispatch" => null_read_at_dispatch,
        b"null-call" => null_call,
        b"write-code" => write_code,
        b"fast-fail" => fast_fail,
        b"assertion" => assertion,
        b"illegal" => illegal,
        b"privileged" => privileged,
        b"divide" => divide,
        b"stack-overflow" => stack_overflow,
        b"driver-bugcheck" => driver_bugcheck,
        b"foreign-exit" => foreign_exit,
        b"underflow" => underflow,
        b"bad-handle" => bad_handle,
        b"rundown" => rundown,
        b"null-dpc" => null_dpc,
        b"dpc-holds-lock" => dpc_holds_lock,
        b"thread-holds-irql" => thread_holds_irql,
        b"copy-from-null" => copy_from_null,
    };
    if matches!(name, b"entry-fails" | b"leak-at-failure") { STATUS_UNSUCCESSFUL } else { STATUS_SUCCESS }
}

fn nothing() {}

pub fn pause(count: i64) {
    let mut interval = milliseconds(count);
    // SAFETY: a relative interval.
    let _ = unsafe { KeDelayExecutionThread(_MODE::KernelMode as KPROCESSOR_MODE, 0, &raw mut interval) };
}

pub fn allocate(size: u64) -> PVOID {
    // SAFETY: a plain allocation.
    unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG) }
}

// SAFETY (all blocks below): none; what they do is wrong on purpose and the kernel has to stop it.

#[inline(never)]
fn wait_at_dispatch() {
    raise();
    let mut limit = milliseconds(10);
    // SAFETY: see above.
    let _ = unsafe {
        KeWaitForSingleObject(
            EVENT.get().cast(),
            _KWAIT_REASON::Executive,
            _MODE::KernelMode as KPROCESSOR_MODE,
            0,
            &raw mut limit,
        )
    };
}

fn delay_at_dispatch() {
    raise();
    pause(1);
}

fn lock_recursion() {
    // SAFETY: see above.
    unsafe {
        KeAcquireSpinLockRaiseToDpc(LOCK.get());
        KeAcquireSpinLockRaiseToDpc(LOCK.get());
    }
}

fn lock_not_owned() {
    let old = raise();
    // SAFETY: see above.
    unsafe { KeReleaseSpinLock(LOCK.get(), old) };
}

fn lock_held_at_return() {
    // SAFETY: see above.
    unsafe { KeAcquireSpinLockRaiseToDpc(LOCK.get()) };
}

fn irql_at_return() {
    raise();
}

fn lower_with_lock() {
    // SAFETY: see above.
    unsafe {
        let old = KeAcquireSpinLockRaiseToDpc(LOCK.get());
        KeLowerIrql(old);
    }
}

fn lower_to_higher() {
    // SAFETY: see above.
    unsafe { KeLowerIrql(2) };
}

fn region_left_open() {
    // SAFETY: see above.
    unsafe { KeEnterCriticalRegion() };
}

fn event_not_initialized() {
    // SAFETY: see above.
    unsafe { KeSetEvent(DPC.get().cast(), 0, 0) };
}

fn double_free() {
    let block = allocate(100);
    // SAFETY: see above.
    unsafe {
        ExFreePoolWithTag(block, TAG);
        ExFreePoolWithTag(block, TAG);
    }
}

fn wrong_tag() {
    // SAFETY: see above.
    unsafe { ExFreePoolWithTag(allocate(100), TAG ^ 1) };
}

fn foreign_free() {
    // SAFETY: see above.
    unsafe { ExFreePoolWithTag(allocate(100).cast::<u8>().add(16).cast(), TAG) };
}

fn overrun() {
    let block = allocate(100).cast::<u8>();
    // SAFETY: see above.
    unsafe {
        block.add(black_box(100)).write_volatile(0);
        ExFreePoolWithTag(block.cast(), TAG);
    }
}

fn paged_at_dispatch() {
    raise();
    // SAFETY: see above.
    unsafe { ExAllocatePool2(POOL_FLAG_PAGED, 8, TAG) };
}

fn zero_bytes() {
    allocate(0);
}

/// With guard pages the read faults.
fn use_after_free() {
    let block = allocate(100).cast::<u8>();
    // SAFETY: see above.
    unsafe {
        ExFreePoolWithTag(block.cast(), TAG);
        block.add(8).read_volatile();
    }
}

#[inline(never)]
fn leak_pool() {
    allocate(77);
    // A tail call would leave no frame of this function.
    black_box(());
}

fn leak_at_failure() {
    allocate(78);
}

fn timer_at_unload() {
    AT_UNLOAD.store(set_late_timer as *const () as usize, Ordering::Release);
}

fn set_late_timer() {
    // SAFETY: see above.
    unsafe { KeSetTimer(TIMER.get(), milliseconds(60_000), DPC.get()) };
}

unsafe extern "C" fn sleeps(_context: PVOID) {
    pause(5_000);
}

pub fn spawn(routine: unsafe extern "C" fn(PVOID)) {
    let mut handle: HANDLE = null_mut();
    // SAFETY: see above.
    unsafe {
        let _ = PsCreateSystemThread(&raw mut handle, 0, null_mut(), null_mut(), null_mut(), Some(routine), null_mut());
        let _ = ZwClose(handle);
    }
}

fn thread_at_unload() {
    spawn(sleeps);
}

fn freed_with_timer() {
    let block = allocate(256);
    // SAFETY: see above.
    unsafe {
        wdk_sys::ntddk::KeInitializeTimer(block.cast());
        KeSetTimer(block.cast(), milliseconds(60_000), null_mut());
        ExFreePoolWithTag(block, TAG);
    }
}

fn mdl_double_free() {
    // SAFETY: see above.
    unsafe {
        let mdl = IoAllocateMdl(EVENT.get().cast(), 8, 0, 0, null_mut());
        IoFreeMdl(mdl);
        IoFreeMdl(mdl);
    }
}

fn mdl_mapped_nonpaged() {
    // SAFETY: see above.
    unsafe {
        let mdl = IoAllocateMdl(allocate(64), 64, 0, 0, null_mut());
        MmBuildMdlForNonPagedPool(mdl);
        MmMapLockedPagesSpecifyCache(mdl, 0, 1, null_mut(), 0, 16);
    }
}

fn mdl_unlock() {
    // SAFETY: see above.
    unsafe { MmUnlockPages(IoAllocateMdl(allocate(64), 64, 0, 0, null_mut())) };
}

#[inline(never)]
fn null_read() {
    let pointer = black_box(core::ptr::without_provenance::<u32>(24));
    // SAFETY: see above.
    black_box(unsafe { pointer.read_volatile() });
}

fn null_read_at_dispatch() {
    raise();
    null_read();
}

#[inline(never)]
fn null_call() {
    // SAFETY: see above. Bits of a function pointer, null behind the compiler's back.
    let function: extern "C" fn(u32) =
        unsafe { core::mem::transmute::<usize, extern "C" fn(u32)>(black_box(AT_UNLOAD.load(Ordering::Acquire))) };
    function(1);
    black_box(());
}

fn write_code() {
    let code = write_code as *const () as *mut u8;
    // SAFETY: see above.
    unsafe { black_box(code).write_volatile(0) };
}

fn fast_fail() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("int 0x29", in("ecx") 3) };
}

fn assertion() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("int 0x2c") };
}

fn illegal() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("ud2") };
}

fn privileged() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("cli") };
}

fn divide() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("xor ecx, ecx", "xor edx, edx", "div ecx", out("eax") _, out("ecx") _, out("edx") _) };
}

#[inline(never)]
#[expect(unconditional_recursion, reason = "that is the case")]
fn descend(depth: u64) -> u64 {
    let block = black_box([depth; 64]);
    descend(depth + 1) + block[0]
}

fn stack_overflow() {
    black_box(descend(0));
}

fn driver_bugcheck() {
    // SAFETY: see above.
    unsafe { KeBugCheckEx(0xE000_0042, 1, 2, 3, 4) };
}

fn foreign_exit() {
    // SAFETY: see above.
    let _ = unsafe { PsTerminateSystemThread(STATUS_SUCCESS) };
}

fn underflow() {
    // SAFETY: see above.
    unsafe { ObfDereferenceObject(EVENT.get().cast()) };
}

fn bad_handle() {
    // SAFETY: see above.
    let _ = unsafe { ZwClose(core::ptr::without_provenance_mut(0x1234)) };
}

fn rundown() {
    // SAFETY: see above. A zeroed word is what the initialisation makes of it.
    unsafe {
        let mut word: EX_RUNDOWN_REF = core::mem::zeroed();
        ExInitializeRundownProtection(&raw mut word);
        ExReleaseRundownProtection(&raw mut word);
    }
}

fn null_dpc() {
    initialize(None);
    // SAFETY: see above.
    unsafe { KeInsertQueueDpc(DPC.get(), null_mut(), null_mut()) };
}

unsafe extern "C" fn keeps_lock(_dpc: *mut wdk_sys::KDPC, _context: PVOID, _a: PVOID, _b: PVOID) {
    // SAFETY: see above.
    unsafe { KeAcquireSpinLockRaiseToDpc(LOCK.get()) };
}

fn dpc_holds_lock() {
    initialize(Some(keeps_lock));
    // SAFETY: see above.
    unsafe { KeInsertQueueDpc(DPC.get(), null_mut(), null_mut()) };
}

unsafe extern "C" fn raises(_context: PVOID) {
    raise();
}

fn thread_holds_irql() {
    spawn(raises);
    pause(5_000);
}

#[inline(never)]
fn copy_from_null() {
    let mut target = [0u8; 300];
    let length = black_box(300);
    // SAFETY: see above.
    unsafe {
        core::ptr::copy_nonoverlapping(black_box(core::ptr::without_provenance::<u8>(16)), target.as_mut_ptr(), length)
    };
    black_box(&target);
}
