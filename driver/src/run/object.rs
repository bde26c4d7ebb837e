//! The block behind every `NDK_*` pointer.
//!
//! ```text
//!  consumer's pointer ──► Face { NDK_OBJECT_HEADER, Dispatch }   HDR-01: 48 bytes, never read again (HDR-08)
//!                         Life                                    who still holds the object
//!                         Closing, node                           what its end owes
//!                         body: the kind's own state              drops its antecedents with it
//! ```
//!
//! The end of an object, wherever the last reference is dropped, is the same: the kind's `ended`, the
//! close completion if one is owed, and only then the body, whose fields release the antecedents
//! (`LIFE-11`). If the close call itself was the last holder all this happens in it and it returns
//! success; else on the device's upcall DPC, never on the stack of an unrelated call (`RE-11`).
//!
//! `unsafe` is here because objects are shared by pointer with C callers and freed by count.

use core::{
    cell::UnsafeCell,
    ffi::c_void,
    marker::PhantomData,
    mem::offset_of,
    ops::Deref,
    ptr::{self, NonNull},
};

use ndkpi_sys::{NDK_FN_CLOSE_COMPLETION, NDK_OBJECT_HEADER, NDK_VERSION};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::{KBox, NoMemory, Tag},
};
use softndk_provider::{
    life::{Dropped, Life},
    status::{NtStatus, PENDING, SUCCESS},
    version::Version,
};

use super::{device::Device, upcall::Node};

/// What consumers know of an object (`HDR-01`).
#[repr(C)]
pub struct Face {
    header: NDK_OBJECT_HEADER,
    dispatch: *const c_void,
}

/// One of the ten kinds of NDK object.
pub trait Kind: Sized + 'static {
    /// `NDK_OBJECT_TYPE` (`HDR-02`).
    const TYPE: i32;
    /// Pool tag.
    const TAG: Tag;
    /// True for the one kind whose close is waited for instead of completed: the adapter (`LIFE-30`).
    const WAITED_FOR: bool = false;

    /// The dispatch table, the same for every object of the kind (`HDR-09`).
    fn table() -> *const c_void;

    /// The last reference is gone; the body's antecedents are still held. What the object gives up
    /// only now, its port for example (`CONN-82`), goes here.
    fn ended(object: &Object<Self>, cx: &mut Cx<AtMostDispatch>) {
        let _ = (object, cx);
    }
}

/// The completion that a close owes.
#[derive(Clone, Copy)]
struct Closing {
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
}

/// One NDK object of kind `T`.
///
/// # Invariants
/// `closing` is written by the one close call before it drops the open handle's reference, and read
/// only by whoever drops the last one.
#[repr(C)]
pub struct Object<T: Kind> {
    face: UnsafeCell<Face>,
    life: Life,
    closing: UnsafeCell<Option<Closing>>,
    node: Node,
    device: NonNull<Device>,
    version: Version,
    body: T,
}

// SAFETY: bodies are Sync by their own means; `face` and `closing` are touched as their docs say.
unsafe impl<T: Kind + Sync> Sync for Object<T> {}
// SAFETY: as above; an object has no home thread.
unsafe impl<T: Kind + Send> Send for Object<T> {}

impl<T: Kind> Object<T> {
    /// Makes an object of an adapter opened at `version`; the result is its open handle.
    ///
    /// # Errors
    /// [`NoMemory`]; the body is dropped then.
    pub fn create(device: &Device, version: Version, body: T) -> Result<Ref<T>, NoMemory> {
        Self::create_with(device, version, |_| body)
    }

    /// As [`Object::create`], for a body that knows the address of its object.
    ///
    /// # Errors
    /// [`NoMemory`]; `body` is not called then.
    pub fn create_with(
        device: &Device,
        version: Version,
        body: impl FnOnce(NonNull<Self>) -> T,
    ) -> Result<Ref<T>, NoMemory> {
        let face = Face {
            header: NDK_OBJECT_HEADER {
                Version: NDK_VERSION { Major: version.major, Minor: version.minor },
                ObjectType: T::TYPE,
                // HDR-04: zero when handed out.
                ..NDK_OBJECT_HEADER::default()
            },
            dispatch: T::table(),
        };
        let room = KBox::<Self>::try_zeroed(T::TAG)?;
        let body = body(room.as_non_null().cast());
        let block = room.write(Self {
            face: UnsafeCell::new(face),
            life: Life::new(),
            closing: UnsafeCell::new(None),
            node: Node::new(finish_node::<T>),
            device: NonNull::from(device),
            version,
            body,
        });
        Ok(Ref { object: block.into_raw(), kind: PhantomData })
    }

    /// The object behind a consumer's pointer.
    ///
    /// # Safety
    /// `face` came from a create of this kind (or its connect event), its close has not been called,
    /// and the call in which this is used is one that the consumer may make (`LIFE-39`).
    pub unsafe fn from_face<'a, F>(face: *mut F) -> &'a Self {
        // SAFETY: the face is the first field, so the pointer is the object's (HDR-11); the caller
        // vouches for its life.
        unsafe { &*face.cast::<Self>() }
    }

    /// The object of which `part`, at `offset` in its body, is a field.
    ///
    /// # Safety
    /// It is.
    pub unsafe fn of_part(part: NonNull<u8>, offset: usize) -> NonNull<Self> {
        // SAFETY: the caller's promise: both offsets lead back to the start of the object.
        unsafe { part.byte_sub(offset_of!(Self, body)).byte_sub(offset) }.cast()
    }

    /// The device that the object belongs to.
    pub fn device(&self) -> &Device {
        // SAFETY: a device outlives its objects: its stop waits for the adapters, they for the rest.
        unsafe { self.device.as_ref() }
    }

