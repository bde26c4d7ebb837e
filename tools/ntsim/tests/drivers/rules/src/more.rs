//! More cases: locks of all kinds, waits, DPCs, pool, MDLs, what is alive at unload. Each breaks one rule.

use crate::bad::{allocate, pause, spawn};
use crate::state::{AT_UNLOAD, DPC, EVENT, LOCK, TAG, TIMER, initialize, milliseconds, raise};
use core::hint::black_box;
use core::ptr::null_mut;
use core::sync::atomic::Ordering;
use wdk_sys::ntddk::{
    ExAcquireFastMutex, ExAllocatePool2, ExDeleteResourceLite, ExInitializeNPagedLookasideList,
    ExInitializeResourceLite, ExQueueWorkItem, ExReleaseFastMutex, IoAllocateMdl, IoBuildPartialMdl, IoFreeMdl,
    KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeExpandKernelStackAndCalloutEx, KeInitializeDpc,
    KeInitializeEvent, KeInitializeMutex, KeInitializeSemaphore, KeInitializeTimer, KeInsertQueueDpc,
    KeLeaveCriticalRegion, KeReleaseInStackQueuedSpinLock, KeReleaseMutex, KeReleaseSemaphore, KeReleaseSpinLock,
    KeReleaseSpinLockFromDpcLevel, KeSetEvent, KeSetTimer, KeWaitForMultipleObjects, KfRaiseIrql,
    MmBuildMdlForNonPagedPool, MmMapLockedPagesSpecifyCache, MmProbeAndLockPages,
};
use wdk_sys::{
    _EVENT_TYPE, ERESOURCE, FAST_MUTEX, KLOCK_QUEUE_HANDLE, KMUTEX, KSEMAPHORE, KSPIN_LOCK, NPAGED_LOOKASIDE_LIST,
    POOL_FLAG_NON_PAGED, PVOID, WORK_QUEUE_ITEM,
};

// Exported, but in no binding.
#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn ExAcquirePushLockExclusiveEx(lock: *mut usize, flags: u32);
    fn ExAllocatePoolWithTag(kind: i32, size: usize, tag: u32) -> PVOID;
}

/// Runs a case of this file; false if it is none.
pub fn run(name: &[u8]) -> bool {
    let case: fn() = match name {
        b"wrong-irql" => spawn_at_dispatch,
        b"region-not-entered" => region_not_entered,
        b"raise-to-lower" => raise_to_lower,
        b"breakpoint" => breakpoint,
        b"dpc-releases" => dpc_releases,
        b"lock-mixed" => lock_mixed,
        b"lock-corrupt" => lock_corrupt,
        b"too-many-locks" => too_many_locks,
        b"mutex-recursion" => mutex_recursion,
        b"mutex-not-held" => mutex_not_held,
        b"no-critical-region" => no_critical_region,
        b"resource-in-use" => resource_in_use,
        b"semaphore-limit" => semaphore_limit,
        b"mutex-not-owned" => mutex_not_owned,
        b"wait-for-none" => wait_for_none,
        b"bad-parameter" => bad_parameter,
        b"dpc-in-use" => dpc_in_use,
        b"dpc-not-initialized" => dpc_not_initialized,
        b"timer-in-use" => timer_in_use,
        b"bad-tag" => bad_tag,
        b"bad-flags" => bad_flags,
        b"executable" => executable,
        b"mdl-not-locked" => mdl_not_locked,
        b"mdl-range" => mdl_range,
        b"thread-bad-exit" => thread_bad_exit,
        b"lock-of-caller" => lock_of_caller,
        b"set-event-and-wait" => set_event_and_wait,
        b"map-to-user" => map_to_user,
        b"mdl-still-locked" => mdl_still_locked,
        b"lookaside-of-nothing" => lookaside_of_nothing,
        b"work-at-unload" => work_at_unload,
        _ => return false,
    };
    case();
    // A tail call would leave no frame of this function.
    black_box(());
    true
}

// SAFETY (all blocks below): none; what they do is wrong on purpose and the kernel has to stop it.

fn spawn_at_dispatch() {
    raise();
    spawn(works_long);
}

fn region_not_entered() {
    // SAFETY: see above.
    unsafe { KeLeaveCriticalRegion() };
}

fn raise_to_lower() {
    raise();
    // SAFETY: see above.
    unsafe { KfRaiseIrql(0) };
}

