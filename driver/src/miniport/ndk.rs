//! Opens and closes of NDK adapters, and whether NDK is enabled (`STATE-*`, `VER-09`, `MP-NDK-*`).
//!
//! The events are raised by a thread of the adapter's own: a disable lasts until every consumer has
//! closed, for which no shared worker should be held (`KP-WI-02`), and no OID handler may wait
//! (`STATE-08`). The rules are in [`softndk_nt::pure::ndk_state`].

use core::ffi::c_void;
use core::pin::Pin;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use ndkpi_sys as sys;
use softndk_nt::event::{Event, Kind};
use softndk_nt::irql::{self, Cx, Passive};
use softndk_nt::lock::{Leaf, Spin};
use softndk_nt::log::{self, Level};
use softndk_nt::ndis::Status;
use softndk_nt::ndis::adapter::NdkEvent;
use softndk_nt::pool::{KBox, NoMemory};
use softndk_nt::pure::ndk_state::{NdkState, Next};
use softndk_nt::thread::{Main, Thread};
use softndk_provider::version::Version;

use super::{Miniport, TAG};
use crate::ndk::adapter::{self, OpenError};

/// NDK's state of one adapter.
pub struct NdkControl {
    state: Spin<NdkState, Leaf>,
    /// Tells the thread to look.
    wake: Pin<KBox<Event>>,
    /// Set while nothing is open.
    idle: Pin<KBox<Event>>,
    stop: AtomicBool,
    thread: Spin<Option<Thread>, Leaf>,
}

impl NdkControl {
    /// As the keyword says; no event is owed for that (`STATE-14`).
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(enabled: bool) -> Result<Self, NoMemory> {
        Ok(Self {
            state: Spin::new(NdkState::new(enabled)),
            wake: Event::try_new(TAG, Kind::Synchronization, false)?,
            idle: Event::try_new(TAG, Kind::Notification, true)?,
            stop: AtomicBool::new(false),
            thread: Spin::new(None),
        })
    }

    fn change(&self, cx: &mut Cx<Passive>, change: impl FnOnce(&mut NdkState) -> bool) {
        if change(&mut self.state.lock(cx)) {
            self.wake.signal();
        }
    }

    /// OID_NDK_SET_STATE.
    pub fn want(&self, enabled: bool, cx: &mut Cx<Passive>) {
        self.change(cx, |state| state.want(enabled));
    }

    /// Low power, or back from it (`PNP-07`).
    pub fn suspend(&self, suspended: bool, cx: &mut Cx<Passive>) {
        self.change(cx, |state| state.suspend(suspended));
    }

    /// Surprise removal (`PNP-04`).
    pub fn remove(&self, cx: &mut Cx<Passive>) {
        self.change(cx, NdkState::remove);
    }

    /// Opens fail from now on, for good; NDK is disabled if it is in use.
    pub fn refuse(&self, cx: &mut Cx<Passive>) {
        self.change(cx, NdkState::halt);
    }

    /// Ends NDK: disables it if it is in use, waits for the last close, and joins the thread
    /// (`PNP-01`, `MP-NDKOID-04`).
    pub fn halt(&self, cx: &mut Cx<Passive>) {
        self.refuse(cx);
        self.idle.wait(cx);
        self.stop.store(true, Ordering::Release);
        self.wake.signal();
        let thread = self.thread.lock(cx).take();
        if let Some(thread) = thread {
            thread.join(cx);
        }
    }

    fn enter(&self, cx: &mut Cx<Passive>) -> bool {
        let mut state = self.state.lock(cx);
        let allowed = state.open();
        if allowed {
            // Under the lock, so that it never disagrees with the count.
            self.idle.clear();
        }
        allowed
    }

    fn leave(&self, cx: &mut Cx<Passive>) {
        let mut state = self.state.lock(cx);
        if state.close() {
            self.idle.signal();
        }
    }
}

