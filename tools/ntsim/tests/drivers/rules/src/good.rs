//! What the bad cases do, done rightly.

use crate::state::{DPC, EVENT, LOCK, RAN, TAG, TIMER, initialize, lower, mark, milliseconds, raise};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};
use wdk_sys::ntddk::{
    DbgPrint, ExAllocatePool2, ExFreePoolWithTag, IoAllocateMdl, IoFreeMdl, KeAcquireSpinLockRaiseToDpc, KeCancelTimer,
    KeDelayExecutionThread, KeFlushQueuedDpcs, KeInsertQueueDpc, KeReleaseSpinLock, KeSetEvent, KeSetTimer,
    KeWaitForSingleObject, MmBuildMdlForNonPagedPool, ObReferenceObjectByHandle, ObfDereferenceObject,
    PsCreateSystemThread, PsTerminateSystemThread, ZwClose,
};
use wdk_sys::{
    _KWAIT_REASON, _MODE, HANDLE, KPROCESSOR_MODE, NTSTATUS, POOL_FLAG_NON_PAGED, PVOID, STATUS_SUCCESS,
    STATUS_TIMEOUT, STATUS_UNSUCCESSFUL,
};

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Each step; the number of the first that went wrong is printed.
pub fn run() -> NTSTATUS {
    initialize(Some(mark));
    let steps: [fn() -> bool; 8] = [pool, event, spin_lock, dpc, timer, thread, mdl, many_threads];
    for (number, step) in steps.iter().enumerate() {
        if !step() {
            // SAFETY: a format with one integer.
            unsafe { DbgPrint(c"step %d of the good case failed\n".as_ptr(), number as i32) };
            return STATUS_UNSUCCESSFUL;
        }
    }
    STATUS_SUCCESS
}

fn pool() -> bool {
    for size in [1u64, 16, 100, 4096, 70_000] {
        // SAFETY: an allocation, used within its size, freed once.
        unsafe {
            let block = ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG).cast::<u8>();
            if block.is_null() || block.read() != 0 {
                return false;
            }
            block.add(size as usize - 1).write(1);
            ExFreePoolWithTag(block.cast(), TAG);
        }
    }
    true
}

fn wait(limit: i64) -> NTSTATUS {
    let mut limit = milliseconds(limit);
    // SAFETY: an initialised event.
    unsafe {
        KeWaitForSingleObject(
            EVENT.get().cast(),
            _KWAIT_REASON::Executive,
            _MODE::KernelMode as KPROCESSOR_MODE,
            0,
            &raw mut limit,
        )
    }
}

fn event() -> bool {
    if wait(5) != STATUS_TIMEOUT {
        return false;
    }
    let old = raise();
    // SAFETY: an initialised event.
    let before = unsafe { KeSetEvent(EVENT.get(), 0, 0) };
    let polled = wait(0) == STATUS_SUCCESS && wait(0) == STATUS_TIMEOUT;
    lower(old);
    before == 0 && polled
}

fn spin_lock() -> bool {
    // SAFETY: an initialised lock, released by who took it.
    unsafe {
        let old = KeAcquireSpinLockRaiseToDpc(LOCK.get());
        KeReleaseSpinLock(LOCK.get(), old);
    }
    true
}

fn dpc() -> bool {
    RAN.store(false, Ordering::Release);
    let old = raise();
    // SAFETY: an initialised DPC.
    let (first, second) = unsafe {
        (KeInsertQueueDpc(DPC.get(), null_mut(), null_mut()), KeInsertQueueDpc(DPC.get(), null_mut(), null_mut()))
    };
    // The processor is occupied: the DPC has to wait for it.
    let early = RAN.load(Ordering::Acquire);
    lower(old);
    // SAFETY: PASSIVE_LEVEL.
    unsafe { KeFlushQueuedDpcs() };
    first == 1 && second == 0 && !early && RAN.load(Ordering::Acquire)
}

fn timer() -> bool {
    RAN.store(false, Ordering::Release);
    // SAFETY: an initialised timer and DPC.
    unsafe {
        KeSetTimer(TIMER.get(), milliseconds(3), DPC.get());
        let mut limit = milliseconds(2000);
        let status = KeWaitForSingleObject(
            TIMER.get().cast(),
            _KWAIT_REASON::Executive,
            _MODE::KernelMode as KPROCESSOR_MODE,
            0,
            &raw mut limit,
        );
        KeFlushQueuedDpcs();
        let ran = RAN.load(Ordering::Acquire);
        KeSetTimer(TIMER.get(), milliseconds(60_000), DPC.get());
        status == STATUS_SUCCESS && ran && KeCancelTimer(TIMER.get()) == 1 && KeCancelTimer(TIMER.get()) == 0
    }
}

