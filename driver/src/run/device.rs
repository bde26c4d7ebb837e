//! One miniport's NDK side: limits, quotas, tokens, addresses, the lists of what listens and
//! connects, counters, and the workers that serve them.
//!
//! Made by the miniport's initialise, stopped by its halt after the last adapter was closed. Its
//! address does not change in between: objects, threads and DPCs refer to it.

use core::{
    ops::RangeInclusive,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use arrayvec::ArrayVec;
use softndk_abi::cm::{Address, Ip, LocalAddress, ReadLimits};
use softndk_nt::{
    dpc,
    irql::{AtMostDispatch, Cx, Passive},
    lock::{Leaf, Spin},
    pool::{KBox, NoMemory, Tag},
    random::{self, Generator},
    thread::Thread,
    time::Span,
};
use softndk_provider::{
    Failure,
    address::{on_link, same_ip},
    info::AdapterInfo,
    port,
    quota::Quotas,
};

use super::{
    cm,
    control::{CONTROL, Connections, ControlCell, DEVICES},
    counters::Counters,
    engine,
    list::{self, Link, Linked, List},
    object::{Object, Ref},
    tokens::Tokens,
    upcall::UpcallQueue,
};
use crate::ndk::{
    connector::{All, Connector, Incoming, Mail},
    cq::Cq,
    endpoint::Endpoint,
    listener::Listener,
    qp::Qp,
};

const TAG: Tag = Tag::new(*b"nkDv");

/// Most local addresses of one miniport that connections can use.
pub const MAX_ADDRESSES: usize = 64;

/// What the miniport tells its device at the start.
#[derive(Debug, Clone, Copy)]
pub struct DeviceConfig {
    /// Interface index.
    pub interface_index: u32,
    /// Interface LUID.
    pub luid: u64,
    /// How long a connection message takes.
    pub connect_delay: Span,
    /// How long a message without a receive waits before it is tried again.
    pub rnr_delay: Span,
    /// How long an accept waits for the active side.
    pub accept_limit: Span,
    /// How many ports port 0 picks from.
    pub dynamic_ports: u16,
    /// Most objects of each counted kind.
    pub object_limit: u32,
}

/// The NDK side of one miniport.
pub struct Device {
    config: DeviceConfig,
    info: AdapterInfo,
    quotas: Quotas,
    tokens: Tokens,
    counters: Counters,
    removed: AtomicBool,
    random: Spin<Generator, Leaf>,
    upcalls: UpcallQueue,
    cm: cm::Worker,
    engine: engine::Workers,
    addresses: ControlCell<ArrayVec<LocalAddress, MAX_ADDRESSES>>,
    listeners: ControlCell<List<Object<Listener>>>,
    endpoints: ControlCell<List<Object<Endpoint>>>,
    qps: ControlCell<List<Object<Qp>>>,
    connectors: ControlCell<List<Object<Connector>, All>>,
    incoming: ControlCell<List<Object<Connector>, Incoming>>,
    mail: ControlCell<List<Object<Connector>, Mail>>,
    link: ControlCell<Link<Device>>,
    threads: Spin<ArrayVec<Thread, { engine::MAX_THREADS + 1 }>, Leaf>,
    domains: AtomicU32,
    qp_numbers: AtomicU32,
    turns: AtomicU32,
}

// SAFETY: always the same cell.
unsafe impl Linked for Device {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.link
    }
}