fn breakpoint() {
    // SAFETY: see above.
    unsafe { core::arch::asm!("int 3") };
}

unsafe extern "C" fn releases(_dpc: *mut wdk_sys::KDPC, _context: PVOID, _a: PVOID, _b: PVOID) {
    // SAFETY: see above.
    unsafe { KeReleaseSpinLock(LOCK.get(), 2) };
}

/// The DPC runs on the thread that lowers the IRQL, or on another; the lock is nobody's there.
fn dpc_releases() {
    initialize(Some(releases));
    // SAFETY: see above.
    unsafe { KeInsertQueueDpc(DPC.get(), null_mut(), null_mut()) };
    pause(5_000);
}

fn lock_mixed() {
    // SAFETY: see above.
    unsafe {
        KeAcquireSpinLockRaiseToDpc(LOCK.get());
        let mut handle: KLOCK_QUEUE_HANDLE = core::mem::zeroed();
        handle.LockQueue.Lock = LOCK.get().cast();
        KeReleaseInStackQueuedSpinLock(&raw mut handle);
    }
}

fn lock_corrupt() {
    raise();
    // SAFETY: see above.
    unsafe {
        LOCK.get().cast::<u64>().write(0x1234_5678);
        KeAcquireSpinLockAtDpcLevel(LOCK.get());
    }
}

fn too_many_locks() {
    raise();
    let locks = allocate(64 * 8).cast::<KSPIN_LOCK>();
    for at in 0..64 {
        // SAFETY: see above.
        unsafe { KeAcquireSpinLockAtDpcLevel(locks.add(at)) };
    }
}

/// A fast mutex as `ExInitializeFastMutex` makes it, which is inline on Windows.
fn fast_mutex() -> *mut FAST_MUTEX {
    let mutex = allocate(size_of::<FAST_MUTEX>() as u64).cast::<FAST_MUTEX>();
    // SAFETY: see above.
    unsafe {
        (*mutex).Count = 1;
        KeInitializeEvent(&raw mut (*mutex).Event, _EVENT_TYPE::SynchronizationEvent, 0);
    }
    mutex
}

fn mutex_recursion() {
    let mutex = fast_mutex();
    // SAFETY: see above.
    unsafe {
        ExAcquireFastMutex(mutex);
        ExAcquireFastMutex(mutex);
    }
}

fn mutex_not_held() {
    // SAFETY: see above.
    unsafe {
        KfRaiseIrql(1);
        ExReleaseFastMutex(fast_mutex());
    }
}

fn no_critical_region() {
    // SAFETY: see above.
    unsafe { ExAcquirePushLockExclusiveEx(allocate(8).cast(), 0) };
}

fn resource_in_use() {
    // SAFETY: see above.
    unsafe {
        let resource = allocate(size_of::<ERESOURCE>() as u64).cast::<ERESOURCE>();
        let _ = ExInitializeResourceLite(resource);
        wdk_sys::ntddk::KeEnterCriticalRegion();
        wdk_sys::ntddk::ExAcquireResourceExclusiveLite(resource, 1);
        let _ = ExDeleteResourceLite(resource);
    }
}

fn semaphore_limit() {
    // SAFETY: see above.
    unsafe {
        let semaphore = allocate(size_of::<KSEMAPHORE>() as u64).cast::<KSEMAPHORE>();
        KeInitializeSemaphore(semaphore, 1, 1);
        KeReleaseSemaphore(semaphore, 0, 1, 0);
    }
}

fn mutex_not_owned() {
    // SAFETY: see above.
    unsafe {
        let mutex = allocate(size_of::<KMUTEX>() as u64).cast::<KMUTEX>();
        KeInitializeMutex(mutex, 0);
        KeReleaseMutex(mutex, 0);
    }
}

fn wait_for_none() {
    let mut objects: [PVOID; 1] = [EVENT.get().cast()];
    // SAFETY: see above.
    let _ = unsafe { KeWaitForMultipleObjects(0, objects.as_mut_ptr(), 1, 0, 0, 0, null_mut(), null_mut()) };
}

fn bad_parameter() {
    // SAFETY: see above.
    unsafe { KeInitializeSemaphore(allocate(size_of::<KSEMAPHORE>() as u64).cast(), 2, 1) };
}

