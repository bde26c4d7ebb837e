//! `NDK_MR` (`MR-*`): registration of MDL memory and the tokens that open it.
//!
//! A copy in progress pins the token's slot; whatever ends a registration leaves a waiter that the
//! last unpin wakes: a deregistration then completes, a close lets go of the object.

use core::{
    ffi::c_void,
    mem::offset_of,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use ndkpi_sys::{
    BOOLEAN, MDL, NDK_FN_CLOSE_COMPLETION, NDK_FN_REQUEST_COMPLETION, NDK_MR, NDK_MR_DISPATCH, NDK_OBJECT_HEADER,
    NTSTATUS, SIZE_T, UINT32, ULONG,
};
use softndk_abi::Access;
use softndk_nic::token::{Drained, Kind as SlotKind, RegionDesc, SlotIndex, StateError};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    lock::{Leaf, Spin},
    pool::{KBytes, Tag},
};
use softndk_provider::{
    Failure,
    mr::{self, MrKind, MrState},
    status::{Outcome, SUCCESS, of_outcome, of_result},
};

use super::{enter, extension, pd::Pd, qp::Qp};
use crate::run::{
    engine::Shell,
    memory::{Mapped, PAGE, Reach},
    object::{Kind, Object, Ref},
    tokens::Waiter,
    upcall::Node,
};

/// Pool tag of FRMR page lists.
const PAGES: Tag = Tag::new(*b"nkFp");

/// The completion that a deregistration owes.
struct Pending {
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
}

// SAFETY: `context` is the consumer's and only passed back to it.
unsafe impl Send for Pending {}

/// What the latest registration that was made or posted covers: what a Bind is checked against
/// before it is queued (`BND-02`, `BND-04`). The device checks again when the Bind runs.
struct View {
    base: AtomicU64,
    length: AtomicU64,
    rights: AtomicU32,
}

impl View {
    const fn new() -> Self {
        Self { base: AtomicU64::new(0), length: AtomicU64::new(0), rights: AtomicU32::new(0) }
    }

    fn set(&self, base: u64, length: u64, rights: Access) {
        self.base.store(base, Ordering::Relaxed);
        self.length.store(length, Ordering::Relaxed);
        self.rights.store(u32::from(rights.bits()), Ordering::Release);
    }
}

/// Body of an MR.
pub struct Mr {
    /// Kind and phase.
    pub state: MrState,
    /// The token's slot. A registration after the first takes a fresh one, so that old tokens stay dead (`MR-36`).
    slot: AtomicU32,
    /// The token, 0 before there is one (`MR-35`). Local and remote token are one (`MR-49`).
    token: AtomicU32,
    memory: Spin<Option<Mapped>, Leaf>,
    pages: Spin<Option<KBytes>, Leaf>,
    /// Most pages of a FastRegister (`FRG-04`).
    pub capacity: AtomicU32,
    /// Remote rights may be given (`MR-48`): 0 or 1.
    pub remote: AtomicU32,
    view: View,
    pending: Spin<Option<Pending>, Leaf>,
    deregistered: Node,
    deregistering: Waiter,
    closing: Waiter,
    /// The PD it belongs to (`LIFE-19`).
    pub pd: Ref<Pd>,
}

impl Mr {
    /// The token's slot.
    pub fn slot(&self) -> SlotIndex {
        SlotIndex(self.slot.load(Ordering::Acquire))
    }

    /// The token as it stands.
    pub fn token(&self) -> u32 {
        self.token.load(Ordering::Acquire)
    }

    /// A FastRegister over `length` bytes at `base` with `rights` was posted.
    pub fn posted(&self, base: u64, length: u64, rights: Access) {
        self.view.set(base, length, rights);
    }

    /// Checks a Bind of `length` bytes at `address` with `asked` rights against the region as it was
    /// last registered.
    ///
    /// # Errors
    /// [`Failure::InvalidParameter`] outside of it (`BND-02`), [`Failure::AccessViolation`] for remote
    /// write to a region without local write (`BND-04`).
    pub fn check_bind(&self, address: u64, length: u64, asked: Access) -> Result<(), Failure> {
        let rights = Access::from_bits_truncate(u16::try_from(self.view.rights.load(Ordering::Acquire)).unwrap_or(0));
        let (base, whole) = (self.view.base.load(Ordering::Relaxed), self.view.length.load(Ordering::Relaxed));
        let fits = address.checked_sub(base).is_some_and(|offset| offset <= whole && length <= whole - offset);
        if !fits {
            return Err(Failure::InvalidParameter);
        }
        if asked.contains(Access::REMOTE_WRITE) && !rights.contains(Access::LOCAL_WRITE) {
            return Err(Failure::AccessViolation);
        }
        Ok(())
    }

