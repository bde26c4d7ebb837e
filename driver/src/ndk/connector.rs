//! `NDK_CONNECTOR`: the shim and its table; the rules are `softndk_provider::connector` (`CONN-*`).
//!
//! Every function takes the connection lock, asks the state machine, and carries out its wishes. No
//! completion or event is made here: they are owed, and the connection worker pays
//! ([`crate::run::cm`]).

mod active;
mod passive;
mod query;

use core::{ffi::c_void, ptr::NonNull};

use arrayvec::ArrayVec;
use ndkpi_sys::{
    NDK_CONNECTOR, NDK_CONNECTOR_DISPATCH, NDK_FN_CLOSE_COMPLETION, NDK_FN_DISCONNECT_EVENT_CALLBACK,
    NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NDK_FN_REQUEST_COMPLETION, NDK_OBJECT_HEADER, NTSTATUS,
};
use softndk_abi::cm::PrivateData;
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::{
    Failure,
    connector::{End, EventForm},
    effects::{Effects, Upcall},
    status::{NtStatus, of_result},
};

use super::{adapter::Adapter, endpoint::Endpoint, enter, extension, listener::Listener, qp::Qp};
use crate::run::{
    cm,
    control::{CONTROL, Connections, ControlCell},
    device::Device,
    effects::{Aftermath, perform},
    engine,
    list::{Link, Linked},
    object::{Kind, Object, Ref},
};

/// The request that waits for its completion; it holds the connector (`LIFE-06`).
pub struct Request {
    /// The consumer's completion.
    pub completion: NDK_FN_REQUEST_COMPLETION,
    /// The consumer's context.
    pub context: *mut c_void,
    /// Keeps the connector until the completion has returned (`LIFE-07`).
    pub _hold: Ref<Connector>,
}

/// The disconnect event that the consumer gave.
#[derive(Clone, Copy)]
pub enum Event {
    /// The plain form.
    Plain(NDK_FN_DISCONNECT_EVENT_CALLBACK, *mut c_void),
    /// The form with a reason (`CONN-80`).
    Ex(NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, *mut c_void),
}

/// A callback that the connection worker has to make.
pub enum Owed {
    /// The completion of a request.
    Completion(Request, NtStatus),
    /// The disconnect event.
    Disconnected(Event, u32, Ref<Connector>),
}

/// What the connection lock guards of a connector.
pub struct State {
    /// The state machine.
    pub end: End,
    /// The other end, as long as both connectors are open; each clears both at its close.
    pub peer: Option<NonNull<Object<Connector>>>,
    /// The QP given with connect or accept (`LIFE-25`).
    pub qp: Option<Ref<Qp>>,
    /// The QP is held, but no longer this connector's.
    pub unclaimed: bool,
    /// The listener that delivered this connector (`LIFE-27`).
    pub listener: Option<Ref<Listener>>,
    /// The shared endpoint that it connects from (`LIFE-26`).
    pub endpoint: Option<Ref<Endpoint>>,
    /// The connector holds its local address and port by itself (`CONN-82`).
    pub holds_address: bool,
    /// Private data on its way to the passive side.
    pub outgoing: PrivateData,
    /// The request that waits.
    pub request: Option<Request>,
    /// The disconnect event.
    pub event: Option<Event>,
    /// Callbacks that the worker has to make.
    pub owed: ArrayVec<Owed, 4>,
    /// Why the request of the active side found nobody.
    pub verdict: Option<Failure>,
    /// The device ended the connection.
    pub lost: bool,
    /// The adapter or the local address is gone, and why a connect fails therefore.
    pub cut: Option<Failure>,
    /// When the worker may look into the mail, in 100 ns of interrupt time.
    pub mail_due: u64,
    /// The device to which the request is on its way.
    pub target: Option<NonNull<Device>>,
    /// When the request reaches the device of its target.
    pub incoming_due: u64,
    /// When a state that must not last for ever ends; 0 for none.
    pub deadline: u64,
}

// SAFETY: the raw pointers are the consumer's contexts, passed on unread, and the peer, which is
// followed under the connection lock only.
unsafe impl Send for State {}

/// Body of a connector.
pub struct Connector {
    /// The adapter it belongs to (`LIFE-15`).
    _open: Ref<Adapter>,
    /// Everything else.
    pub state: ControlCell<State>,
    all: ControlCell<Link<Object<Connector>>>,
    mail: ControlCell<Link<Object<Connector>>>,
    incoming: ControlCell<Link<Object<Connector>>>,
}

/// List of all connectors of a device.
pub struct All;
/// List of connectors that the worker has to look at; each holds a reference.
pub struct Mail;
/// List of connectors whose request is on its way to a device; each holds a reference.
pub struct Incoming;

// SAFETY: always the same cell of the object.
unsafe impl Linked<All> for Object<Connector> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().all
    }
}
// SAFETY: always the same cell of the object.
unsafe impl Linked<Mail> for Object<Connector> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().mail
    }
}
// SAFETY: always the same cell of the object.
unsafe impl Linked<Incoming> for Object<Connector> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().incoming
    }
}

