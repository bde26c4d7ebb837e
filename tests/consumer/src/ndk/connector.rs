//! Connectors, from either side.

use crate::{
    kernel::{Event, Shared},
    ndk::{
        Adapter, Address, Answer, Created, Endpoint, Object, Qp, Submitted,
        listener::ListenerKind,
        object::{self, Keep, kind},
        request::{self, Prepared, on_create, on_request},
    },
    run::{Failure, Result, Run},
};
use core::{
    ptr::{self, NonNull},
    sync::atomic::{AtomicU32, Ordering},
};
use ndkpi_sys::{
    NDK_CONNECTOR, NDK_FN_DISCONNECT_EVENT_CALLBACK, NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, NTSTATUS, PSOCKADDR, PVOID,
    STATUS_NOT_SUPPORTED, STATUS_PENDING, STATUS_SUCCESS, ULONG,
};

kind!(ConnectorKind: NDK_CONNECTOR, NDK_CONNECTOR_DISPATCH, NdkObjectTypeConnector, NdkCloseConnector,
    extra Shared<Disconnection>);

/// A connector.
pub type Connector = Object<ConnectorKind>;

/// Read limits to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Reads that the peer may have out.
    pub inbound: ULONG,
    /// Reads that this side may have out.
    pub outbound: ULONG,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inbound: 16, outbound: 16 }
    }
}

/// What `NdkGetConnectionData` answered.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionData {
    /// Raw status.
    pub status: NTSTATUS,
    /// Effective limits.
    pub limits: Limits,
    /// The length that was stored.
    pub length: ULONG,
}

/// Which disconnect event an accept or complete-connect carries.
#[derive(Clone, Copy)]
pub enum OnDisconnect {
    /// The plain one, counted ([`Connector::disconnects`]).
    Signal,
    /// The one with a reason, counted as well ([`Connector::disconnect_reason`]); 2.1 and later.
    SignalEx,
    /// None, by the plain function (CONN-26, CONN-38).
    Null,
    /// None, by the Ex function.
    NullEx,
    /// A function of the test's.
    Call {
        /// The callback itself.
        function: NDK_FN_DISCONNECT_EVENT_CALLBACK,
        /// Its context; the test keeps alive what it points to.
        context: PVOID,
    },
}

/// The event as either function takes it.
enum Form {
    Plain(NDK_FN_DISCONNECT_EVENT_CALLBACK, PVOID),
    Ex(NDK_FN_DISCONNECT_EVENT_CALLBACK_EX, PVOID),
}

impl OnDisconnect {
    fn form(self, disconnection: &Shared<Disconnection>) -> Form {
        // The connector keeps the disconnection until its close is complete, after which no event comes.
        match self {
            Self::Signal => Form::Plain(Some(on_disconnect), disconnection.as_context()),
            Self::SignalEx => Form::Ex(Some(on_disconnect_ex), disconnection.as_context()),
            Self::Null => Form::Plain(None, ptr::null_mut()),
            Self::NullEx => Form::Ex(None, ptr::null_mut()),
            Self::Call { function, context } => Form::Plain(function, context),
        }
    }
}

/// What the disconnect event leaves behind.
pub struct Disconnection {
    event: Event,
    calls: AtomicU32,
    plain: AtomicU32,
    reason: AtomicU32,
}

impl Disconnection {
    pub(super) fn new() -> Result<Shared<Self>> {
        Ok(Shared::try_new(Self {
            event: Event::manual()?,
            calls: AtomicU32::new(0),
            plain: AtomicU32::new(0),
            reason: AtomicU32::new(0),
        })?)
    }
}

#[track_caller]
pub(super) fn create(adapter: &Adapter) -> Result<Created<ConnectorKind>> {
    let keep = [Keep::Adapter(adapter.clone()), Keep::Nothing, Keep::Nothing];
    object::create(adapter.run(), Disconnection::new()?, keep, |context, out, _| {
        let Some(create) = adapter.dispatch().NdkCreateConnector else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the adapter is open; callback and context fit; the out pointer is a live reference.
        unsafe { create(adapter.raw(), Some(on_create), context, out) }
    })
}

/// Takes over a connector that a connect event delivered.
///
/// # Safety
/// The connector is pending and nobody else has it.
#[track_caller]
pub(super) unsafe fn delivered(
    run: &Run,
    raw: NonNull<NDK_CONNECTOR>,
    adapter: &Adapter,
    listener: &Object<ListenerKind>,
    spare: Spare,
) -> Result<Connector> {
    let keep = [Keep::Adapter(adapter.clone()), Keep::Listener(listener.clone()), Keep::Nothing];
    let created = Answer { inline: STATUS_PENDING, status: STATUS_SUCCESS, object: raw.as_ptr().cast() };
    // SAFETY: the caller vouches for the connector.
    unsafe { Object::adopt(run, raw, created, spare.0, keep, spare.1) }
}

/// The memory that [`delivered`] needs, taken before a connector leaves the queue.
pub(super) struct Spare(Shared<Disconnection>, Prepared);

