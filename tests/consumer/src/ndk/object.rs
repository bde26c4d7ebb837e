//! What all NDK objects but the adapter have in common.

use crate::{
    kernel::{Lock, Shared},
    ndk::{
        Adapter,
        cq::CqKind,
        endpoint::EndpointKind,
        listener::ListenerKind,
        pd::PdKind,
        qp::QpKind,
        request::{self, Answer, Prepared, Submitted},
        srq::SrqKind,
    },
    run::{Failure, Result, Run},
};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};
use ndkpi_sys::{
    NDK_FN_CLOSE_OBJECT, NDK_OBJECT_HEADER, NDK_OBJECT_TYPE, NTSTATUS, STATUS_NOT_SUPPORTED, STATUS_PENDING,
    STATUS_SUCCESS,
};

/// A type of NDK object.
pub trait Kind: Sized {
    /// The C structure, which begins with the header.
    type Raw;
    /// Its table of functions.
    type Dispatch;
    /// What the callbacks of the object refer to; dropped after the close is complete.
    type Extra;
    /// Type in the header.
    const TYPE: NDK_OBJECT_TYPE;

    /// The table that the object points to.
    ///
    /// # Safety
    /// The object is open.
    unsafe fn dispatch<'a>(raw: NonNull<Self::Raw>) -> &'a Self::Dispatch;

    /// The close function in the table.
    fn close(dispatch: &Self::Dispatch) -> NDK_FN_CLOSE_OBJECT;

    /// Called before the last reference closes the object, for instance to close what only it knows of.
    fn before_close(_extra: &Self::Extra) {}
}

/// Implements the part of [`Kind`] that only names differ in.
macro_rules! kind {
    ($kind:ident: $raw:ident, $dispatch:ident, $type:ident, $close:ident, extra $extra:ty $(, $before:item)?) => {
        /// Marks the type of object.
        pub struct $kind;

        impl $crate::ndk::object::Kind for $kind {
            type Raw = ndkpi_sys::$raw;
            type Dispatch = ndkpi_sys::$dispatch;
            type Extra = $extra;
            const TYPE: ndkpi_sys::NDK_OBJECT_TYPE = ndkpi_sys::$type;

            unsafe fn dispatch<'a>(raw: core::ptr::NonNull<Self::Raw>) -> &'a Self::Dispatch {
                // SAFETY: the caller has an open object; its table stays as long as any object of the type.
                unsafe { &*raw.as_ref().Dispatch }
            }

            fn close(dispatch: &Self::Dispatch) -> ndkpi_sys::NDK_FN_CLOSE_OBJECT {
                dispatch.$close
            }

            $($before)?
        }
    };
}
pub(crate) use kind;

/// An antecedent that an object keeps alive.
#[derive(Clone)]
pub enum Keep {
    Nothing,
    Adapter(Adapter),
    Pd(Object<PdKind>),
    Cq(Object<CqKind>),
    Srq(Object<SrqKind>),
    Qp(Object<QpKind>),
    QpAndEndpoint(Object<QpKind>, Object<EndpointKind>),
    Listener(Object<ListenerKind>),
}

struct Inner<K: Kind> {
    raw: NonNull<K::Raw>,
    created: Answer,
    closed: AtomicBool,
    // Taken at the begin, since a close that finds no memory would leave the object open.
    closing: Lock<Option<Prepared>>,
    run: Run,
    extra: K::Extra,
    // Antecedents that came later: the QP of a connector, and the endpoint it connects from.
    later: Lock<Keep>,
    _antecedents: [Keep; 3],
}

/// A reference to an open NDK object. The last one closes it, at PASSIVE_LEVEL.
pub struct Object<K: Kind>(Shared<Inner<K>>);

// SAFETY: NDK objects may be used from any thread; `Extra` is shared by reference.
unsafe impl<K: Kind> Send for Object<K> where K::Extra: Send + Sync {}
// SAFETY: as above.
unsafe impl<K: Kind> Sync for Object<K> where K::Extra: Send + Sync {}

impl<K: Kind> Clone for Object<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The result of a create: the answer, and the object if there is one.
#[must_use = "the object closes when this is dropped"]
pub struct Created<K: Kind> {
    /// Inline and final status.
    pub answer: Answer,
    /// The object; none if the create failed.
    pub object: Option<Object<K>>,
    run: Run,
}

impl<K: Kind> Created<K> {
    /// Expects that the create succeeded.
    #[track_caller]
    pub fn ok(self, what: &'static str) -> Result<Object<K>> {
        self.answer.ok(&self.run, what)?;
        self.object.ok_or_else(|| Failure::new("CMP-06 a create that succeeds delivers an object", self.answer.status))
    }

    /// Expects that the create failed in a certain way, without an object.
    #[track_caller]
    pub fn fails(self, wanted: NTSTATUS, what: &'static str) -> Result {
        self.answer.is(&self.run, wanted, what)?;
        self.run.check(self.object.is_none(), "CMP-08 a failing create delivers no object")
    }
}

