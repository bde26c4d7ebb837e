//! The adapter's port: its frames' queues, filter and counters, and the DPC that talks to NDIS.
//!
//! ```text
//!  send handler --copy by the switch--> other ports' `ready`            (send.rs)
//!       |                                    |
//!       v                                    v
//!     `done`                              `ready` <--pop-- `free`       (receive.rs)
//!       |                                    |                ^
//!       +-------------> DPC <----------------+                |
//!            completes sends, indicates frames --> NDIS --returns
//! ```
//! Nothing is completed or indicated from inside a send: the DPC breaks the recursion that the stack
//! could build up otherwise (`MP-TX-13`, `KP-STK-02`), and bounds its work per run (`MP-RX-13`).

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use softndk_nt::dpc::{self, Dpc, Routine};
use softndk_nt::irql::{AtMostDispatch, Cx, Dispatch, Irql, Passive};
use softndk_nt::lock::{Leaf, Spin};
use softndk_nt::ndis::AdapterHandle;
use softndk_nt::ndis::nbl::NblList;
use softndk_nt::ndis::receive::ReceivePool;
use softndk_nt::pool::{KBox, NoMemory, Tag};
use softndk_nt::pure::datapath::{After, DataPath, Refusal};
use softndk_nt::pure::ether::{HEADER, Mac, MulticastList, SHORTEST};
use softndk_nt::pure::statistics::Counters;
use softndk_nt::rundown::Rundown;

use super::config::Settings;
use super::switch::SWITCH;

const TAG: Tag = Tag::new(*b"nkRx");

/// Frames indicated by one run of the DPC.
const BATCH: u32 = 64;

/// What the port's lock guards.
pub(super) struct Traffic {
    /// The pause state, and what it waits for.
    pub path: DataPath,
    /// Receive NBLs without a frame.
    pub free: NblList,
    /// Receive NBLs with a frame, to be indicated.
    pub ready: NblList,
    /// Sent NBLs, to be completed.
    pub done: NblList,
}

/// One station on the virtual wire.
pub struct Port {
    handle: AdapterHandle,
    mac: Mac,
    mtu: u32,
    filter: AtomicU32,
    multicast: Spin<MulticastList, Leaf>,
    pub(super) traffic: Spin<Traffic, Leaf>,
    pub(super) pool: ReceivePool,
    /// Ethernet counters.
    pub counters: Counters,
    /// Copies into this port in progress (`MP-HALT-07`).
    pub(super) door: Rundown,
    dpc: Dpc,
}

impl Port {
    /// A port in Paused, not yet on the wire; all its memory is allocated here.
    ///
    /// # Errors
    /// [`NoMemory`]; nothing is left behind.
    #[inline(never)] // builds the port on the stack: not in the caller's frame
    pub fn try_new(
        handle: AdapterHandle,
        mac: Mac,
        settings: &Settings,
        cx: &mut Cx<Passive>,
    ) -> Result<KBox<Self>, NoMemory> {
        let door = Rundown::try_new(TAG)?;
        // A short frame is padded, so the buffer takes the shortest one at least.
        let longest = settings.mtu.saturating_add(HEADER).max(SHORTEST);
        let (pool, free) = ReceivePool::try_new(handle, TAG, settings.receive_buffers, longest, cx)?;
        let traffic = Traffic { path: DataPath::new(), free, ready: NblList::new(), done: NblList::new() };
        let port = Self {
            handle,
            mac,
            mtu: settings.mtu,
            filter: AtomicU32::new(0),
            multicast: Spin::new(MulticastList::new()),
            traffic: Spin::new(traffic),
            pool,
            counters: Counters::new(),
            door,
            // SAFETY: `init` comes before the first use.
            dpc: unsafe { Dpc::uninit() },
        };
        // On failure the pool has to be destroyed with its NBLs, so room comes before the move.
        match KBox::<Self>::try_zeroed(TAG) {
            Ok(room) => Ok(room.write(port)),
            Err(NoMemory) => {
                port.free(cx);
                Err(NoMemory)
            }
        }
    }

    /// Makes the port ready for use.
    ///
    /// # Safety
    /// Called once, in the port's final place, before anything else but [`Port::destroy`]; the place
    /// lasts until [`Port::unplug`] has returned.
    pub unsafe fn init(&self) {
        // SAFETY: the caller's promise; `unplug` flushes the DPC.
        unsafe { self.dpc.init::<Run>(NonNull::from(self)) };
    }

