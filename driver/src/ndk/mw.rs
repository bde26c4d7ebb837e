//! `NDK_MW` (`MW-*`): a slot of its own, made valid by NdkBind and dead by an invalidation.

use core::{
    ffi::c_void,
    mem::offset_of,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use ndkpi_sys::{NDK_FN_CLOSE_COMPLETION, NDK_MW, NDK_MW_DISPATCH, NDK_OBJECT_HEADER, NTSTATUS, UINT32};
use softndk_nic::token::{Drained, Kind as SlotKind, SlotIndex};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::Failure;

use super::{enter, extension, pd::Pd};
use crate::run::{
    engine::Shell,
    object::{Kind, Object, Ref},
    tokens::Waiter,
};

/// Body of an MW.
pub struct Mw {
    /// The token's slot.
    pub slot: SlotIndex,
    /// The token of the latest bind that was posted (`MW-04`); 0 before the first (`MW-05`).
    pub token: AtomicU32,
    closing: Waiter,
    /// The PD it belongs to (`LIFE-20`).
    pub pd: Ref<Pd>,
}

impl Kind for Mw {
    const TYPE: i32 = 5;
    const TAG: Tag = Tag::new(*b"nkMw");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        object.device().tokens().release(object.body().slot);
        object.device().quotas().mw.give_back();
    }
}

/// Makes an MW of `pd`.
///
/// # Errors
/// [`Failure::NoResources`] (`MW-02`).
pub fn create(pd: &Object<Pd>, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Mw>, Failure> {
    let device = pd.device();
    device.check_present()?;
    device.quotas().mw.take()?;
    let made = build(pd, cx);
    if made.is_err() {
        device.quotas().mw.give_back();
    }
    made
}

fn build(pd: &Object<Pd>, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Mw>, Failure> {
    let tokens = pd.device().tokens();
    let slot = tokens.allocate(SlotKind::Window, cx)?;
    let ready = tokens.table().map(|table| table.initialise_window(slot, pd.body().number()));
    let body = Mw { slot, token: AtomicU32::new(0), closing: Waiter::new(close_drained), pd: pd.reference() };
    let made = match ready {
        Some(Ok(())) => Object::create(pd.device(), pd.version(), body).map_err(|_| Failure::NoResources),
        _ => Err(Failure::Internal),
    };
    if made.is_err() {
        tokens.release(slot);
    }
    made
}

static TABLE: NDK_MW_DISPATCH = NDK_MW_DISPATCH {
    NdkCloseMw: Some(close),
    NdkQueryExtension: Some(extension),
    NdkGetRemoteTokenFromMw: Some(get_remote_token),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open MW, once.
        let this = unsafe { Object::<Mw>::from_face(object) };
        let body = this.body();
        let shell = Shell::new(this.device());
        let hold = this.reference().into_raw();
        // SAFETY: one close, so the waiter waits once; the reference keeps it until it is woken.
        let drained = unsafe {
            this.device()
                .tokens()
                .drain::<()>(body.slot, NonNull::from(&body.closing), cx, |table| Ok(table.retire(body.slot, &shell)))
        };
        if drained != Ok(Drained::Later) {
            // SAFETY: taken above; nobody will be woken.
            drop(unsafe { Ref::from_raw(hold) });
        }
        shell.flush(cx);
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

/// # Safety
/// `waiter` is the `closing` of an MW whose close left a reference.
unsafe fn close_drained(waiter: NonNull<Waiter>) {
    // SAFETY: the waiter is that field of the body.
    let this = unsafe { Object::<Mw>::of_part(waiter.cast(), offset_of!(Mw, closing)) };
    // SAFETY: the close left this reference.
    drop(unsafe { Ref::from_raw(this) });
}

unsafe extern "system" fn get_remote_token(mw: *mut NDK_MW) -> UINT32 {
    // SAFETY: the consumer's open MW.
    unsafe { Object::<Mw>::from_face(mw) }.body().token.load(Ordering::Acquire)
}
