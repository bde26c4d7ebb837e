//! `NotifyUnicastIpAddressChange` and `CancelMibChangeNotify2`.
//!
//! Callbacks come from a worker at PASSIVE_LEVEL, one at a time for each registration, in the
//! order of the changes; cancelling waits for the one that runs.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::codes;
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::ndis::latch::wait_until;
use ndkpi_sys::*;

const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;

#[derive(Debug)]
struct Registration {
    family: u16,
    callback: PUNICAST_IPADDRESS_CHANGE_CALLBACK,
    context: usize,
    cancelled: AtomicBool,
    state: Mutex<Delivery>,
}

#[derive(Debug, Default)]
struct Delivery {
    /// Changes to tell; `None` is the initial notification, which has no row.
    queue: VecDeque<(Option<Row>, i32)>,
    /// A worker is at it.
    running: bool,
    /// The thread inside the callback.
    inside: usize,
}

/// A row on its way to another thread.
#[derive(Clone)]
struct Row(MIB_UNICASTIPADDRESS_ROW);

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "address of interface {}", self.0.InterfaceIndex)
    }
}

static REGISTRATIONS: Mutex<Option<BTreeMap<usize, Arc<Registration>>>> = Mutex::new(None);
static NEXT: AtomicUsize = AtomicUsize::new(0x4E4F_0010);

unsafe fn register(
    family: u16,
    callback: PUNICAST_IPADDRESS_CHANGE_CALLBACK,
    context: *mut c_void,
    initial: u8,
    out: *mut HANDLE,
) -> i32 {
    if callback.is_none() || out.is_null() || ![AF_UNSPEC, AF_INET, AF_INET6].contains(&family) {
        return STATUS_INVALID_PARAMETER;
    }
    let registration = Arc::new(Registration {
        family,
        callback,
        context: context.expose_provenance(),
        cancelled: AtomicBool::new(false),
        state: Mutex::default(),
    });
    let handle = NEXT.fetch_add(0x10, Ordering::Relaxed);
    REGISTRATIONS.lock().get_or_insert_with(BTreeMap::new).insert(handle, Arc::clone(&registration));
    Kernel::get().leaks.track("MIB change notification", handle, "");
    // The handle is written before the first callback can run.
    // SAFETY: the caller's out-parameter.
    unsafe { out.write(std::ptr::without_provenance_mut(handle)) };
    if initial != 0 {
        tell(&registration, None, MibInitialNotification);
    }
    0
}

/// An address came, went or changed.
pub(super) fn changed(row: MIB_UNICASTIPADDRESS_ROW, kind: MIB_NOTIFICATION_TYPE) {
    // SAFETY: every member of the union begins with the family.
    let family = unsafe { row.Address.si_family };
    let interested: Vec<Arc<Registration>> = REGISTRATIONS
        .lock()
        .iter()
        .flat_map(BTreeMap::values)
        .filter(|registration| registration.family == AF_UNSPEC || registration.family == family)
        .cloned()
        .collect();
    for registration in interested {
        tell(&registration, Some(Row(row)), kind);
    }
}

fn tell(registration: &Arc<Registration>, row: Option<Row>, kind: MIB_NOTIFICATION_TYPE) {
    let mut state = registration.state.lock();
    state.queue.push_back((row, kind));
    if state.running {
        return;
    }
    state.running = true;
    drop(state);
    let registration = Arc::clone(registration);
    let target = registration.callback.map_or(0, |f| f as usize);
    crate::ex::work::queue_for("address change notification", target, Box::new(move || deliver(&registration)));
}

fn deliver(registration: &Registration) {
    let target = registration.callback.map_or(0, |f| f as usize);
    let thread = std::ptr::from_ref(crate::context::current()).addr();
    loop {
        let next = {
            let mut state = registration.state.lock();
            let next = if registration.cancelled.load(Ordering::Acquire) { None } else { state.queue.pop_front() };
            state.running = next.is_some();
            state.inside = if next.is_some() { thread } else { 0 };
            next
        };
        let Some((row, kind)) = next else { return };
        // The callback gets the key fields of a row that it may not keep.
        let mut row = row.map(|row| row.0);
        let pointer = row.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
        call_driver(CallSite::new("address change callback", target), || {
            if let Some(callback) = registration.callback {
                let context = std::ptr::with_exposed_provenance_mut(registration.context);
                // SAFETY: the driver's callback with its context and a row that lives over the call.
                unsafe { callback(context, pointer, kind) }
            }
        });
    }
}

unsafe fn cancel(handle: HANDLE) -> i32 {
    let registration = REGISTRATIONS.lock().as_mut().and_then(|all| all.remove(&handle.addr()));
    let Some(registration) = registration else {
        Violation::new(&codes::NETIO_BAD_HANDLE)
            .params([handle.addr() as u64, 0, 0, 0])
            .text(format!("CancelMibChangeNotify2 is called with {handle:p}, which is no notification handle, or was cancelled before"))
            .raise()
    };
    let thread = std::ptr::from_ref(crate::context::current()).addr();
    if registration.state.lock().inside == thread {
        Violation::new(&codes::NETIO_CANCEL_INSIDE_CALLBACK)
            .params([handle.addr() as u64, 0, 0, 0])
            .text("CancelMibChangeNotify2 is called from inside the callback: it would wait for itself")
            .raise();
    }
    registration.cancelled.store(true, Ordering::Release);
    wait_until(None, || !registration.state.lock().running);
    Kernel::get().leaks.untrack("MIB change notification", handle.addr());
    0
}

crate::routines! { "netio.sys";
    fn NotifyUnicastIpAddressChange(family: u16, callback: PUNICAST_IPADDRESS_CHANGE_CALLBACK, context: *mut c_void,
        initial: u8, out: *mut HANDLE) -> i32 = register: PASSIVE..=PASSIVE, fails(STATUS_INSUFFICIENT_RESOURCES);
    fn CancelMibChangeNotify2(handle: HANDLE) -> i32 = cancel: PASSIVE..=PASSIVE, blocks;
}