    /// The version that its adapter was answered (`VER-05`).
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The kind's own state.
    pub const fn body(&self) -> &T {
        &self.body
    }

    /// One more reference.
    pub fn reference(&self) -> Ref<T> {
        self.life.acquire();
        Ref { object: NonNull::from(self), kind: PhantomData }
    }

    /// One more reference, unless the last one is gone already. For objects found in a list, under
    /// the lock that guards it.
    pub fn try_reference(&self) -> Option<Ref<T>> {
        self.life.try_acquire().then(|| Ref { object: NonNull::from(self), kind: PhantomData })
    }

    /// Gives up the open handle of a kind whose close is waited for.
    pub fn drop_handle(&self) -> Dropped {
        self.life.release()
    }

    /// Closes the open handle, after the kind has started whatever cancellation is needed
    /// (`LIFE-01` to `LIFE-05`). Nothing may touch the object afterwards.
    ///
    /// # Safety
    /// The open handle is the caller's to give up: this is the object's one close call.
    pub unsafe fn close(
        this: NonNull<Self>,
        completion: NDK_FN_CLOSE_COMPLETION,
        context: *mut c_void,
        cx: &mut Cx<AtMostDispatch>,
    ) -> NtStatus {
        // SAFETY: the open handle still holds the object.
        let object = unsafe { this.as_ref() };
        // SAFETY: only the one close call writes here, and nobody reads before the last release.
        unsafe { *object.closing.get() = Some(Closing { completion, context }) };
        match object.life.release() {
            Dropped::Shared => PENDING,
            Dropped::Last => {
                // Done at once: no completion is owed (LIFE-02).
                // SAFETY: the last reference is ours.
                unsafe { *object.closing.get() = None };
                // SAFETY: as above.
                unsafe { finish(this, cx) };
                SUCCESS
            }
        }
    }
}

/// Ends an object of which nobody holds a reference any more.
///
/// # Safety
/// The caller dropped the last reference, or was handed the object by whoever did.
unsafe fn finish<T: Kind>(this: NonNull<Object<T>>, cx: &mut Cx<AtMostDispatch>) {
    // SAFETY: nobody else refers to the object.
    let object = unsafe { this.as_ref() };
    // SAFETY: after the last release the cell is ours.
    let closing = unsafe { (*object.closing.get()).take() };
    T::ended(object, cx);
    if T::WAITED_FOR {
        // `ended` has told the waiting close, which frees the object: do not touch it.
        return;
    }
    if let Some(Closing { completion: Some(completion), context }) = closing {
        // SAFETY: the consumer's function with the consumer's context, at IRQL <= DISPATCH_LEVEL and
        // with no lock held; the last callback for this object (LIFE-03).
        unsafe { completion(context) };
    }
    // SAFETY: the block came from KBox::into_raw in `create`; its body releases the antecedents.
    drop(unsafe { KBox::from_raw(this) });
}

/// [`finish`] for the upcall queue, which knows only nodes.
///
/// # Safety
/// `node` is the node of an `Object<T>` whose last reference is gone.
unsafe fn finish_node<T: Kind>(node: NonNull<Node>, cx: &mut Cx<AtMostDispatch>) {
    // SAFETY: the node lies at this offset in its object.
    let object = unsafe { node.byte_sub(offset_of!(Object<T>, node)) }.cast::<Object<T>>();
    // SAFETY: the caller hands the object over.
    unsafe { finish(object, cx) };
}

/// A reference that keeps an object alive.
pub struct Ref<T: Kind> {
    object: NonNull<Object<T>>,
    kind: PhantomData<Object<T>>,
}

// SAFETY: a counted reference to a Sync object.
unsafe impl<T: Kind + Sync + Send> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T: Kind + Sync + Send> Sync for Ref<T> {}

impl<T: Kind> Ref<T> {
    /// The pointer that consumers get; this reference becomes their open handle.
    pub fn into_face<F>(self) -> *mut F {
        let face = self.object.as_ptr().cast::<F>();
        core::mem::forget(self);
        face
    }

    /// Gives up the guard but not the reference: [`Ref::from_raw`] takes it back.
    pub fn into_raw(self) -> NonNull<Object<T>> {
        let object = self.object;
        core::mem::forget(self);
        object
    }

    /// Takes back what [`Ref::into_raw`] gave up.
    ///
    /// # Safety
    /// The pointer came from [`Ref::into_raw`] and is taken back once.
    pub const unsafe fn from_raw(object: NonNull<Object<T>>) -> Self {
        Self { object, kind: PhantomData }
    }

    /// The object's address, as the device knows it.
    pub const fn as_ptr(&self) -> NonNull<Object<T>> {
        self.object
    }

    /// True when both refer to one object.
    pub fn same(&self, other: &Object<T>) -> bool {
        ptr::eq(self.object.as_ptr(), other)
    }
}

impl<T: Kind> Clone for Ref<T> {
    fn clone(&self) -> Self {
        self.reference()
    }
}

impl<T: Kind> Deref for Ref<T> {
    type Target = Object<T>;
    fn deref(&self) -> &Object<T> {
        // SAFETY: the reference keeps the object alive.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Kind> Drop for Ref<T> {
    fn drop(&mut self) {
        // SAFETY: the reference is alive until the release below.
        let object = unsafe { self.object.as_ref() };
        let device = object.device;
        let node = NonNull::from(&object.node);
        if object.life.release() == Dropped::Last {
            // SAFETY: the device outlives the object; the object is handed over to its queue.
            unsafe { device.as_ref() }.upcalls().push(node);
        }
    }
}
