//! `NDK_QP` (`QP-*`): its making and its end; the work requests are in [`super::work`].

use core::{
    ffi::c_void,
    mem::offset_of,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, Ordering},
};

use ndkpi_sys::{NDK_FN_CLOSE_COMPLETION, NDK_OBJECT_HEADER, NDK_QP_DISPATCH, NTSTATUS};
use softndk_abi::{
    Sge,
    work::{WorkLayout, WorkQueue},
};
use softndk_nic::qp::{CqLink, Qp as Hardware, QpParts, Receives};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::{KBytes, Tag},
};
use softndk_provider::{
    Failure,
    post::Poster,
    qp::{QpLimits, QpLink},
};

use super::{connector::Connector, cq::Cq, enter, extension, pd::Pd, srq::Srq, work};
use crate::run::{
    chore::Chore,
    control::{CONTROL, Connections, ControlCell},
    engine::{self, Starving},
    list::{Link, Linked},
    object::{Kind, Object, Ref},
};

/// Pool tag of work queues.
const RING: Tag = Tag::new(*b"nkQr");

/// Chore: run the engine.
pub const RUN: u32 = 1;
/// Chore: the device ended the connection.
pub const LOST: u32 = 2;
/// Chore: the QP has become quiet.
pub const QUIET: u32 = 4;

/// Body of a QP.
pub struct Qp {
    /// The device's part.
    pub hardware: Hardware,
    /// Place in its connection.
    pub link: QpLink,
    /// Its sizes.
    pub limits: QpLimits,
    /// The consumer has closed it; read and written under the connection lock.
    pub closed: AtomicBool,
    /// Stopped, drained, and nobody copies for it.
    pub quiet: AtomicBool,
    /// Place among those that wait for a receive at their peer.
    pub starving: Starving,
    chore: Chore,
    connector: ControlCell<Option<NonNull<Object<Connector>>>>,
    listed: ControlCell<Link<Object<Qp>>>,
    _send_memory: KBytes,
    _receive_memory: KBytes,
    /// Antecedents (`LIFE-22` to `LIFE-24`).
    pub pd: Ref<Pd>,
    pub(super) receive_cq: Ref<Cq>,
    pub(super) initiator_cq: Ref<Cq>,
    _srq: Option<Ref<Srq>>,
}

// SAFETY: `connector` is followed under the connection lock only.
unsafe impl Send for Qp {}
// SAFETY: as above; the rest is Sync.
unsafe impl Sync for Qp {}

/// Where a body has its `starving`.
pub const STARVING_OFFSET: usize = offset_of!(Qp, starving);

// SAFETY: always the same cell of the object.
unsafe impl Linked for Object<Qp> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().listed
    }
}

impl Qp {
    /// What posting functions need.
    pub fn poster<'a>(&'a self, object: &'a Object<Self>) -> Poster<'a> {
        Poster { info: object.device().info(), limits: &self.limits, link: &self.link }
    }

    /// The connector that has the QP.
    pub fn connector(&self, control: &Connections) -> Option<NonNull<Object<Connector>>> {
        *self.connector.get(control)
    }

    /// Notes, or forgets, the connector that has the QP.
    pub fn set_connector(&self, connector: Option<NonNull<Object<Connector>>>, control: &mut Connections) {
        *self.connector.get_mut(control) = connector;
    }

    /// True when one of its completions goes to `cq`.
    pub fn completes_to(&self, cq: &Object<Cq>) -> bool {
        self.receive_cq.same(cq) || self.initiator_cq.same(cq)
    }
}

impl Kind for Qp {
    const TYPE: i32 = 2;
    const TAG: Tag = Tag::new(*b"nkQp");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, cx: &mut Cx<AtMostDispatch>) {
        object.device().forget_qp(object, &mut CONTROL.lock(cx));
        object.device().quotas().qp.give_back();
    }
}

/// Has a worker do something about the QP. IRQL: at most DISPATCH_LEVEL, locks allowed.
pub fn post(qp: &Object<Qp>, bits: u32) {
    let chore = &qp.body().chore;
    if chore.add(bits) {
        core::mem::forget(qp.reference());
        qp.device().engine().chores().push(NonNull::from(chore));
    }
}

/// # Safety
/// `chore` is that of a QP, posted with a reference.
unsafe fn perform(chore: NonNull<Chore>, bits: u32, cx: &mut Cx<AtMostDispatch>) {
    // SAFETY: the chore is that field of the body.
    let qp = unsafe { Object::<Qp>::of_part(chore.cast(), offset_of!(Qp, chore)) };
    // SAFETY: `post` left this reference.
    let qp = unsafe { Ref::from_raw(qp) };
    engine::perform_qp(&qp, bits, cx);
}

