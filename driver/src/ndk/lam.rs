//! Logical address mappings: NdkBuildLAM and NdkReleaseLAM (`LAM-*`).
//!
//! A logical address is a number of a token slot and an offset, not a pointer: consecutive pages of a
//! mapping always merge into one SGE, and a stale or forged address is found out at its use
//! (`LAM-20`). The mapping itself lives behind an object of its own, which `AdapterContext` names; a
//! release at DISPATCH_LEVEL drops it, and copies still in progress keep it until they end.

use core::{ffi::c_void, mem::offset_of, ptr::NonNull};

use ndkpi_sys::{MDL, NDK_ADAPTER, NDK_FN_REQUEST_COMPLETION, NDK_LOGICAL_ADDRESS_MAPPING, NTSTATUS, SIZE_T, ULONG};
use softndk_abi::Access;
use softndk_nic::token::{Drained, Kind as SlotKind, RegionDesc, SlotIndex};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::{Failure, status::of_result};

use super::{adapter::Adapter, convert, enter};
use crate::run::{
    engine::Shell,
    memory::{Mapped, PAGE, Reach},
    object::{Kind, Object, Ref},
    tokens::Waiter,
};

/// Body of a mapping.
pub struct Lam {
    slot: SlotIndex,
    /// Dropped with the body, after the slot has drained.
    _memory: Mapped,
    releasing: Waiter,
    /// The adapter it belongs to (`LIFE-18`).
    _open: Ref<Adapter>,
}

impl Kind for Lam {
    /// No NDK object: consumers never see it.
    const TYPE: i32 = 0;
    const TAG: Tag = Tag::new(*b"nkLa");

    fn table() -> *const c_void {
        core::ptr::null()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        object.device().tokens().release(object.body().slot);
    }
}

/// Bytes of the structure before its page array.
const HEADER: u64 = offset_of!(NDK_LOGICAL_ADDRESS_MAPPING, AdapterPageArray) as u64;

/// NdkBuildLAM.
///
/// # Safety
/// As the contract says of its parameters: an open adapter, a locked MDL chain, out-parameters.
pub unsafe extern "system" fn build(
    adapter: *mut NDK_ADAPTER,
    mdl: *mut MDL,
    length: SIZE_T,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
    lam: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    size: *mut ULONG,
    first_byte_offset: *mut ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open adapter.
        let this = unsafe { Object::<Adapter>::from_face(adapter) };
        // SAFETY: the consumer's chain and out-parameters.
        of_result(unsafe { try_build(this, mdl, length as u64, lam, size, first_byte_offset, cx) })
    })
}

/// # Safety
/// As [`build`].
unsafe fn try_build(
    this: &Object<Adapter>,
    mdl: *mut MDL,
    length: u64,
    lam: *mut NDK_LOGICAL_ADDRESS_MAPPING,
    size: *mut ULONG,
    first_byte_offset: *mut ULONG,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<(), Failure> {
    let device = this.device();
    device.check_present()?;
    if size.is_null() || length > device.info().max_registration_size {
        return Err(Failure::InvalidParameter);
    }
    // SAFETY: the consumer's locked chain, unchanged during the call.
    let mapped = unsafe { Mapped::of(mdl, length, Reach::Pages) }?;
    let pages = mapped.pages();
    let required = HEADER.saturating_add(pages.saturating_mul(8));
    // SAFETY: the consumer's in-out parameter.
    let room = if lam.is_null() { 0 } else { unsafe { size.read() } };
    // SAFETY: as above.
    unsafe { size.write(u32::try_from(required).unwrap_or(u32::MAX)) };
    if u64::from(room) < required {
        return Err(Failure::BufferTooSmall);
    }
    let offset = mapped.first_byte_offset();
    let (context, first) = register(this, mapped, pages, cx)?;
    // SAFETY: the room is at least `required` bytes.
    unsafe {
        (*lam).AdapterContext = context.cast();
        (*lam).AdapterPageCount = u32::try_from(pages).unwrap_or(u32::MAX);
        let array = (&raw mut (*lam).AdapterPageArray).cast::<u64>();
        for page in 0..pages {
            array.add(usize::try_from(page).unwrap_or(0)).write(first + page * PAGE);
        }
        convert::put(first_byte_offset, offset);
    }
    Ok(())
}

/// Gives the memory a slot and an object; returns the object and the first logical address.
fn register(
    this: &Object<Adapter>,
    mapped: Mapped,
    pages: u64,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<(*mut Object<Lam>, u64), Failure> {
    let tokens = this.device().tokens();
    let slot = tokens.allocate(SlotKind::Mapping, cx)?;
    let region = RegionDesc {
        base: 0,
        length: pages.saturating_mul(PAGE),
        pd: this.body().domain,
        rights: Access::LOCAL_READ | Access::LOCAL_WRITE,
        backing: mapped.backing(),
    };
    let body = Lam { slot, _memory: mapped, releasing: Waiter::new(release_drained), _open: this.reference() };
    // The segments that the backing names do not move with the body: they are a block of their own.
    let Ok(object) = Object::create(this.device(), this.version(), body) else {
        tokens.release(slot);
        return Err(Failure::NoResources);
    };
    let table = tokens.table().ok_or(Failure::NoResources)?;
    // SAFETY: the memory stays with the object until the slot has drained.
    let registered = unsafe { table.register(slot, &region) };
    let first = registered.ok().and_then(|_| table.logical_address(slot)).ok_or(Failure::Internal)?;
    Ok((object.into_raw().as_ptr(), first))
}

/// NdkReleaseLAM.
///
/// # Safety
/// An open adapter and a mapping that NdkBuildLAM of it filled, released once.
pub unsafe extern "system" fn release(_adapter: *mut NDK_ADAPTER, lam: *mut NDK_LOGICAL_ADDRESS_MAPPING) {
    enter(|cx| {
        // SAFETY: the consumer's mapping; only its context is used (LAM-14).
        let context = unsafe { (*lam).AdapterContext };
        let Some(object) = NonNull::new(context.cast::<Object<Lam>>()) else { return };
        // SAFETY: the reference that `register` gave to the consumer.
        let this = unsafe { Ref::from_raw(object) };
        let body = this.body();
        let shell = Shell::new(this.device());
        let hold = this.reference().into_raw();
        // SAFETY: one release, so the waiter waits once; the reference keeps it until it is woken.
        let drained = unsafe {
            this.device()
                .tokens()
                .drain::<()>(body.slot, NonNull::from(&body.releasing), cx, |table| Ok(table.retire(body.slot, &shell)))
        };
        if drained != Ok(Drained::Later) {
            // SAFETY: taken above; nobody will be woken.
            drop(unsafe { Ref::from_raw(hold) });
        }
        shell.flush(cx);
    });
}

/// # Safety
/// `waiter` is the `releasing` of a mapping whose release left a reference.
unsafe fn release_drained(waiter: NonNull<Waiter>) {
    // SAFETY: the waiter is that field of the body.
    let this = unsafe { Object::<Lam>::of_part(waiter.cast(), offset_of!(Lam, releasing)) };
    // SAFETY: the release left this reference.
    drop(unsafe { Ref::from_raw(this) });
}