    /// Puts the port on the wire.
    ///
    /// # Safety
    /// As [`Port::init`]; [`Port::unplug`] ends it.
    ///
    /// # Errors
    /// [`NoMemory`]: the switch is full.
    pub unsafe fn plug_in(&self, cx: &mut Cx<Passive>) -> Result<(), NoMemory> {
        // SAFETY: `unplug` takes it out and waits for copies in progress.
        unsafe { SWITCH.add(NonNull::from(self), cx) }
    }

    /// Takes the port off the wire and waits until nothing of it is in use. It is paused. Once, also
    /// for a port that was not plugged in.
    pub fn unplug(&self, cx: &mut Cx<Passive>) {
        SWITCH.remove(self, cx);
        self.door.close(cx);
        dpc::flush(cx);
    }

    /// Frees the port. It is unplugged, or was never used.
    pub fn destroy(port: KBox<Self>, cx: &mut Cx<Passive>) {
        port.into_inner().free(cx);
    }

    fn free(self, cx: &mut Cx<Passive>) {
        let Traffic { mut free, ready, .. } = self.traffic.into_inner();
        free.append(ready);
        self.pool.destroy(free, cx);
    }

    /// The station's address.
    pub const fn mac(&self) -> Mac {
        self.mac
    }

    /// Payload bytes of a frame.
    pub const fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Bytes of the longest frame, header included (`MP-OID-26`).
    pub const fn longest_frame(&self) -> u32 {
        self.mtu.saturating_add(HEADER)
    }

    /// OID_GEN_CURRENT_PACKET_FILTER: effective before the request completes (`MP-OID-21`).
    pub fn set_filter(&self, filter: u32) {
        self.filter.store(filter, Ordering::Release);
    }

    /// The packet filter.
    pub fn filter(&self) -> u32 {
        self.filter.load(Ordering::Acquire)
    }

    /// The multicast list.
    pub const fn multicast(&self) -> &Spin<MulticastList, Leaf> {
        &self.multicast
    }

    /// Has the DPC look at the queues.
    pub(super) fn kick(&self) {
        // It may be queued already; one run sees everything.
        let _ = self.dpc.queue();
    }

    /// Changes the state of the data path, and does what comes of it.
    pub fn change<T, I: Irql>(&self, cx: &mut Cx<I>, change: impl FnOnce(&mut DataPath) -> T) -> T {
        let result = change(&mut self.traffic.lock(cx).path);
        // What the change made obsolete is dropped by the DPC.
        self.kick();
        result
    }

    /// Completes a pause, if that was the last NBL it waited for.
    pub(super) fn after<I: Irql>(&self, after: After, cx: &mut Cx<I>) {
        match after {
            After::Nothing => {}
            After::CompletePause => self.handle.pause_complete(cx),
        }
    }

    /// Gives sent NBLs back at once, all with one status.
    pub(super) fn refuse(&self, mut list: NblList, refusal: Refusal, cx: &mut Cx<AtMostDispatch>) {
        self.counters.send_discards.fetch_add(list.count().into(), Ordering::Relaxed);
        list.set_status(match refusal {
            Refusal::Paused => ndkpi_sys::NDIS_STATUS_PAUSED,
            Refusal::LowPower => ndkpi_sys::NDIS_STATUS_LOW_POWER_STATE,
            Refusal::Removed => ndkpi_sys::NDIS_STATUS_NOT_ACCEPTED,
        });
        self.handle.complete_sends(list, cx);
    }

    /// One run of the DPC.
    fn run(&self, cx: &mut Cx<Dispatch>) {
        let mut traffic = self.traffic.lock(cx);
        let done = core::mem::take(&mut traffic.done);
        let mut frames = traffic.ready.take(BATCH);
        let mut over = u64::from(done.count());
        if traffic.path.open().is_err() {
            // Pausing, low power or removed: no new indications (MP-PAUSE-01, MP-PM-03).
            let dropped = core::mem::take(&mut frames);
            over += u64::from(dropped.count());
            traffic.free.append(dropped);
        }
        if !done.is_empty() || !frames.is_empty() {
            traffic.path.call();
            over += 1;
        }
        drop(traffic);
        self.handle.complete_sends(done, cx);
        self.handle.indicate(frames, cx);
        let mut traffic = self.traffic.lock(cx);
        let after = if over == 0 { After::Nothing } else { traffic.path.leave(over) };
        let more = !traffic.ready.is_empty() || !traffic.done.is_empty();
        drop(traffic);
        if more {
            self.kick();
        }
        self.after(after, cx);
    }
}

/// The DPC of a port.
struct Run;

impl Routine for Run {
    type Target = Port;

    unsafe fn run(target: NonNull<Port>, cx: &mut Cx<Dispatch>) {
        // SAFETY: a port outlives its DPC: `unplug` flushes.
        unsafe { target.as_ref() }.run(cx);
    }
}