unsafe extern "C" fn returns(context: PVOID) {
    // SAFETY: the event in the image's memory.
    unsafe { KeSetEvent(context.cast(), 0, 0) };
}

unsafe extern "C" fn terminates(_context: PVOID) {
    THREADS.fetch_add(1, Ordering::AcqRel);
    // SAFETY: a system thread at PASSIVE_LEVEL without locks.
    let _ = unsafe { PsTerminateSystemThread(STATUS_SUCCESS) };
    // Never reached.
    THREADS.fetch_add(1000, Ordering::AcqRel);
}

unsafe fn start(routine: unsafe extern "C" fn(PVOID), context: PVOID) -> Option<PVOID> {
    let mut handle: HANDLE = null_mut();
    let mut object: PVOID = null_mut();
    // SAFETY: documented use; the handle is closed, the reference is the caller's.
    unsafe {
        if PsCreateSystemThread(&raw mut handle, 0, null_mut(), null_mut(), null_mut(), Some(routine), context)
            != STATUS_SUCCESS
        {
            return None;
        }
        let status = ObReferenceObjectByHandle(
            handle,
            0,
            null_mut(),
            _MODE::KernelMode as KPROCESSOR_MODE,
            &raw mut object,
            null_mut(),
        );
        let _ = ZwClose(handle);
        (status == STATUS_SUCCESS).then_some(object)
    }
}

unsafe fn join(object: PVOID) -> bool {
    // SAFETY: a referenced thread.
    unsafe {
        let status = KeWaitForSingleObject(
            object,
            _KWAIT_REASON::Executive,
            _MODE::KernelMode as KPROCESSOR_MODE,
            0,
            null_mut(),
        );
        ObfDereferenceObject(object);
        status == STATUS_SUCCESS
    }
}

fn thread() -> bool {
    // SAFETY: the threads are waited for.
    unsafe {
        let Some(object) = start(returns, EVENT.get().cast()) else {
            return false;
        };
        let signalled = wait(2000) == STATUS_SUCCESS;
        let joined = join(object);
        let Some(object) = start(terminates, null_mut()) else {
            return false;
        };
        signalled && joined && join(object) && THREADS.load(Ordering::Acquire) == 1
    }
}

unsafe extern "C" fn counts(_context: PVOID) {
    for _ in 0..2000 {
        // SAFETY: an initialised lock, released by who took it.
        unsafe {
            let old = KeAcquireSpinLockRaiseToDpc(LOCK.get());
            // Not atomic on purpose: the lock has to do it.
            THREADS.store(THREADS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            KeReleaseSpinLock(LOCK.get(), old);
            KeInsertQueueDpc(DPC.get(), null_mut(), null_mut());
        }
    }
    let mut pause = milliseconds(1);
    // SAFETY: PASSIVE_LEVEL.
    let _ = unsafe { KeDelayExecutionThread(_MODE::KernelMode as KPROCESSOR_MODE, 0, &raw mut pause) };
}

fn many_threads() -> bool {
    THREADS.store(0, Ordering::Release);
    let mut threads = [null_mut(); 8];
    for slot in &mut threads {
        // SAFETY: the threads are waited for.
        let Some(object) = (unsafe { start(counts, null_mut()) }) else {
            return false;
        };
        *slot = object;
    }
    // SAFETY: referenced threads.
    let joined = threads.iter().all(|object| unsafe { join(*object) });
    // SAFETY: PASSIVE_LEVEL.
    unsafe { KeFlushQueuedDpcs() };
    joined && THREADS.load(Ordering::Acquire) == 16_000
}

fn mdl() -> bool {
    // SAFETY: a block described by an MDL while it lives.
    unsafe {
        let block = ExAllocatePool2(POOL_FLAG_NON_PAGED, 5000, TAG);
        let mdl = IoAllocateMdl(block, 5000, 0, 0, null_mut());
        if mdl.is_null() {
            return false;
        }
        MmBuildMdlForNonPagedPool(mdl);
        let right = (*mdl).MappedSystemVa == block && (*mdl).ByteCount == 5000;
        IoFreeMdl(mdl);
        ExFreePoolWithTag(block, TAG);
        right
    }
}
