//! The work requests of `NDK_QP` (`WR-*`, `FLAG-*`, `SND-*`, `RD-*`, `WRT-*`, `BND-*`, `FRG-*`, `INV-*`).
//!
//! The hot path: no lock, no allocation, no log. A post writes one WQE and, unless it is deferred,
//! runs the engine on the spot.

use core::{ptr, sync::atomic::Ordering};

use ndkpi_sys::{
    NDK_LOGICAL_ADDRESS, NDK_MR, NDK_MW, NDK_OBJECT_HEADER, NDK_QP, NDK_SGE, NTSTATUS, PVOID, SIZE_T, UINT32, UINT64,
    ULONG,
};
use softndk_abi::{
    Opcode, Token,
    work::{ObjectWork, Publish},
};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::{KBytes, Tag},
};
use softndk_provider::{
    Failure,
    mr::MrKind,
    mw,
    post::{Transfer, fast_register_rights},
    status::of_result,
};

use super::{convert::ConsumerSgl, enter, mr::Mr, mw::Mw, qp::Qp};
use crate::run::{
    engine,
    memory::PAGE,
    object::{Kind, Object},
};

/// Pool tag of page lists on their way to the device.
const STAGED: Tag = Tag::new(*b"nkPg");

/// NdkFlush (`FLUSH-*`).
///
/// # Safety
/// The consumer's open QP.
pub unsafe extern "system" fn flush(qp: *mut NDK_QP) {
    enter(|cx| {
        // SAFETY: the caller's promise.
        engine::flush(unsafe { Object::<Qp>::from_face(qp) }, cx);
    });
}

/// NdkSend.
///
/// # Safety
/// The consumer's open QP and SGL.
pub unsafe extern "system" fn send(
    qp: *mut NDK_QP,
    context: PVOID,
    sgl: *const NDK_SGE,
    count: ULONG,
    flags: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { transfer(qp, sgl, count, request(Opcode::Send, context, flags, 0, 0)) }
}

/// NdkSendAndInvalidate (`SINV-*`).
///
/// # Safety
/// The consumer's open QP and SGL.
pub unsafe extern "system" fn send_and_invalidate(
    qp: *mut NDK_QP,
    context: PVOID,
    sgl: *const NDK_SGE,
    count: ULONG,
    flags: ULONG,
    remote_token: UINT32,
) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { transfer(qp, sgl, count, request(Opcode::SendAndInvalidate, context, flags, 0, remote_token)) }
}

/// NdkRead.
///
/// # Safety
/// The consumer's open QP and SGL.
pub unsafe extern "system" fn read(
    qp: *mut NDK_QP,
    context: PVOID,
    sgl: *const NDK_SGE,
    count: ULONG,
    remote_address: UINT64,
    remote_token: UINT32,
    flags: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { transfer(qp, sgl, count, request(Opcode::Read, context, flags, remote_address, remote_token)) }
}

/// NdkWrite.
///
/// # Safety
/// The consumer's open QP and SGL.
pub unsafe extern "system" fn write(
    qp: *mut NDK_QP,
    context: PVOID,
    sgl: *const NDK_SGE,
    count: ULONG,
    remote_address: UINT64,
    remote_token: UINT32,
    flags: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { transfer(qp, sgl, count, request(Opcode::Write, context, flags, remote_address, remote_token)) }
}

fn request(opcode: Opcode, context: PVOID, flags: u32, remote_address: u64, remote_token: u32) -> Transfer {
    Transfer {
        opcode,
        request_context: context.addr() as u64,
        flags,
        remote_address,
        remote_token: Token(remote_token),
    }
}

/// # Safety
/// The consumer's open QP and SGL.
#[inline]
unsafe fn transfer(qp: *mut NDK_QP, sgl: *const NDK_SGE, count: ULONG, request: Transfer) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Qp>::from_face(qp) };
        // SAFETY: as above; read until the call returns.
        let sgl = unsafe { ConsumerSgl::new(sgl, count) };
        let body = this.body();
        let posted = body.poster(this).transfer(body.hardware.send_queue(), request, &sgl);
        ring(this, posted, cx)
    })
}