impl Spare {
    #[track_caller]
    pub(super) fn new() -> Result<Self> {
        Ok(Self(Disconnection::new()?, Prepared::new()?))
    }
}

impl Connector {
    /// Starts to connect a QP. The connector keeps the QP open until it is closed (LIFE-25).
    #[track_caller]
    pub fn connect(
        &self,
        qp: &Qp,
        source: &Address,
        destination: &Address,
        limits: Limits,
        private: &[u8],
    ) -> Result<Submitted> {
        let (mut source, mut destination) = (*source, *destination);
        let submitted = request::submit(self.run(), |context| {
            let Some(connect) = self.dispatch().NdkConnect else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the objects are open; addresses and data are read during the call only (CMP-16).
            unsafe {
                connect(
                    self.raw(),
                    qp.raw(),
                    source.as_ptr(),
                    source.length(),
                    destination.as_ptr(),
                    destination.length(),
                    limits.inbound,
                    limits.outbound,
                    data(private),
                    length(private),
                    Some(on_request),
                    context,
                )
            }
        })?;
        self.keep_if_taken(&submitted, Keep::Qp(qp.clone()));
        Ok(submitted)
    }

    // A call that is refused changes nothing: what an earlier one gave stays with the connector.
    fn keep_if_taken(&self, submitted: &Submitted, antecedent: Keep) {
        if submitted.inline() == STATUS_PENDING || submitted.inline() == STATUS_SUCCESS {
            self.keep(antecedent);
        }
    }

    /// Starts to connect a QP from a shared endpoint. The connector keeps both open until it is closed
    /// (LIFE-25, LIFE-26).
    #[track_caller]
    pub fn connect_from(
        &self,
        qp: &Qp,
        endpoint: &Endpoint,
        destination: &Address,
        limits: Limits,
        private: &[u8],
    ) -> Result<Submitted> {
        let mut destination = *destination;
        let submitted = request::submit(self.run(), |context| {
            let Some(connect) = self.dispatch().NdkConnectWithSharedEndpoint else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the objects are open; address and data are read during the call only (CMP-16).
            unsafe {
                connect(
                    self.raw(),
                    qp.raw(),
                    endpoint.raw(),
                    destination.as_ptr(),
                    destination.length(),
                    limits.inbound,
                    limits.outbound,
                    data(private),
                    length(private),
                    Some(on_request),
                    context,
                )
            }
        })?;
        self.keep_if_taken(&submitted, Keep::QpAndEndpoint(qp.clone(), endpoint.clone()));
        Ok(submitted)
    }

    /// Starts to confirm the connection on the active side; the disconnect event is counted.
    #[track_caller]
    pub fn complete_connect(&self) -> Result<Submitted> {
        self.complete_connect_as(OnDisconnect::Signal)
    }

    /// The same with the disconnect event, and so the function, of the test's choice.
    #[track_caller]
    pub fn complete_connect_as(&self, event: OnDisconnect) -> Result<Submitted> {
        let dispatch = self.dispatch();
        request::submit(self.run(), |context| match event.form(self.extra()) {
            Form::Plain(function, event) => match dispatch.NdkCompleteConnect {
                // SAFETY: the connector is open; callbacks and contexts fit.
                Some(complete) => unsafe { complete(self.raw(), function, event, Some(on_request), context) },
                None => STATUS_NOT_SUPPORTED,
            },
            Form::Ex(function, event) => match dispatch.NdkCompleteConnectEx {
                // SAFETY: as above.
                Some(complete) => unsafe { complete(self.raw(), function, event, Some(on_request), context) },
                None => STATUS_NOT_SUPPORTED,
            },
        })
    }

    /// Starts to accept on the passive side; the disconnect event is counted.
    #[track_caller]
    pub fn accept(&self, qp: &Qp, limits: Limits, private: &[u8]) -> Result<Submitted> {
        self.accept_as(qp, limits, private, OnDisconnect::Signal)
    }

    /// The same with the disconnect event, and so the function, of the test's choice.
    #[track_caller]
    pub fn accept_as(&self, qp: &Qp, limits: Limits, private: &[u8], event: OnDisconnect) -> Result<Submitted> {
        let dispatch = self.dispatch();
        let Limits { inbound, outbound } = limits;
        let (data, length) = (data(private), length(private));
        let submitted = request::submit(self.run(), |context| match event.form(self.extra()) {
            Form::Plain(function, event) => match dispatch.NdkAccept {
                // SAFETY: the objects are open; callbacks and contexts fit; the data is read during the call
                // only (CMP-16).
                Some(accept) => unsafe {
                    accept(
                        self.raw(),
                        qp.raw(),
                        inbound,
                        outbound,
                        data,
                        length,
                        function,
                        event,
                        Some(on_request),
                        context,
                    )
                },
                None => STATUS_NOT_SUPPORTED,
            },
            Form::Ex(function, event) => match dispatch.NdkAcceptEx {
                // SAFETY: as above.
                Some(accept) => unsafe {
                    accept(
                        self.raw(),
                        qp.raw(),
                        inbound,
                        outbound,
                        data,
                        length,
                        function,
                        event,
                        Some(on_request),
                        context,
                    )
                },
                None => STATUS_NOT_SUPPORTED,
            },
        })?;
        self.keep_if_taken(&submitted, Keep::Qp(qp.clone()));
        Ok(submitted)
    }