impl Device {
    /// Makes a device and starts its workers.
    ///
    /// # Errors
    /// [`NoMemory`]; nothing is left behind.
    pub fn create(config: DeviceConfig, info: AdapterInfo, cx: &mut Cx<Passive>) -> Result<KBox<Self>, NoMemory> {
        let mut random = random::generator();
        let device = Self {
            config,
            info,
            quotas: Quotas::softndk(config.object_limit),
            tokens: Tokens::new(&mut random),
            counters: Counters::new(),
            removed: AtomicBool::new(false),
            random: Spin::new(random),
            // SAFETY: started below, at the final address.
            upcalls: unsafe { UpcallQueue::new() },
            // SAFETY: initialised below, at the final address.
            cm: unsafe { cm::Worker::new() },
            // SAFETY: initialised below, at the final address.
            engine: unsafe { engine::Workers::new() },
            addresses: ControlCell::new(ArrayVec::new_const()),
            listeners: ControlCell::new(List::new()),
            endpoints: ControlCell::new(List::new()),
            qps: ControlCell::new(List::new()),
            connectors: ControlCell::new(List::new()),
            incoming: ControlCell::new(List::new()),
            mail: ControlCell::new(List::new()),
            link: ControlCell::new(Link::new()),
            threads: Spin::new(ArrayVec::new_const()),
            domains: AtomicU32::new(1),
            qp_numbers: AtomicU32::new(1),
            turns: AtomicU32::new(0),
        };
        let device = KBox::try_new(TAG, device)?;
        // SAFETY: the block does not move; the device flushes its DPCs before it goes.
        unsafe { device.upcalls.start() };
        // SAFETY: as above.
        unsafe { device.cm.init() };
        // SAFETY: as above.
        unsafe { device.engine.init(NonNull::from(&*device)) };
        if let Some(table) = device.tokens.table() {
            table.set_owner(core::ptr::from_ref(&*device).expose_provenance());
        }
        if device.start_threads(cx).is_err() {
            device.stop_threads(cx);
            return Err(NoMemory);
        }
        let mut control = CONTROL.lock(cx);
        // SAFETY: `stop` takes the device out before it goes.
        unsafe { list::append(NonNull::from(&*device), &mut control, &DEVICES) };
        drop(control);
        Ok(device)
    }

    fn start_threads(&self, cx: &mut Cx<Passive>) -> Result<(), NoMemory> {
        // SAFETY: `stop_threads` joins before the device goes.
        let thread = unsafe { Thread::start::<cm::Run>(NonNull::from(self), cx) }.map_err(|_| NoMemory)?;
        self.keep(thread, cx);
        for _ in 0..engine::threads() {
            // SAFETY: as above.
            let thread = unsafe { Thread::start::<engine::Run>(NonNull::from(self), cx) }.map_err(|_| NoMemory)?;
            self.keep(thread, cx);
        }
        Ok(())
    }

    fn keep(&self, thread: Thread, cx: &mut Cx<Passive>) {
        let full = self.threads.lock(cx).try_push(thread).err();
        if let Some(thread) = full {
            // Cannot happen: the room is that of the threads started. Joining is right all the same.
            thread.element().join(cx);
        }
    }

    fn stop_threads(&self, cx: &mut Cx<Passive>) {
        self.cm.stop();
        self.engine.stop();
        let threads = core::mem::take(&mut *self.threads.lock(cx));
        for thread in threads {
            thread.join(cx);
        }
        self.engine.stop_timer(cx);
        dpc::flush(cx);
    }

    /// Ends the device. All its adapters are closed: nothing refers to it but its own workers.
    pub fn stop(device: KBox<Self>, cx: &mut Cx<Passive>) {
        let mut control = CONTROL.lock(cx);
        list::remove(&*device, &mut control, &DEVICES);
        // A request of another device's connector may still be on its way here.
        while let Some(request) = device.take_incoming(u64::MAX, &mut control) {
            cm::answer_request(&request, Failure::HostUnreachable, &mut control);
        }
        drop(control);
        device.stop_threads(cx);
        drop(device);
    }

    /// Limits and traits.
    pub const fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// Interface index.
    pub const fn interface_index(&self) -> u32 {
        self.config.interface_index
    }

    /// Interface LUID.
    pub const fn luid(&self) -> u64 {
        self.config.luid
    }

