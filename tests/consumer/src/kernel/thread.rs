//! System threads.

use crate::kernel::{Shared, irql};
use core::ptr;
use wdk_sys::{
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    HANDLE, NTSTATUS, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, PVOID, STATUS_SUCCESS,
    ntddk::{
        KeWaitForSingleObject, ObReferenceObjectByHandle, ObfDereferenceObject, PsCreateSystemThread, ZwClose,
        ZwWaitForSingleObject,
    },
};

/// What a thread does.
pub trait Main: Send + Sync + 'static {
    /// Runs on the thread at PASSIVE_LEVEL; the thread ends when it returns.
    fn main(&self);
}

/// A system thread. Dropping it waits at PASSIVE_LEVEL until it has ended.
pub struct Thread {
    object: PVOID,
}

impl Thread {
    /// Starts a thread at PASSIVE_LEVEL.
    pub fn start<M: Main>(main: Shared<M>) -> Result<Self, NTSTATUS> {
        irql::assert_passive();
        let mut handle: HANDLE = ptr::null_mut();
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            Attributes: OBJ_KERNEL_HANDLE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let context = main.into_context();
        // SAFETY: the routine takes the reference in its context; all pointers live during the call.
        let status = unsafe {
            PsCreateSystemThread(
                &mut handle,
                ALL_ACCESS,
                &mut attributes,
                ptr::null_mut(),
                ptr::null_mut(),
                Some(routine::<M>),
                context,
            )
        };
        if status < STATUS_SUCCESS {
            // SAFETY: no thread was made, so the reference is still ours.
            drop(unsafe { Shared::<M>::from_context(context) });
            return Err(status);
        }
        let mut object: PVOID = ptr::null_mut();
        // SAFETY: the handle is ours; a null type is allowed for kernel callers.
        let referenced = unsafe {
            ObReferenceObjectByHandle(
                handle,
                ALL_ACCESS,
                ptr::null_mut(),
                KernelMode as i8,
                &mut object,
                ptr::null_mut(),
            )
        };
        if referenced < STATUS_SUCCESS {
            // Nothing documented makes this fail for a handle just made; the image may not go before the thread.
            // SAFETY: the handle is ours and this is PASSIVE_LEVEL.
            let _ = unsafe { ZwWaitForSingleObject(handle, 0, ptr::null_mut()) };
        }
        // SAFETY: the handle is ours and is not used again.
        let _ = unsafe { ZwClose(handle) };
        if referenced < STATUS_SUCCESS { Err(referenced) } else { Ok(Self { object }) }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        irql::assert_passive();
        // The thread object is signalled when the thread has left this image for good (KP-THR-01).
        // SAFETY: the object is referenced.
        let _ = unsafe { KeWaitForSingleObject(self.object, Executive, KernelMode as i8, 0, ptr::null_mut()) };
        // SAFETY: the reference is ours and goes once.
        unsafe { ObfDereferenceObject(self.object) };
    }
}

const ALL_ACCESS: u32 = 0x001F_FFFF;

// Returning from the routine ends a system thread.
unsafe extern "C" fn routine<M: Main>(context: PVOID) {
    // SAFETY: `start` gave the reference to this thread.
    if let Some(main) = unsafe { Shared::<M>::from_context(context) } {
        main.main();
    }
}