    /// Refuses the peer; raw status.
    pub fn reject(&self, private: &[u8]) -> NTSTATUS {
        let Some(reject) = self.dispatch().NdkReject else {
            return STATUS_NOT_SUPPORTED;
        };
        // SAFETY: the connector is open; the data is read during the call only.
        unsafe { reject(self.raw(), data(private), length(private)) }
    }

    /// Starts to disconnect.
    #[track_caller]
    pub fn disconnect(&self) -> Result<Submitted> {
        request::submit(self.run(), |context| {
            let Some(disconnect) = self.dispatch().NdkDisconnect else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the connector is open; callback and context fit.
            unsafe { disconnect(self.raw(), Some(on_request), context) }
        })
    }

    /// Limits and private data of the peer; an empty buffer asks for the size (CONN-54).
    pub fn connection_data(&self, buffer: &mut [u8]) -> ConnectionData {
        let mut answer = ConnectionData {
            status: STATUS_NOT_SUPPORTED,
            limits: Limits { inbound: 0, outbound: 0 },
            length: length(buffer),
        };
        let Some(get) = self.dispatch().NdkGetConnectionData else {
            return answer;
        };
        let target: PVOID = if buffer.is_empty() { ptr::null_mut() } else { buffer.as_mut_ptr().cast() };
        let ConnectionData { limits, length, .. } = &mut answer;
        // SAFETY: the buffer has the length given; the other outputs are locals.
        answer.status = unsafe { get(self.raw(), &mut limits.inbound, &mut limits.outbound, target, length) };
        answer
    }

    /// The local address and the raw status.
    pub fn local_address(&self) -> (NTSTATUS, Address) {
        let get = self.dispatch().NdkGetLocalAddress;
        address(|target, length| match get {
            // SAFETY: the connector is open; the target has the length given.
            Some(get) => unsafe { get(self.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        })
    }

    /// The peer's address and the raw status.
    pub fn peer_address(&self) -> (NTSTATUS, Address) {
        let get = self.dispatch().NdkGetPeerAddress;
        address(|target, length| match get {
            // SAFETY: as above.
            Some(get) => unsafe { get(self.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        })
    }

    /// How often the disconnect event has come; CONN-73 wants at most once.
    pub fn disconnects(&self) -> u32 {
        self.extra().calls.load(Ordering::Acquire)
    }

    /// How many of the disconnect events were of the plain form.
    pub fn plain_disconnects(&self) -> u32 {
        self.extra().plain.load(Ordering::Acquire)
    }

    /// The reason of the latest disconnect event of the Ex form; 0 if none came.
    pub fn disconnect_reason(&self) -> u32 {
        self.extra().reason.load(Ordering::Acquire)
    }

    /// Waits for the disconnect event at PASSIVE_LEVEL.
    #[track_caller]
    pub fn wait_for_disconnect(&self) -> Result {
        self.run().wait(&self.extra().event, "CONN-72 the peer's end gives a disconnect event")
    }

    /// The event that the disconnect event sets.
    pub fn disconnected(&self) -> &Event {
        &self.extra().event
    }
}

unsafe extern "system" fn on_disconnect(context: PVOID) {
    // SAFETY: the connector object holds a reference until its close is complete.
    let disconnection = unsafe { Shared::<Disconnection>::borrow_context(context) };
    disconnection.plain.fetch_add(1, Ordering::AcqRel);
    disconnection.calls.fetch_add(1, Ordering::AcqRel);
    disconnection.event.set();
}

unsafe extern "system" fn on_disconnect_ex(context: PVOID, reason: ULONG) {
    // SAFETY: as above.
    let disconnection = unsafe { Shared::<Disconnection>::borrow_context(context) };
    disconnection.reason.store(reason, Ordering::Release);
    disconnection.calls.fetch_add(1, Ordering::AcqRel);
    disconnection.event.set();
}

/// Asks for an address with room for either family.
pub(super) fn address(get: impl FnOnce(PSOCKADDR, &mut ULONG) -> NTSTATUS) -> (NTSTATUS, Address) {
    let mut address = Address::empty();
    let mut length = address.length();
    let status = get(address.as_ptr(), &mut length);
    *address.length_mut() = length;
    (status, address)
}

fn data(private: &[u8]) -> PVOID {
    if private.is_empty() { ptr::null_mut() } else { private.as_ptr().cast_mut().cast() }
}

fn length(private: &[u8]) -> ULONG {
    ULONG::try_from(private.len()).unwrap_or(ULONG::MAX)
}

impl ConnectionData {
    /// Expects success.
    #[track_caller]
    pub fn ok(&self, run: &Run, what: &'static str) -> Result<Self> {
        if self.status != STATUS_SUCCESS {
            return Err(Failure::new(what, self.status));
        }
        run.check(true, what)?;
        Ok(*self)
    }
}