    /// Object quotas (`CAP-05`).
    pub const fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The token table.
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// NDK counters.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A number for a new adapter instance.
    pub fn next_domain(&self) -> u32 {
        self.domains.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new QP.
    pub fn next_qp_number(&self) -> u32 {
        self.qp_numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Where ended objects go.
    pub const fn upcalls(&self) -> &UpcallQueue {
        &self.upcalls
    }

    /// The connection worker.
    pub const fn cm(&self) -> &cm::Worker {
        &self.cm
    }

    /// The engine's workers.
    pub const fn engine(&self) -> &engine::Workers {
        &self.engine
    }

    /// How long a connection message takes.
    pub const fn connect_delay(&self) -> Span {
        self.config.connect_delay
    }

    /// How long a message without a receive waits.
    pub const fn rnr_delay(&self) -> Span {
        self.config.rnr_delay
    }

    /// How long an accept waits for the active side.
    pub const fn accept_limit(&self) -> Span {
        self.config.accept_limit
    }

    /// The ports that port 0 picks from.
    pub fn ports(&self) -> RangeInclusive<u16> {
        port::ephemeral(self.config.dynamic_ports)
    }

    /// A number that grows, for objects that take turns on processors.
    pub fn next_turn(&self) -> u32 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// The read limits that the adapter can do per QP (`ADP-12`).
    pub const fn read_limits(&self) -> ReadLimits {
        ReadLimits { inbound: self.info.max_inbound_reads, outbound: self.info.max_outbound_reads }
    }

    /// A random number.
    pub fn random16(&self, cx: &mut Cx<AtMostDispatch>) -> u16 {
        // The upper bits of the generator are its best.
        u16::try_from(self.random.lock(cx).next_u64() >> 48).unwrap_or(0)
    }

    /// Is the device still there?
    ///
    /// # Errors
    /// [`Failure::DeviceRemoved`] after a surprise removal (`PNP-05`).
    pub fn check_present(&self) -> Result<(), Failure> {
        if self.removed.load(Ordering::Acquire) { Err(Failure::DeviceRemoved) } else { Ok(()) }
    }

    /// The device was removed by surprise: connections break, creates fail, and nobody finds it any
    /// more (`PNP-04`, `PNP-05`).
    pub fn remove(&self, cx: &mut Cx<AtMostDispatch>) {
        let mut control = CONTROL.lock(cx);
        self.removed.store(true, Ordering::Release);
        self.addresses.get_mut(&mut control).clear();
        while let Some(request) = self.take_incoming(u64::MAX, &mut control) {
            cm::answer_request(&request, Failure::HostUnreachable, &mut control);
        }
        self.cut_off(Failure::DeviceRemoved, &mut control);
    }

    /// The local addresses, as the miniport learns them; more than [`MAX_ADDRESSES`] are left out.
    /// Connections from one that is gone break (`PNP-09`).
    pub fn set_addresses(&self, addresses: &[LocalAddress], cx: &mut Cx<AtMostDispatch>) {
        let mut control = CONTROL.lock(cx);
        if self.removed.load(Ordering::Acquire) {
            return;
        }
        let kept = self.addresses.get_mut(&mut control);
        kept.clear();
        kept.extend(addresses.iter().copied().take(MAX_ADDRESSES));
        self.cut_off(Failure::NetworkUnreachable, &mut control);
    }

    /// Has the worker end what goes on at connectors whose local address is not the device's.
    fn cut_off(&self, failure: Failure, control: &mut Connections) {
        let mut next = self.connectors.get(control).first();
        while let Some(here) = next {
            // SAFETY: what is in the list is alive while the lock is held.
            let connector = unsafe { here.as_ref() };
            next = list::next::<_, All>(connector, control);
            let local = connector.body().state.get(control).end.addresses().map(|(local, _)| local);
            if local.is_none_or(|local| self.owns(local.ip, control)) {
                continue;
            }
            if let Some(hold) = connector.try_reference() {
                hold.body().state.get_mut(control).cut = Some(failure);
                cm::post(&hold, 0, control);
            }
        }
    }

    /// Connectors that the worker has to look at.
    pub const fn mail(&self) -> &ControlCell<List<Object<Connector>, Mail>> {
        &self.mail
    }

    /// Is `ip` an address of this miniport?
    pub fn owns(&self, ip: Ip, control: &Connections) -> bool {
        self.addresses.get(control).iter().any(|own| same_ip(own.ip, ip))
    }

    /// Why a connect to `ip`, which no device owns, fails: nobody has it on the links of this miniport
    /// (`CONN-13`), or it is on none of them, and there are no routers (`CONN-12`).
    pub fn unreachable(&self, ip: Ip, control: &Connections) -> Failure {
        if self.addresses.get(control).iter().any(|own| on_link(*own, ip)) {
            Failure::HostUnreachable
        } else {
            Failure::NetworkUnreachable
        }
    }

    /// Does anybody hold an address and port that collides with `wanted`?
    pub fn holds(&self, wanted: Address, control: &Connections) -> bool {
        self.listeners
            .get(control)
            .iter(control)
            .filter_map(|listener| listener.body().state.get(control).rules.address())
            .chain(self.endpoints.get(control).iter(control).map(|endpoint| endpoint.body().address))
            .chain(self.connectors.get(control).iter(control).filter_map(|connector| {
                let state = connector.body().state.get(control);
                state.end.addresses().filter(|_| state.holds_address).map(|(local, _)| local)
            }))
            .any(|held| port::collides(held, wanted))
    }

    /// Is there a connector of this device from `local` to `remote` (`CONN-10`, `CONN-20`)?
    pub fn is_connected(&self, local: Address, remote: Address, control: &Connections) -> bool {
        self.connectors.get(control).iter(control).any(|connector| {
            let state = connector.body().state.get(control);
            state.qp.is_some() && state.end.addresses() == Some((local, remote))
        })
    }

    /// The listener that lets a request to `target` in.
    pub fn listener_for(&self, target: Address, control: &Connections) -> Option<Ref<Listener>> {
        self.listeners
            .get(control)
            .iter(control)
            .find(|listener| listener.body().state.get(control).rules.admits(target))
            .and_then(Object::try_reference)
    }

    /// Lists a listener from NdkListen to its end.
    pub fn remember_listener(&self, listener: &Object<Listener>, control: &mut Connections) {
        // SAFETY: its end takes it out.
        unsafe { list::append(NonNull::from(listener), control, &self.listeners) };
    }

    /// Takes a listener out.
    pub fn forget_listener(&self, listener: &Object<Listener>, control: &mut Connections) {
        list::remove(listener, control, &self.listeners);
    }

    /// Lists a shared endpoint.
    pub fn remember_endpoint(&self, endpoint: &Object<Endpoint>, control: &mut Connections) {
        // SAFETY: its end takes it out.
        unsafe { list::append(NonNull::from(endpoint), control, &self.endpoints) };
    }

    /// Takes a shared endpoint out.
    pub fn forget_endpoint(&self, endpoint: &Object<Endpoint>, control: &mut Connections) {
        list::remove(endpoint, control, &self.endpoints);
    }

    /// Lists a connector.
    pub fn remember_connector(&self, connector: &Object<Connector>, control: &mut Connections) {
        let here = NonNull::from(connector);
        // SAFETY: its end takes it out.
        unsafe { list::append::<_, All>(here, control, &self.connectors) };
    }

    /// Takes a connector out, and off the QP that is still its own, which it returns.
    pub fn forget_connector(&self, connector: &Object<Connector>, control: &mut Connections) -> Option<Ref<Qp>> {
        list::remove::<_, All>(connector, control, &self.connectors);
        // The reference itself goes with the body, after the close completion (LIFE-11).
        let state = connector.body().state.get(control);
        let qp = state.qp.clone().filter(|_| !state.unclaimed)?;
        qp.body().set_connector(None, control);
        Some(qp)
    }

    /// Lists a QP.
    pub fn remember_qp(&self, qp: &Object<Qp>, control: &mut Connections) {
        // SAFETY: its end takes it out.
        unsafe { list::append(NonNull::from(qp), control, &self.qps) };
    }

    /// Takes a QP out.
    pub fn forget_qp(&self, qp: &Object<Qp>, control: &mut Connections) {
        list::remove(qp, control, &self.qps);
    }

    /// A QP that completes to `cq` and still works.
    pub fn working_qp_of(&self, cq: &Object<Cq>, control: &Connections) -> Option<Ref<Qp>> {
        self.qps
            .get(control)
            .iter(control)
            .find(|qp| qp.body().completes_to(cq) && !qp.body().hardware.in_error())
            .and_then(Object::try_reference)
    }

    /// A request is on its way here; the list holds its connector.
    pub fn put_incoming(&self, connector: &Object<Connector>, control: &mut Connections) {
        let here = NonNull::from(connector);
        // SAFETY: the reference below keeps it; `take_incoming` or `recall_incoming` take it out.
        let fresh = unsafe { list::append::<_, Incoming>(here, control, &self.incoming) };
        if fresh {
            connector.body().state.get_mut(control).target = Some(NonNull::from(self));
            core::mem::forget(connector.reference());
        }
    }

    /// The oldest request that has arrived by `now`.
    pub fn take_incoming(&self, now: u64, control: &mut Connections) -> Option<Ref<Connector>> {
        let first = self.incoming.get(control).first()?;
        // SAFETY: the list holds a reference to what is in it.
        let connector = unsafe { first.as_ref() };
        if connector.body().state.get(control).incoming_due > now {
            return None;
        }
        list::remove::<_, Incoming>(connector, control, &self.incoming);
        connector.body().state.get_mut(control).target = None;
        // SAFETY: `put_incoming` gave this reference to the list.
        Some(unsafe { Ref::from_raw(first) })
    }

    /// The oldest connector whose mail is due by `now`.
    pub fn take_mail(&self, now: u64, control: &mut Connections) -> Option<Ref<Connector>> {
        let found = self
            .mail
            .get(control)
            .iter(control)
            .find(|connector| connector.body().state.get(control).mail_due <= now)
            .map(NonNull::from)?;
        // SAFETY: the list holds a reference to what is in it.
        let connector = unsafe { found.as_ref() };
        list::remove::<_, Mail>(connector, control, &self.mail);
        // SAFETY: `cm::post` gave this reference to the list.
        Some(unsafe { Ref::from_raw(found) })
    }

    /// A connector whose deadline has passed; its deadline is cleared.
    pub fn take_expired(&self, now: u64, control: &mut Connections) -> Option<Ref<Connector>> {
        let found = self
            .connectors
            .get(control)
            .iter(control)
            .find(|connector| (1..=now).contains(&connector.body().state.get(control).deadline))
            .and_then(Object::try_reference)?;
        found.body().state.get_mut(control).deadline = 0;
        Some(found)
    }

    /// When the worker has to look again, in 100 ns of interrupt time.
    pub fn next_due(&self, control: &Connections) -> Option<u64> {
        let mail = self.mail.get(control).iter(control).map(|c| connector_due(c, control));
        let incoming = self.incoming.get(control).iter(control).map(|c| c.body().state.get(control).incoming_due);
        let deadlines = self
            .connectors
            .get(control)
            .iter(control)
            .map(|c| c.body().state.get(control).deadline)
            .filter(|deadline| *deadline != 0);
        mail.chain(incoming).chain(deadlines).min()
    }

    /// Calls `visit` with each established connection's local and remote address (`OID-31`).
    pub fn connections(&self, cx: &mut Cx<AtMostDispatch>, mut visit: impl FnMut(Address, Address)) {
        let control = CONTROL.lock(cx);
        for connector in self.connectors.get(&control).iter(&control) {
            let end = &connector.body().state.get(&control).end;
            if let Some((local, remote)) = end.addresses().filter(|_| end.is_established()) {
                visit(local, remote);
            }
        }
    }

    /// Calls `visit` with each local endpoint, and whether it is a listener (`OID-33`, `OID-36`).
    pub fn endpoints(&self, cx: &mut Cx<AtMostDispatch>, mut visit: impl FnMut(Address, bool)) {
        let control = CONTROL.lock(cx);
        for listener in self.listeners.get(&control).iter(&control) {
            if let Some(address) = listener.body().state.get(&control).rules.address() {
                visit(address, true);
            }
        }
        for endpoint in self.endpoints.get(&control).iter(&control) {
            visit(endpoint.body().address, false);
        }
    }
}

fn connector_due(connector: &Object<Connector>, control: &Connections) -> u64 {
    connector.body().state.get(control).mail_due
}

/// Takes the request of an active connector off the road, if it is on it.
pub fn recall_incoming(connector: &Object<Connector>, control: &mut Connections) {
    let Some(target) = connector.body().state.get_mut(control).target.take() else { return };
    // SAFETY: a device's stop takes all requests off its list under the lock.
    let target = unsafe { target.as_ref() };
    if list::remove::<_, Incoming>(connector, control, &target.incoming) {
        // SAFETY: the list's reference; the caller has its own.
        drop(unsafe { Ref::from_raw(NonNull::from(connector)) });
    }
}