impl Kind for Connector {
    const TYPE: i32 = 8;
    const TAG: Tag = Tag::new(*b"nkCn");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, cx: &mut Cx<AtMostDispatch>) {
        object.device().quotas().connector.give_back();
        // Only now the address and port are free again (CONN-82).
        let mut control = CONTROL.lock(cx);
        let qp = object.device().forget_connector(object, &mut control);
        drop(control);
        if let Some(qp) = qp {
            // It had its one connection (QP-14); its own close may be waiting for this.
            qp.body().link.bring_down();
            engine::break_down(&qp, cx);
        }
    }
}

/// Makes a connector of `open` whose end is `end`.
///
/// # Errors
/// [`Failure::NoResources`].
pub fn create(open: &Object<Adapter>, end: End, cx: &mut Cx<AtMostDispatch>) -> Result<Ref<Connector>, Failure> {
    let state = State {
        end,
        peer: None,
        qp: None,
        unclaimed: false,
        listener: None,
        endpoint: None,
        holds_address: false,
        outgoing: PrivateData::EMPTY,
        request: None,
        event: None,
        owed: ArrayVec::new_const(),
        verdict: None,
        lost: false,
        cut: None,
        mail_due: 0,
        target: None,
        incoming_due: 0,
        deadline: 0,
    };
    let body = Connector {
        _open: open.reference(),
        state: ControlCell::new(state),
        all: ControlCell::new(Link::new()),
        mail: ControlCell::new(Link::new()),
        incoming: ControlCell::new(Link::new()),
    };
    let quota = &open.device().quotas().connector;
    quota.take()?;
    let object = Object::create(open.device(), open.version(), body).map_err(|_| {
        quota.give_back();
        Failure::NoResources
    })?;
    let mut control = CONTROL.lock(cx);
    open.device().remember_connector(&object, &mut control);
    drop(control);
    Ok(object)
}

static TABLE: NDK_CONNECTOR_DISPATCH = NDK_CONNECTOR_DISPATCH {
    NdkCloseConnector: Some(close),
    NdkQueryExtension: Some(extension),
    NdkConnect: Some(active::connect),
    NdkConnectWithSharedEndpoint: Some(active::connect_with_shared_endpoint),
    NdkCompleteConnect: Some(active::complete_connect),
    NdkAccept: Some(passive::accept),
    NdkReject: Some(passive::reject),
    NdkGetConnectionData: Some(query::get_connection_data),
    NdkGetLocalAddress: Some(query::get_local_address),
    NdkGetPeerAddress: Some(query::get_peer_address),
    NdkDisconnect: Some(disconnect),
    NdkCompleteConnectEx: Some(active::complete_connect_ex),
    NdkAcceptEx: Some(passive::accept_ex),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open connector, once.
        let this = unsafe { Object::<Connector>::from_face(object) };
        let mut effects = Effects::new();
        let mut after = Aftermath::new();
        let mut control = CONTROL.lock(cx);
        this.body().state.get_mut(&mut control).end.close(&mut effects);
        perform(this, &effects, &mut control, &mut after);
        cm::part(this, &mut control);
        drop(control);
        after.run(cx);
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn disconnect(
    connector: *mut NDK_CONNECTOR,
    completion: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open connector.
        let this = unsafe { Object::<Connector>::from_face(connector) };
        let request = Request { completion, context, _hold: this.reference() };
        let mut pending = Some(request);
        let status = transition(this, cx, |state, effects| {
            state.end.disconnect(effects)?;
            state.request = pending.take();
            state.deadline = cm::disconnect_deadline();
            Ok(())
        });
        if status == 0 { softndk_provider::status::PENDING } else { status }
    })
}

/// Runs one transition under the lock and carries out its wishes.
fn transition(
    this: &Object<Connector>,
    cx: &mut Cx<AtMostDispatch>,
    step: impl FnOnce(&mut State, &mut Effects) -> Result<(), Failure>,
) -> NtStatus {
    let mut effects = Effects::new();
    let mut after = Aftermath::new();
    let mut control = CONTROL.lock(cx);
    let result = step(this.body().state.get_mut(&mut control), &mut effects);
    perform(this, &effects, &mut control, &mut after);
    // What the step set in motion may be due already.
    cm::post(this, 0, &mut control);
    drop(control);
    after.run(cx);
    of_result(result)
}

/// Moves what an upcall wish needs from the state to the list of owed callbacks.
pub fn owe(this: &Object<Connector>, upcall: Upcall, control: &mut Connections) {
    let hold = this.reference();
    let state = this.body().state.get_mut(control);
    let owed = match upcall {
        Upcall::Completion(status) => state.request.take().map(|request| Owed::Completion(request, status)),
        Upcall::Disconnected { reason } => state.event.map(|event| Owed::Disconnected(event, reason, hold)),
    };
    if let Some(owed) = owed {
        let kept = state.owed.try_push(owed);
        debug_assert!(kept.is_ok(), "a connector owes at most three callbacks");
    }
}

const fn form(event: Option<Event>) -> EventForm {
    if event.is_some() { EventForm::Given } else { EventForm::None }
}