/// Makes a create call and waits for it at PASSIVE_LEVEL. `call` gets the context for
/// [`request::on_create`] and the place for the object.
#[track_caller]
pub fn create<K: Kind>(
    run: &Run,
    extra: K::Extra,
    antecedents: [Keep; 3],
    call: impl FnOnce(ndkpi_sys::PVOID, &mut *mut K::Raw, &K::Extra) -> NTSTATUS,
) -> Result<Created<K>> {
    let mut inline: *mut K::Raw = core::ptr::null_mut();
    let closing = Prepared::new()?;
    let submitted = request::submit(run, |context| call(context, &mut inline, &extra))?;
    let answer = submitted.wait()?;
    // A pending create writes nothing through the out pointer (CMP-07).
    let delivered = if answer.pended() { answer.object.cast() } else { inline };
    let object = match NonNull::new(delivered) {
        Some(raw) if answer.status == STATUS_SUCCESS => {
            // SAFETY: the provider delivered the object, which is open and belongs to the consumer.
            Some(unsafe { Object::adopt(run, raw, answer, extra, antecedents, closing) }?)
        }
        Some(_) => {
            return Err(Failure::new("CMP-08 a failing create delivers no object", answer.status));
        }
        None => None,
    };
    Ok(Created { answer, object, run: run.clone() })
}

impl<K: Kind> Object<K> {
    /// Takes over an open object. If there is no memory for that, the object is closed again.
    ///
    /// # Safety
    /// The object is open, of this type, and the caller's to close.
    pub unsafe fn adopt(
        run: &Run,
        raw: NonNull<K::Raw>,
        created: Answer,
        extra: K::Extra,
        antecedents: [Keep; 3],
        closing: Prepared,
    ) -> Result<Self> {
        // On failure the value is dropped, which closes the object.
        let inner = Inner {
            raw,
            created,
            closed: AtomicBool::new(false),
            closing: Lock::new(Some(closing)),
            run: run.clone(),
            extra,
            later: Lock::new(Keep::Nothing),
            _antecedents: antecedents,
        };
        Ok(Self(Shared::try_new(inner)?))
    }

    /// The object itself.
    pub fn raw(&self) -> *mut K::Raw {
        self.0.raw.as_ptr()
    }

    /// The header that every object starts with.
    pub fn header(&self) -> *mut NDK_OBJECT_HEADER {
        self.0.raw.as_ptr().cast()
    }

    /// The table that the object points to now.
    pub fn dispatch(&self) -> &K::Dispatch {
        // SAFETY: the object is open as long as it is used; a test that closes it by hand stops using it.
        unsafe { K::dispatch(self.0.raw) }
    }

    /// How the object was created.
    pub fn created(&self) -> Answer {
        self.0.created
    }

    /// The run that the object belongs to.
    pub fn run(&self) -> &Run {
        &self.0.run
    }

    pub(super) fn extra(&self) -> &K::Extra {
        &self.0.extra
    }

    /// Keeps another antecedent alive until this object is closed.
    pub(super) fn keep(&self, antecedent: Keep) {
        let old = self.0.later.with(|later| core::mem::replace(later, antecedent));
        // Outside the lock: it may close an object.
        drop(old);
    }

    /// Closes the object now, whoever else has a reference, and shows how that goes. The object is not to be
    /// used afterwards. IRQL <= DISPATCH_LEVEL; waiting for the answer needs PASSIVE_LEVEL.
    #[track_caller]
    pub fn start_close(&self) -> Result<Submitted> {
        self.0.start_close()
    }

    /// Closes the object now and waits at PASSIVE_LEVEL until the close is complete (LIFE-01).
    #[track_caller]
    pub fn close(self) -> Result<Answer> {
        self.start_close()?.ok("LIFE-01 closing cannot fail")
    }
}

impl<K: Kind> Inner<K> {
    #[track_caller]
    fn start_close(&self) -> Result<Submitted> {
        if self.closed.swap(true, Ordering::AcqRel) {
            return Err(Failure::new("the test closes an object twice", 0));
        }
        // SAFETY: the object is open: `closed` was not set before.
        let close = K::close(unsafe { K::dispatch(self.raw) });
        let close = close.ok_or_else(|| Failure::new("VER-08 no entry of a table is NULL", STATUS_NOT_SUPPORTED))?;
        let header = self.raw.as_ptr().cast();
        // SAFETY: the object is open and is not used after this; the callback fits the context.
        let call = |context| unsafe { close(header, Some(request::on_close), context) };
        let prepared = self.closing.with(Option::take);
        let prepared = prepared.ok_or_else(|| Failure::new("the test closes an object twice", 0))?;
        let submitted = prepared.submit(&self.run, call);
        if submitted.inline() != STATUS_SUCCESS && submitted.inline() != STATUS_PENDING {
            return Err(Failure::new("LIFE-01 a close returns success or pending", submitted.inline()));
        }
        Ok(submitted)
    }
}

impl<K: Kind> Drop for Inner<K> {
    fn drop(&mut self) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        K::before_close(&self.extra);
        let outcome = self.start_close().and_then(|closing| closing.ok("LIFE-01 closing cannot fail"));
        if let Err(failure) = outcome {
            self.run.set_aside(failure);
        }
    }
}