    /// Checks a FastRegister of this region on `qp` (`FRG-03`, `FRG-04`, `FRG-06`, `FRG-13`, `FRG-14`).
    ///
    /// # Errors
    /// The documented refusal.
    pub fn check_fast_register(
        &self,
        qp: &Qp,
        pages: u32,
        first_byte_offset: u32,
        (base, length): (u64, u64),
        asked: Access,
    ) -> Result<(), Failure> {
        if !self.state.is_initialised() {
            return Err(Failure::InvalidDeviceRequest);
        }
        let room = u64::from(pages).saturating_mul(PAGE);
        let foreign = !self.pd.same(&qp.pd);
        let too_many = pages == 0 || pages > self.capacity.load(Ordering::Acquire);
        let outside = u64::from(first_byte_offset) >= PAGE
            || length == 0
            || length > room.saturating_sub(u64::from(first_byte_offset))
            // The last byte must have an address too (WR-35).
            || base.checked_add(length.saturating_sub(1)).is_none();
        if foreign || too_many || outside {
            return Err(Failure::InvalidParameter);
        }
        let remote = asked.intersects(Access::REMOTE_READ | Access::REMOTE_WRITE);
        if remote && self.remote.load(Ordering::Acquire) == 0 {
            return Err(Failure::AccessViolation);
        }
        Ok(())
    }
}

impl Kind for Mr {
    const TYPE: i32 = 4;
    const TAG: Tag = Tag::new(*b"nkMr");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, _cx: &mut Cx<AtMostDispatch>) {
        // Nobody copies through the slot any more: the waiter of the close has been woken.
        object.device().tokens().release(object.body().slot());
        object.device().quotas().mr.give_back();
    }
}