impl Miniport {
    /// Starts the thread that raises the events.
    ///
    /// # Safety
    /// The adapter is in its final place and calls [`NdkControl::halt`] before it goes.
    pub(super) unsafe fn start_ndk_thread(&self, cx: &mut Cx<Passive>) -> Result<(), Status> {
        // SAFETY: the caller's promise.
        let thread = unsafe { Thread::start::<Announce>(self.here(), cx) }.map_err(|_| sys::NDIS_STATUS_RESOURCES)?;
        *self.ndk.thread.lock(cx) = Some(thread);
        Ok(())
    }

    /// Raises what is owed, one event after the other (`STATE-12`).
    fn announce(&self, cx: &mut Cx<Passive>) {
        loop {
            let next = self.ndk.state.lock(cx).next();
            match next {
                Next::Nothing => return,
                Next::Enable => self.handle().announce(NdkEvent::Enable, cx),
                Next::Disable => self.handle().announce(NdkEvent::Disable, cx),
            }
            self.ndk.state.lock(cx).announced();
        }
    }
}

/// The thread.
struct Announce;

impl Main for Announce {
    type Context = Miniport;

    fn run(miniport: &Miniport, cx: &mut Cx<Passive>) {
        while !miniport.ndk.stop.load(Ordering::Acquire) {
            miniport.announce(cx);
            miniport.ndk.wake.wait(cx);
        }
        miniport.announce(cx);
    }
}

/// OpenNDKAdapterHandler. IRQL: PASSIVE_LEVEL. Never pends (`MP-NDK-01`).
pub unsafe extern "system" fn open(
    context: *mut c_void,
    parameters: *mut sys::NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    out: *mut *mut sys::NDK_ADAPTER,
) -> sys::NDIS_STATUS {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"OpenNDKAdapterHandler") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    // SAFETY: NDIS's parameters, in the form for a driver of NDIS 6.50.
    let parameters = unsafe { *parameters };
    let asked = Version { major: parameters.Version.Major, minor: parameters.Version.Minor };
    if !miniport.ndk.enter(&mut cx) {
        // A real error: NOT_ACCEPTED would read as success (MP-NDK-04).
        return sys::NDIS_STATUS_ADAPTER_NOT_READY;
    }
    // One instance for each miniport: there are no switches and virtual ports (VER-15).
    if parameters.SwitchId != 0 || parameters.VPortId != 0 {
        miniport.ndk.leave(&mut cx);
        return sys::NDIS_STATUS_NOT_SUPPORTED;
    }
    match adapter::open(miniport.device(), asked, &mut cx) {
        Ok(opened) => {
            // SAFETY: NDIS's out-parameter.
            unsafe { out.write(opened.as_ptr()) };
            sys::NDIS_STATUS_SUCCESS
        }
        Err(error) => {
            miniport.ndk.leave(&mut cx);
            match error {
                OpenError::BadVersion => sys::NDIS_STATUS_BAD_VERSION,
                OpenError::NoResources => sys::NDIS_STATUS_RESOURCES,
            }
        }
    }
}

/// CloseNDKAdapterHandler. IRQL: PASSIVE_LEVEL. Waits for what is left below the adapter
/// (`MP-NDK-02`).
pub unsafe extern "system" fn close(context: *mut c_void, adapter: *mut sys::NDK_ADAPTER) {
    // SAFETY: NDIS calls it at PASSIVE_LEVEL.
    let mut cx = unsafe { irql::enter::<Passive>(c"CloseNDKAdapterHandler") };
    // SAFETY: NDIS's context of a live adapter.
    let miniport = unsafe { Miniport::of(context) };
    let Some(adapter) = NonNull::new(adapter) else {
        log::say(Level::Error, c"a close of no NDK adapter");
        return;
    };
    // SAFETY: an adapter of `open`, closed once.
    unsafe { adapter::close(adapter, &mut cx) };
    miniport.ndk.leave(&mut cx);
}