/// Runs the engine unless the request was deferred; an inline failure starts what was deferred before
/// it (`FLAG-21`).
#[inline]
fn ring(this: &Object<Qp>, posted: Result<Publish, Failure>, cx: &mut Cx<AtMostDispatch>) -> NTSTATUS {
    match posted {
        Ok(Publish::Defer) => 0,
        Ok(Publish::Now) => {
            engine::doorbell(this, cx);
            0
        }
        Err(failure) => {
            engine::doorbell(this, cx);
            failure.status()
        }
    }
}

/// NdkReceive (`RCV-*`).
///
/// # Safety
/// The consumer's open QP and SGL.
pub unsafe extern "system" fn receive(qp: *mut NDK_QP, context: PVOID, sgl: *const NDK_SGE, count: ULONG) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Qp>::from_face(qp) };
        // SAFETY: as above; read until the call returns.
        let sgl = unsafe { ConsumerSgl::new(sgl, count) };
        let body = this.body();
        let Some(queue) = body.hardware.receive_queue() else {
            // Its receives come from an SRQ (QP-11).
            return Failure::InvalidDeviceRequest.status();
        };
        let posted = body.poster(this).receive(queue, context.addr() as u64, &sgl);
        if posted.is_ok() {
            engine::receive_doorbell(this, cx);
        }
        of_result(posted)
    })
}

/// NdkBind.
///
/// # Safety
/// The consumer's open QP, MR and MW.
pub unsafe extern "system" fn bind(
    qp: *mut NDK_QP,
    context: PVOID,
    mr: *mut NDK_MR,
    mw: *mut NDK_MW,
    address: PVOID,
    length: SIZE_T,
    flags: ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Qp>::from_face(qp) };
        // SAFETY: as above.
        let region = unsafe { Object::<Mr>::from_face(mr) };
        // SAFETY: as above.
        let window = unsafe { Object::<Mw>::from_face(mw) };
        let posted = try_bind(this, context, region, window, address.addr() as u64, length as u64, flags);
        ring(this, posted, cx)
    })
}

fn try_bind(
    this: &Object<Qp>,
    context: PVOID,
    region: &Object<Mr>,
    window: &Object<Mw>,
    address: u64,
    length: u64,
    flags: u32,
) -> Result<Publish, Failure> {
    let body = this.body();
    let checked = body.link.check_initiator().and_then(|()| {
        if !region.body().pd.same(&body.pd) || !window.body().pd.same(&body.pd) {
            return Err(Failure::InvalidParameter);
        }
        mw::check_length(this.device().info(), length)?;
        let rights = mw::rights(flags)?;
        region.body().check_bind(address, length, rights)?;
        let table = this.device().tokens().table().ok_or(Failure::Internal)?;
        let token = table.plan_window_token(window.body().slot).ok_or(Failure::InvalidDeviceRequest)?;
        Ok((rights, token))
    });
    let (rights, token) = started(this, checked)?;
    let work = ObjectWork {
        object: window.body().slot.0,
        second: region.body().token(),
        base: address,
        span: length,
        rights,
        token,
        ..ObjectWork::EMPTY
    };
    let queue = body.hardware.send_queue();
    let posted = body.poster(this).object(queue, Opcode::Bind, context.addr() as u64, flags, &work)?;
    window.body().token.store(token.0, Ordering::Release);
    Ok(posted)
}