/// Makes a QP of `pd` (`QP-01` to `QP-12`).
///
/// # Errors
/// [`Failure::InvalidParameter`] for sizes above the limits, and for CQs of another open or an SRQ of
/// another PD (`VER-14`, `QP-12`); [`Failure::NoResources`].
pub fn create(
    pd: &Object<Pd>,
    receive_cq: &Object<Cq>,
    initiator_cq: &Object<Cq>,
    srq: Option<&Object<Srq>>,
    context: *mut c_void,
    limits: QpLimits,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<Ref<Qp>, Failure> {
    let device = pd.device();
    device.check_present()?;
    limits.check(device.info())?;
    let open = &pd.body().open;
    let foreign = !open.same(&receive_cq.body().open)
        || !open.same(&initiator_cq.body().open)
        || srq.is_some_and(|srq| !srq.body().pd.same(pd));
    if foreign {
        return Err(Failure::InvalidParameter);
    }
    device.quotas().qp.take()?;
    let made = build(pd, receive_cq, initiator_cq, srq, context, limits, cx);
    if made.is_err() {
        device.quotas().qp.give_back();
    }
    made
}

fn build(
    pd: &Object<Pd>,
    receive_cq: &Object<Cq>,
    initiator_cq: &Object<Cq>,
    srq: Option<&Object<Srq>>,
    context: *mut c_void,
    limits: QpLimits,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<Ref<Qp>, Failure> {
    let device = pd.device();
    let table = device.tokens().table().ok_or(Failure::NoResources)?;
    let send = WorkLayout {
        depth: limits.initiator_depth,
        max_sge: limits.initiator_sge.max(device.info().max_read_sge),
        inline: limits.inline,
    };
    let send_memory = ring(send.bytes())?;
    let receive = WorkLayout { depth: limits.receive_depth, max_sge: limits.receive_sge, inline: 0 };
    let receive_memory = match srq {
        None => ring(receive.bytes())?,
        Some(srq) => ring((srq.body().queue.max_sge() as usize).saturating_mul(size_of::<Sge>()))?,
    };
    let receives = match srq {
        // SAFETY: fresh ring memory of that layout, which lives as long as the body.
        None => Receives::Own(unsafe { WorkQueue::new(receive_memory.as_ptr(), receive) }),
        Some(srq) => Receives::Shared { srq: NonNull::from(&srq.body().queue), taken: receive_memory.as_ptr().cast() },
    };
    let body = pd.body();
    let parts = QpParts {
        // SAFETY: as above.
        sq: unsafe { WorkQueue::new(send_memory.as_ptr(), send) },
        receives,
        table: NonNull::from(table),
        pd: body.number(),
        domain: body.open.body().domain,
        privileged: body.privileged,
        id: device.next_qp_number(),
        context: context.addr() as u64,
        // The object's address, put in below.
        cookie: 0,
        initiator_cq: CqLink {
            queue: NonNull::from(&initiator_cq.body().queue),
            cookie: ptr::from_ref(initiator_cq).expose_provenance(),
        },
        receive_cq: CqLink {
            queue: NonNull::from(&receive_cq.body().queue),
            cookie: ptr::from_ref(receive_cq).expose_provenance(),
        },
    };
    let object = Object::create_with(device, pd.version(), |address| Qp {
        // SAFETY: the body holds the CQs, the SRQ and the memory; the table belongs to the device.
        hardware: unsafe { Hardware::new(QpParts { cookie: address.as_ptr().expose_provenance(), ..parts }) },
        link: QpLink::new(),
        limits,
        closed: AtomicBool::new(false),
        quiet: AtomicBool::new(false),
        starving: Starving::new(),
        chore: Chore::new(perform),
        connector: ControlCell::new(None),
        listed: ControlCell::new(Link::new()),
        _send_memory: send_memory,
        _receive_memory: receive_memory,
        pd: pd.reference(),
        receive_cq: receive_cq.reference(),
        initiator_cq: initiator_cq.reference(),
        _srq: srq.map(Object::reference),
    })
    .map_err(|_| Failure::NoResources)?;
    // The device holds the object until it is quiet (LIFE-33).
    core::mem::forget(object.reference());
    device.remember_qp(&object, &mut CONTROL.lock(cx));
    Ok(object)
}

fn ring(bytes: usize) -> Result<KBytes, Failure> {
    KBytes::try_zeroed(RING, bytes).map_err(|_| Failure::NoResources)
}

static TABLE: NDK_QP_DISPATCH = NDK_QP_DISPATCH {
    NdkCloseQp: Some(close),
    NdkQueryExtension: Some(extension),
    NdkFlush: Some(work::flush),
    NdkSend: Some(work::send),
    NdkReceive: Some(work::receive),
    NdkBind: Some(work::bind),
    NdkFastRegister: Some(work::fast_register),
    NdkInvalidate: Some(work::invalidate),
    NdkRead: Some(work::read),
    NdkWrite: Some(work::write),
    NdkSendAndInvalidate: Some(work::send_and_invalidate),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open QP, once.
        let this = unsafe { Object::<Qp>::from_face(object) };
        // A connector that is still open keeps the QP working (LIFE-12); its own end breaks it down.
        let control = CONTROL.lock(cx);
        this.body().closed.store(true, Ordering::Release);
        let free = this.body().connector(&control).is_none();
        drop(control);
        if free {
            this.body().link.bring_down();
            engine::break_down(this, cx);
        }
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}