/// Makes an MR of `pd`.
///
/// # Errors
/// [`Failure::NoResources`] (`MR-03`).
pub fn create(pd: &Object<Pd>, kind: MrKind, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Mr>, Failure> {
    let device = pd.device();
    device.check_present()?;
    device.quotas().mr.take()?;
    let made = build(pd, kind, cx);
    if made.is_err() {
        device.quotas().mr.give_back();
    }
    made
}

fn build(pd: &Object<Pd>, kind: MrKind, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Mr>, Failure> {
    let tokens = pd.device().tokens();
    let slot_kind = match kind {
        MrKind::Regular => SlotKind::Region,
        MrKind::Fast => SlotKind::Fast,
    };
    let slot = tokens.allocate(slot_kind, cx)?;
    let body = Mr {
        state: MrState::new(kind),
        slot: AtomicU32::new(slot.0),
        token: AtomicU32::new(0),
        memory: Spin::new(None),
        pages: Spin::new(None),
        capacity: AtomicU32::new(0),
        remote: AtomicU32::new(0),
        view: View::new(),
        pending: Spin::new(None),
        deregistered: Node::new(complete_deregister),
        deregistering: Waiter::new(deregister_drained),
        closing: Waiter::new(close_drained),
        pd: pd.reference(),
    };
    Object::create(pd.device(), pd.version(), body).map_err(|_| {
        tokens.release(slot);
        Failure::NoResources
    })
}

static TABLE: NDK_MR_DISPATCH = NDK_MR_DISPATCH {
    NdkCloseMr: Some(close),
    NdkQueryExtension: Some(extension),
    NdkRegisterMr: Some(register),
    NdkDeregisterMr: Some(deregister),
    NdkInitializeFastRegisterMr: Some(initialize_fast_register),
    NdkGetRemoteTokenFromMr: Some(get_token),
    NdkGetLocalTokenFromMr: Some(get_token),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open MR, once.
        let this = unsafe { Object::<Mr>::from_face(object) };
        let body = this.body();
        let slot = body.slot();
        let shell = Shell::new(this.device());
        // The device holds the object until no copy goes on and no window is bound (LIFE-28, LIFE-37).
        let hold = this.reference().into_raw();
        // SAFETY: one close, so the waiter waits once; the reference keeps it until it is woken.
        let drained = unsafe {
            this.device()
                .tokens()
                .drain::<()>(slot, NonNull::from(&body.closing), cx, |table| Ok(table.retire(slot, &shell)))
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

/// The last copy through a closing MR is over.
///
/// # Safety
/// `waiter` is the `closing` of an MR whose close left a reference.
unsafe fn close_drained(waiter: NonNull<Waiter>) {
    let offset = offset_of!(Mr, closing);
    // SAFETY: the waiter is that field of the body.
    let this = unsafe { Object::<Mr>::of_part(waiter.cast(), offset) };
    // SAFETY: the close left this reference.
    drop(unsafe { Ref::from_raw(this) });
}

unsafe extern "system" fn register(
    mr: *mut NDK_MR,
    mdl: *mut MDL,
    length: SIZE_T,
    flags: ULONG,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open MR.
        let this = unsafe { Object::<Mr>::from_face(mr) };
        // SAFETY: the consumer's locked MDL chain, unchanged during the call (MR-20).
        of_result(unsafe { try_register(this, mdl, length as u64, flags, cx) })
    })
}

/// # Safety
/// `mdl` is a well-formed chain whose pages stay locked while the MR is registered.
unsafe fn try_register(
    this: &Object<Mr>,
    mdl: *mut MDL,
    length: u64,
    flags: u32,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<(), Failure> {
    let (device, body) = (this.device(), this.body());
    device.check_present()?;
    body.state.begin_register()?;
    let result = mr::rights(flags).and_then(|rights| {
        mr::check_length(device.info(), length, u64::MAX)?;
        // SAFETY: the caller's promise.
        let mapped = unsafe { Mapped::of(mdl, length, Reach::Bytes) }?;
        let region = RegionDesc {
            base: mapped.address,
            length: mapped.length,
            pd: body.pd.body().number(),
            rights,
            backing: mapped.backing(),
        };
        let slot = fresh_slot(this, cx)?;
        *body.memory.lock(cx) = Some(mapped);
        let table = device.tokens().table().ok_or(Failure::NoResources)?;
        // SAFETY: the mapping stays in `memory` until the slot has drained; the consumer keeps the
        // pages locked while registered (MR-20).
        let token = unsafe { table.register(slot, &region) }.map_err(|_| Failure::Internal)?;
        body.view.set(region.base, region.length, rights);
        body.token.store(token.0, Ordering::Release);
        Ok(())
    });
    body.state.end_register(result);
    result
}

/// The slot for a registration: the first one's, which has had no token yet, or another one, which takes
/// the place of the last (`MR-36`).
fn fresh_slot(this: &Object<Mr>, cx: &mut Cx<AtMostDispatch>) -> Result<SlotIndex, Failure> {
    let (tokens, body) = (this.device().tokens(), this.body());
    let last = body.slot();
    if body.token() == 0 {
        return Ok(last);
    }
    let fresh = tokens.allocate(SlotKind::Region, cx)?;
    body.slot.store(fresh.0, Ordering::Release);
    // Its registration has drained, or the phase would not be Blank.
    tokens.release(last);
    Ok(fresh)
}

unsafe extern "system" fn deregister(
    mr: *mut NDK_MR,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open MR.
        let this = unsafe { Object::<Mr>::from_face(mr) };
        of_outcome(try_deregister(this, Pending { completion, context }, cx))
    })
}

fn try_deregister(this: &Object<Mr>, pending: Pending, cx: &mut Cx<AtMostDispatch>) -> Result<Outcome, Failure> {
    let body = this.body();
    body.state.begin_deregister()?;
    let slot = body.slot();
    *body.pending.lock(cx) = Some(pending);
    let shell = Shell::new(this.device());
    let hold = this.reference().into_raw();
    // SAFETY: the phase admits one deregistration, so the waiter waits once; the reference keeps it.
    let drained = unsafe {
        this.device()
            .tokens()
            .drain(slot, NonNull::from(&body.deregistering), cx, |table| table.invalidate(slot, &shell))
    };
    let outcome = match drained {
        Ok(Drained::Later) => Ok(Outcome::Pending),
        Ok(Drained::Now) => {
            *body.pending.lock(cx) = None;
            forget_memory(this, cx);
            body.state.end_deregister();
            Ok(Outcome::Done)
        }
        Err(error) => {
            *body.pending.lock(cx) = None;
            body.state.keep_registered();
            Err(match error {
                StateError::Bound => Failure::DeviceBusy,
                StateError::WrongState => Failure::InvalidDeviceRequest,
            })
        }
    };
    if outcome != Ok(Outcome::Pending) {
        // SAFETY: taken above; nobody will be woken.
        drop(unsafe { Ref::from_raw(hold) });
    }
    shell.flush(cx);
    outcome
}

/// The last copy through a region that is being deregistered is over: its completion comes from the
/// upcall DPC, not from the middle of somebody's post.
///
/// # Safety
/// `waiter` is the `deregistering` of an MR whose deregistration left a reference.
unsafe fn deregister_drained(waiter: NonNull<Waiter>) {
    let offset = offset_of!(Mr, deregistering);
    // SAFETY: the waiter is that field of the body.
    let this = unsafe { Object::<Mr>::of_part(waiter.cast(), offset) };
    // SAFETY: the reference of the deregistration keeps the object.
    let object = unsafe { this.as_ref() };
    object.device().upcalls().push(NonNull::from(&object.body().deregistered));
}

/// # Safety
/// `node` is the `deregistered` of an MR whose deregistration left a reference.
unsafe fn complete_deregister(node: NonNull<Node>, cx: &mut Cx<AtMostDispatch>) {
    let offset = offset_of!(Mr, deregistered);
    // SAFETY: the node is that field of the body.
    let this = unsafe { Object::<Mr>::of_part(node.cast(), offset) };
    // SAFETY: the deregistration left this reference.
    let this = unsafe { Ref::from_raw(this) };
    forget_memory(&this, cx);
    let pending = this.body().pending.lock(cx).take();
    this.body().state.end_deregister();
    if let Some(Pending { completion: Some(completion), context }) = pending {
        // SAFETY: the consumer's function and context, at DISPATCH_LEVEL, no lock held; the reference
        // delays the close until it has returned (LIFE-07).
        unsafe { completion(context, SUCCESS) };
    }
}

/// Unmaps the memory; nobody copies through the slot any more.
fn forget_memory(this: &Object<Mr>, cx: &mut Cx<AtMostDispatch>) {
    let mapped = this.body().memory.lock(cx).take();
    drop(mapped);
}

unsafe extern "system" fn initialize_fast_register(
    mr: *mut NDK_MR,
    pages: ULONG,
    remote: BOOLEAN,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open MR.
        let this = unsafe { Object::<Mr>::from_face(mr) };
        of_result(try_initialize(this, pages, remote != 0, cx))
    })
}

