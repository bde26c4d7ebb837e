//! System threads that are always joined (KP-THR-01, KP-THR-02).
//!
//! `unsafe` is here because a thread's context crosses the kernel as a bare pointer.

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use wdk_sys::ntddk::{ObReferenceObjectByHandle, ObfDereferenceObject, PsCreateSystemThread, ZwClose};

use crate::bugcheck::{self, Reason};
use crate::event;
use crate::irql::{self, Cx, Passive};

/// SYNCHRONIZE: enough to wait for the thread.
const SYNCHRONIZE: u32 = 0x0010_0000;
/// THREAD_ALL_ACCESS is not needed: the thread is only waited for.
const ACCESS: u32 = SYNCHRONIZE;
/// OBJ_KERNEL_HANDLE.
const OBJ_KERNEL_HANDLE: u32 = 0x200;

/// What a thread does, and with what.
pub trait Main {
    /// The thread's context.
    type Context: Sync;

    /// Runs at PASSIVE_LEVEL on the new thread; returning ends it.
    fn run(context: &Self::Context, cx: &mut Cx<Passive>);
}

/// A system thread of this driver. It must be joined: code of an unloaded image would run otherwise.
pub struct Thread {
    object: NonNull<c_void>,
}

// SAFETY: the reference to the thread object may be waited on and dropped anywhere.
unsafe impl Send for Thread {}
// SAFETY: nothing can be done with a shared `Thread`.
unsafe impl Sync for Thread {}

impl Thread {
    /// Starts a thread that runs `M` with `context`.
    ///
    /// # Safety
    /// `context` lives until [`Thread::join`] has returned.
    ///
    /// # Errors
    /// The kernel's status (memory, mostly).
    pub unsafe fn start<M: Main>(context: NonNull<M::Context>, cx: &mut Cx<Passive>) -> Result<Self, i32> {
        let mut attributes = wdk_sys::OBJECT_ATTRIBUTES {
            Length: size_of::<wdk_sys::OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: ptr::null_mut(),
            ObjectName: ptr::null_mut(),
            Attributes: OBJ_KERNEL_HANDLE,
            SecurityDescriptor: ptr::null_mut(),
            SecurityQualityOfService: ptr::null_mut(),
        };
        let mut handle: wdk_sys::HANDLE = ptr::null_mut();
        // SAFETY: PASSIVE_LEVEL by token; out-parameter and attributes live across the call; the
        // context outlives the thread by the caller's promise.
        let status = unsafe {
            PsCreateSystemThread(
                &raw mut handle,
                ACCESS,
                &raw mut attributes,
                ptr::null_mut(),
                ptr::null_mut(),
                Some(shim::<M>),
                context.as_ptr().cast(),
            )
        };
        if status < 0 {
            return Err(status);
        }
        let mut object: *mut c_void = ptr::null_mut();
        // SAFETY: a handle of our own to a thread; KernelMode; no type check is needed on it.
        let status =
            unsafe { ObReferenceObjectByHandle(handle, ACCESS, ptr::null_mut(), 0, &raw mut object, ptr::null_mut()) };
        let object = NonNull::new(object).filter(|_| status >= 0);
        let Some(object) = object else {
            // The thread runs and cannot be waited for by object: wait by its handle's last use
            // is not possible either, so this broken promise of the kernel is not survivable.
            bugcheck::stop(Reason::ThreadNotJoined, handle.expose_provenance(), status as usize, 0);
        };
        // SAFETY: the handle is ours and not used again.
        let _ = unsafe { ZwClose(handle) };
        let _ = cx;
        Ok(Self { object })
    }

    /// Waits until the thread has ended. The caller has told it to.
    pub fn join(self, cx: &mut Cx<Passive>) {
        // SAFETY: a referenced thread object is a dispatcher object.
        let _ = unsafe { event::wait_for(self.object.as_ptr(), None, cx) };
        // SAFETY: gives back the reference of `start`, once.
        unsafe { ObfDereferenceObject(self.object.as_ptr()) };
        core::mem::forget(self);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        bugcheck::stop(Reason::ThreadNotJoined, self.object.addr().get(), 0, 0);
    }
}

impl core::fmt::Debug for Thread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Thread")
    }
}

/// What the kernel calls. A system thread ends by returning.
unsafe extern "C" fn shim<M: Main>(context: *mut c_void) {
    // SAFETY: a thread begins at PASSIVE_LEVEL with no lock held.
    let mut cx = unsafe { irql::enter::<Passive>(c"system thread") };
    // SAFETY: the starter keeps the context alive until it has joined.
    let context = unsafe { &*context.cast::<M::Context>() };
    M::run(context, &mut cx);
}
