//! `NDK_PD` (`PD-*`). Its number is that of the token slot behind its privileged token.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    BOOLEAN, GROUP_AFFINITY, NDK_CQ, NDK_FN_CLOSE_COMPLETION, NDK_FN_CREATE_COMPLETION,
    NDK_FN_SRQ_NOTIFICATION_CALLBACK, NDK_MR, NDK_MW, NDK_OBJECT_HEADER, NDK_PD, NDK_PD_DISPATCH, NDK_QP, NDK_SRQ,
    NTSTATUS, UINT32, ULONG,
};
use softndk_abi::{Access, Token};
use softndk_nic::{
    memory::Backing,
    token::{Kind as SlotKind, RegionDesc, SlotIndex},
};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::{Failure, mr::MrKind, qp::QpLimits};

use super::{
    adapter::{Adapter, hand_out},
    cq::Cq,
    enter, extension, mr, mw, qp, srq,
    srq::Srq,
};
use crate::run::{
    engine,
    object::{Kind, Object, Ref},
};

/// Body of a PD.
pub struct Pd {
    /// The slot of the privileged token; its number is the PD's.
    slot: SlotIndex,
    /// The privileged token (`PD-04`).
    pub privileged: Token,
    /// The adapter it belongs to (`LIFE-14`).
    pub open: Ref<Adapter>,
}

impl Pd {
    /// The number by which the device tells protection domains apart.
    pub const fn number(&self) -> u32 {
        self.slot.0
    }
}

impl Kind for Pd {
    const TYPE: i32 = 6;
    const TAG: Tag = Tag::new(*b"nkPd");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        let device = object.device();
        if let Some(table) = device.tokens().table() {
            // The slot guards no memory, so nobody can be copying through it.
            let _ = table.retire(object.body().slot, &engine::Silent);
        }
        device.tokens().release(object.body().slot);
        device.quotas().pd.give_back();
    }
}

/// Makes a PD of `open`.
///
/// # Errors
/// [`Failure::NoResources`] (`PD-02`).
pub fn create(open: &Object<Adapter>, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Pd>, Failure> {
    let device = open.device();
    device.check_present()?;
    device.quotas().pd.take()?;
    let made = build(open, cx);
    if made.is_err() {
        device.quotas().pd.give_back();
    }
    made
}

fn build(open: &Object<Adapter>, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Pd>, Failure> {
    let device = open.device();
    let tokens = device.tokens();
    let slot = tokens.allocate(SlotKind::Privileged, cx)?;
    let nothing = RegionDesc {
        base: 0,
        length: 0,
        pd: slot.0,
        rights: Access::empty(),
        backing: Backing::Contiguous(NonNull::dangling()),
    };
    // SAFETY: a region of no bytes.
    let token = tokens.table().map(|table| unsafe { table.register(slot, &nothing) });
    let Some(Ok(privileged)) = token else {
        tokens.release(slot);
        return Err(Failure::Internal);
    };
    Object::create(device, open.version(), Pd { slot, privileged, open: open.reference() }).map_err(|_| {
        if let Some(table) = tokens.table() {
            let _ = table.retire(slot, &engine::Silent);
        }
        tokens.release(slot);
        Failure::NoResources
    })
}

static TABLE: NDK_PD_DISPATCH = NDK_PD_DISPATCH {
    NdkClosePd: Some(close),
    NdkQueryExtension: Some(extension),
    NdkCreateMr: Some(create_mr),
    NdkCreateMw: Some(create_mw),
    NdkCreateSrq: Some(create_srq),
    NdkCreateQp: Some(create_qp),
    NdkCreateQpWithSrq: Some(create_qp_with_srq),
    NdkGetPrivilegedMemoryRegionToken: Some(get_privileged_token),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open PD, once.
        let this = unsafe { Object::<Pd>::from_face(object) };
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn create_mr(
    pd: *mut NDK_PD,
    fast_register: BOOLEAN,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_MR,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open PD.
        let this = unsafe { Object::<Pd>::from_face(pd) };
        let kind = if fast_register == 0 { MrKind::Regular } else { MrKind::Fast };
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(mr::create(this, kind, cx), out) }
    })
}

unsafe extern "system" fn create_mw(
    pd: *mut NDK_PD,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_MW,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open PD.
        let this = unsafe { Object::<Pd>::from_face(pd) };
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(mw::create(this, cx), out) }
    })
}

unsafe extern "system" fn create_srq(
    pd: *mut NDK_PD,
    depth: ULONG,
    max_sge: ULONG,
    threshold: ULONG,
    callback: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    callback_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_SRQ,
) -> NTSTATUS {
    enter(|_| {
        // SAFETY: the consumer's open PD.
        let this = unsafe { Object::<Pd>::from_face(pd) };
        // SAFETY: the consumer's affinity, read until the call returns.
        let processors = unsafe { super::convert::processors(affinity) };
        let notification = srq::Notification { callback, context: callback_context, threshold, processors };
        let made = srq::create(this, depth, max_sge, notification);
        // SAFETY: the consumer's out-parameter.
        unsafe { hand_out(made, out) }
    })
}

unsafe extern "system" fn create_qp(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    qp_context: *mut c_void,
    receive_depth: ULONG,
    initiator_depth: ULONG,
    receive_sge: ULONG,
    initiator_sge: ULONG,
    inline: ULONG,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> NTSTATUS {
    let limits = QpLimits { receive_depth, initiator_depth, receive_sge, initiator_sge, inline };
    // SAFETY: the consumer's open objects and out-parameter.
    unsafe { new_qp(pd, receive_cq, initiator_cq, core::ptr::null_mut(), qp_context, limits, out) }
}

unsafe extern "system" fn create_qp_with_srq(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    srq: *mut NDK_SRQ,
    qp_context: *mut c_void,
    initiator_depth: ULONG,
    initiator_sge: ULONG,
    inline: ULONG,
    _completion: NDK_FN_CREATE_COMPLETION,
    _context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> NTSTATUS {
    let limits = QpLimits { receive_depth: 0, initiator_depth, receive_sge: 0, initiator_sge, inline };
    // SAFETY: the consumer's open objects and out-parameter.
    unsafe { new_qp(pd, receive_cq, initiator_cq, srq, qp_context, limits, out) }
}

/// # Safety
/// Open objects of the consumer (`srq` may be null), and its out-parameter.
unsafe fn new_qp(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    srq: *mut NDK_SRQ,
    context: *mut c_void,
    limits: QpLimits,
    out: *mut *mut NDK_QP,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Pd>::from_face(pd) };
        // SAFETY: as above.
        let receive = unsafe { Object::<Cq>::from_face(receive_cq) };
        // SAFETY: as above.
        let initiator = unsafe { Object::<Cq>::from_face(initiator_cq) };
        // SAFETY: as above.
        let shared = (!srq.is_null()).then(|| unsafe { Object::<Srq>::from_face(srq) });
        let made = qp::create(this, receive, initiator, shared, context, limits, cx);
        // SAFETY: as above.
        unsafe { hand_out(made, out) }
    })
}

unsafe extern "system" fn get_privileged_token(pd: *mut NDK_PD, token: *mut UINT32) {
    // SAFETY: the consumer's open PD.
    let this = unsafe { Object::<Pd>::from_face(pd) };
    // SAFETY: the consumer's out-parameter.
    unsafe { super::convert::put(token, this.body().privileged.0) };
}