fn try_initialize(this: &Object<Mr>, pages: u32, remote: bool, cx: &mut Cx<AtMostDispatch>) -> Result<(), Failure> {
    let (device, body) = (this.device(), this.body());
    device.check_present()?;
    body.state.begin_initialise(device.info(), pages)?;
    let result = (|| {
        let bytes = (pages as usize).checked_mul(size_of::<u64>()).ok_or(Failure::NoResources)?;
        let list = KBytes::try_zeroed(PAGES, bytes).map_err(|_| Failure::NoResources)?;
        let place = list.as_ptr().cast();
        *body.pages.lock(cx) = Some(list);
        let pd = body.pd.body();
        let domain = pd.open.body().domain;
        let table = device.tokens().table().ok_or(Failure::NoResources)?;
        // SAFETY: the list stays in `pages` until the slot is released at the object's end.
        let token = unsafe { table.initialise_fast(body.slot(), pd.number(), domain, remote, place, pages) };
        let token = token.map_err(|_| Failure::Internal)?;
        body.capacity.store(pages, Ordering::Release);
        body.remote.store(u32::from(remote), Ordering::Release);
        body.token.store(token.0, Ordering::Release);
        Ok(())
    })();
    body.state.end_initialise(result);
    result
}

unsafe extern "system" fn get_token(mr: *mut NDK_MR) -> UINT32 {
    // SAFETY: the consumer's open MR.
    unsafe { Object::<Mr>::from_face(mr) }.body().token()
}