/// NdkFastRegister.
///
/// # Safety
/// The consumer's open QP and MR, and a page array of `page_count` elements.
pub unsafe extern "system" fn fast_register(
    qp: *mut NDK_QP,
    context: PVOID,
    mr: *mut NDK_MR,
    page_count: ULONG,
    pages: *const NDK_LOGICAL_ADDRESS,
    first_byte_offset: ULONG,
    length: SIZE_T,
    base: PVOID,
    flags: ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Qp>::from_face(qp) };
        // SAFETY: as above.
        let region = unsafe { Object::<Mr>::from_face(mr) };
        let body = this.body();
        let checked = body.link.check_initiator().and_then(|()| {
            let rights = fast_register_rights(flags)?;
            let range = (base.addr() as u64, length as u64);
            region.body().check_fast_register(body, page_count, first_byte_offset, range, rights)?;
            // SAFETY: the caller's array, read until the call returns (FRG-08).
            let (run_base, list) = unsafe { stage(pages.cast(), page_count) }?;
            let work = ObjectWork {
                object: region.body().slot().0,
                base: base.addr() as u64,
                span: length as u64,
                rights,
                first_byte_offset,
                pages: list.as_ref().map_or(0, |list| list.as_ptr().as_ptr().expose_provenance() as u64),
                page_count,
                run_base,
                token: Token(region.body().token()),
                ..ObjectWork::EMPTY
            };
            Ok((work, list))
        });
        let posted = started(this, checked).and_then(|(work, list)| {
            let queue = body.hardware.send_queue();
            let posted = body.poster(this).object(queue, Opcode::FastRegister, context.addr() as u64, flags, &work)?;
            // The device gives the list back by `unstage`.
            core::mem::forget(list);
            region.body().posted(work.base, work.span, work.rights);
            Ok(posted)
        });
        ring(this, posted, cx)
    })
}

/// Copies a page array: one run needs no memory, else a list that the device frees.
///
/// # Safety
/// `pages` points to `count` readable addresses.
unsafe fn stage(pages: *const u64, count: u32) -> Result<(u64, Option<KBytes>), Failure> {
    // SAFETY: the caller's promise; `count` is at least 1 by the checks before.
    let first = unsafe { pages.read() };
    let mut run = true;
    for index in 0..count {
        // SAFETY: below `count`.
        let page = unsafe { pages.add(index as usize).read() };
        if page % PAGE != 0 {
            return Err(Failure::InvalidParameter);
        }
        run &= page == first.wrapping_add(u64::from(index) * PAGE);
    }
    if run {
        return Ok((first, None));
    }
    let bytes = (count as usize).saturating_mul(size_of::<u64>());
    let list = KBytes::try_zeroed(STAGED, bytes).map_err(|_| Failure::NoResources)?;
    // SAFETY: room for `count` addresses; the source is the caller's.
    unsafe { ptr::copy_nonoverlapping(pages, list.as_ptr().as_ptr().cast::<u64>(), count as usize) };
    Ok((0, Some(list)))
}

/// NdkInvalidate: an FRMR or an MW, told apart by its header (`INV-01`).
///
/// # Safety
/// The consumer's open QP and object.
pub unsafe extern "system" fn invalidate(
    qp: *mut NDK_QP,
    context: PVOID,
    object: *mut NDK_OBJECT_HEADER,
    flags: ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the caller's promise.
        let this = unsafe { Object::<Qp>::from_face(qp) };
        let body = this.body();
        // SAFETY: every object starts with a header.
        let kind = unsafe { (*object).ObjectType };
        let target = match kind {
            Mr::TYPE => {
                // SAFETY: the header says so.
                let mr = unsafe { Object::<Mr>::from_face(object) }.body();
                if mr.state.kind() == MrKind::Fast && mr.pd.same(&body.pd) {
                    Ok((mr.slot(), Token(mr.token())))
                } else {
                    Err(Failure::InvalidDeviceRequest)
                }
            }
            Mw::TYPE => {
                // SAFETY: the header says so.
                let mw = unsafe { Object::<Mw>::from_face(object) }.body();
                if mw.pd.same(&body.pd) {
                    Ok((mw.slot, Token(mw.token.load(Ordering::Acquire))))
                } else {
                    Err(Failure::InvalidDeviceRequest)
                }
            }
            _ => Err(Failure::InvalidParameter),
        };
        let target = body.link.check_initiator().and(target);
        let posted = started(this, target).and_then(|(slot, token)| {
            let work = ObjectWork { object: slot.0, token, ..ObjectWork::EMPTY };
            let queue = body.hardware.send_queue();
            body.poster(this).object(queue, Opcode::Invalidate, context.addr() as u64, flags, &work)
        });
        ring(this, posted, cx)
    })
}

/// A request that fails before it reaches the queue still starts what was deferred (`FLAG-21`).
fn started<T>(this: &Object<Qp>, checked: Result<T, Failure>) -> Result<T, Failure> {
    if checked.is_err() {
        this.body().hardware.send_queue().publish();
    }
    checked
}