fn dpc_in_use() {
    initialize(Some(crate::state::mark));
    raise();
    // SAFETY: see above.
    unsafe {
        KeInsertQueueDpc(DPC.get(), null_mut(), null_mut());
        KeInitializeDpc(DPC.get(), Some(crate::state::mark), null_mut());
    }
}

fn dpc_not_initialized() {
    // SAFETY: see above.
    unsafe { KeInsertQueueDpc(allocate(64).cast(), null_mut(), null_mut()) };
}

fn timer_in_use() {
    // SAFETY: see above.
    unsafe {
        KeSetTimer(TIMER.get(), milliseconds(60_000), null_mut());
        KeInitializeTimer(TIMER.get());
    }
}

fn bad_tag() {
    // SAFETY: see above.
    unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0) };
}

fn bad_flags() {
    // SAFETY: see above.
    unsafe { ExAllocatePool2(0, 8, TAG) };
}

fn executable() {
    // SAFETY: see above. 0 is NonPagedPool, which is executable.
    unsafe { ExAllocatePoolWithTag(0, 8, TAG) };
}

fn mdl_not_locked() {
    // SAFETY: see above.
    unsafe {
        let mdl = IoAllocateMdl(allocate(64), 64, 0, 0, null_mut());
        MmMapLockedPagesSpecifyCache(mdl, 0, 1, null_mut(), 0, 16);
    }
}

fn mdl_range() {
    // SAFETY: see above.
    unsafe {
        let block = allocate(64);
        let source = IoAllocateMdl(block, 64, 0, 0, null_mut());
        MmBuildMdlForNonPagedPool(source);
        let part = IoAllocateMdl(block, 128, 0, 0, null_mut());
        IoBuildPartialMdl(source, part, block, 128);
        IoFreeMdl(part);
    }
}

unsafe extern "C" fn ends_in_region(_context: PVOID) {
    // SAFETY: see above.
    unsafe {
        wdk_sys::ntddk::KeEnterCriticalRegion();
        let _ = wdk_sys::ntddk::PsTerminateSystemThread(0);
    }
    black_box(());
}

fn thread_bad_exit() {
    spawn(ends_in_region);
    pause(5_000);
}

unsafe extern "C" fn releases_of_caller(_context: PVOID) {
    // SAFETY: see above.
    unsafe { KeReleaseSpinLockFromDpcLevel(LOCK.get()) };
}

fn lock_of_caller() {
    raise();
    // SAFETY: see above.
    unsafe {
        KeAcquireSpinLockAtDpcLevel(LOCK.get());
        let _ = KeExpandKernelStackAndCalloutEx(Some(releases_of_caller), null_mut(), 4096, 0, null_mut());
    }
}

fn set_event_and_wait() {
    raise();
    // SAFETY: see above.
    unsafe { KeSetEvent(EVENT.get(), 0, 1) };
}

fn map_to_user() {
    // SAFETY: see above. 1 is UserMode.
    unsafe {
        let mdl = IoAllocateMdl(allocate(64), 64, 0, 0, null_mut());
        MmBuildMdlForNonPagedPool(mdl);
        MmMapLockedPagesSpecifyCache(mdl, 1, 1, null_mut(), 0, 16);
    }
}

fn mdl_still_locked() {
    // SAFETY: see above. 1 is IoWriteAccess.
    unsafe {
        let mdl = IoAllocateMdl(allocate(64), 64, 0, 0, null_mut());
        MmProbeAndLockPages(mdl, 0, 1);
        IoFreeMdl(mdl);
    }
}

fn lookaside_of_nothing() {
    let list = allocate(size_of::<NPAGED_LOOKASIDE_LIST>() as u64).cast();
    // SAFETY: see above.
    unsafe { ExInitializeNPagedLookasideList(list, None, None, 0, 0, TAG, 0) };
}

unsafe extern "C" fn works_long(_context: PVOID) {
    pause(6_000);
}

fn work_at_unload() {
    AT_UNLOAD.store(queue_work as *const () as usize, Ordering::Release);
}

fn queue_work() {
    let item = allocate(size_of::<WORK_QUEUE_ITEM>() as u64).cast::<WORK_QUEUE_ITEM>();
    // SAFETY: see above. 1 is DelayedWorkQueue.
    unsafe {
        (*item).WorkerRoutine = Some(works_long);
        ExQueueWorkItem(item, 1);
    }
}
