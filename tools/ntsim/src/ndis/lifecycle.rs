//! Initialise, restart, pause, halt, and the events around them (ndis.md sections 2.1, 3.4, 5).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::adapter::{Adapter, AdapterId, Attributes, LinkState, State, luid_of};
use super::driver::Driver;
use super::handles::{self, Object};
use super::latch::{Latch, wait_until};
use super::{NdisError, codes};
use crate::context::{CallSite, call_driver};
use crate::machine::AdapterConfig;
use ndkpi_sys::*;

/// An operation that takes longer is a violation: on Windows the system hangs (MP-PAUSE-07).
const PATIENCE: Duration = Duration::from_secs(30);
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// Makes an adapter and runs MiniportInitializeEx; the adapter is then Paused.
pub(super) fn initialize(driver: &Arc<Driver>, config: &AdapterConfig) -> Result<Arc<Adapter>, NdisError> {
    let handle = handles::reserve();
    let adapter = Arc::new(Adapter {
        id: AdapterId(NEXT_ID.fetch_add(1, Ordering::Relaxed)),
        handle,
        driver: Arc::clone(driver),
        config: config.clone(),
        luid: luid_of(config),
        context: AtomicUsize::new(0),
        state: Mutex::new(State::Initializing),
        attributes: Mutex::new(Attributes::default()),
        link: Mutex::new(LinkState { connected: None, transmit_speed: None, receive_speed: None }),
        removed: AtomicBool::new(false),
        ndk_enabled: AtomicBool::new(false),
        ndk_opening: AtomicU32::new(0),
        halting: AtomicBool::new(false),
        indications: Mutex::default(),
        ndk_events: Mutex::default(),
        keywords: Mutex::new(config.keywords.clone()),
        keywords_read: Mutex::default(),
        pending: Mutex::new(None),
        oids: super::oid::Oids::default(),
        received: Mutex::new(HashMap::new()),
        sent: Mutex::new(HashMap::new()),
        edge: super::edge::Inbox::default(),
    });
    handles::publish(handle, Object::Adapter(Arc::clone(&adapter)));
    let mut parameters = NDIS_MINIPORT_INIT_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS,
            Revision: NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_MINIPORT_INIT_PARAMETERS_REVISION_1,
        },
        IfIndex: config.interface_index,
        NetLuid: NET_LUID { Value: adapter.luid },
        ..Default::default()
    };
    let target = driver.handlers.InitializeHandlerEx.map_or(0, |f| f as usize);
    let status = call_driver(CallSite::new("MiniportInitializeEx", target), || {
        driver.handlers.InitializeHandlerEx.map_or(NDIS_STATUS_FAILURE, |initialize| {
            // SAFETY: the driver's own context and parameters that live over the call.
            unsafe { initialize(adapter.as_handle(), driver.context, &raw mut parameters) }
        })
    });
    if status == NDIS_STATUS_PENDING {
        adapter
            .violation(&codes::NDIS_BAD_INITIALIZE, "MiniportInitializeEx returned NDIS_STATUS_PENDING (MP-INIT-01)");
    }
    if status != NDIS_STATUS_SUCCESS {
        adapter.set_state(State::Halted);
        check_nothing_left(&adapter, "MiniportInitializeEx failed");
        handles::forget(handle);
        return Err(NdisError::Initialize { adapter: config.name.clone(), status });
    }
    if adapter.attributes.lock().general.is_none() {
        adapter.violation(
            &codes::NDIS_BAD_INITIALIZE,
            "MiniportInitializeEx succeeded without general attributes (MP-INIT-03)",
        );
    }
    adapter.set_state(State::Paused);
    crate::netio::interface_arrived(&adapter.config, adapter.luid);
    // NDIS sends this once soon after the initialisation (MP-PNP-01).
    device_event(&adapter, NdisDevicePnPEventPowerProfileChanged);
    Ok(adapter)
}

/// MiniportRestart: Paused to Running.
pub(super) fn restart(adapter: &Arc<Adapter>) -> Result<(), NdisError> {
    expect_state(adapter, State::Paused, "restarted")?;
    adapter.set_state(State::Restarting);
    let latch = Arc::new(Latch::new());
    *adapter.pending.lock() = Some(Arc::clone(&latch));
    let mut parameters = NDIS_MINIPORT_RESTART_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1,
        },
        ..Default::default()
    };
    let target = adapter.driver.handlers.RestartHandler.map_or(0, |f| f as usize);
    let status = call_driver(CallSite::new("MiniportRestart", target), || {
        adapter.driver.handlers.RestartHandler.map_or(NDIS_STATUS_FAILURE, |restart| {
            // SAFETY: the adapter's own context.
            unsafe { restart(adapter.context(), &raw mut parameters) }
        })
    });
    let status = finish(adapter, &latch, status, "MiniportRestart");
    if status > 0 {
        let text = format!("the restart ended with {status:#x}, which is neither success nor an error (MP-REST-01)");
        adapter.violation(&codes::NDIS_BAD_RESTART_STATUS, text);
    }
    adapter.set_state(if status == NDIS_STATUS_SUCCESS { State::Running } else { State::Paused });
    if status == NDIS_STATUS_SUCCESS {
        Ok(())
    } else {
        Err(NdisError::Restart { adapter: adapter.config.name.clone(), status })
    }
}

/// MiniportPause: Running to Paused.
pub(super) fn pause(adapter: &Arc<Adapter>, reason: u32) -> Result<(), NdisError> {
    expect_state(adapter, State::Running, "paused")?;
    adapter.set_state(State::Pausing);
    let latch = Arc::new(Latch::new());
    *adapter.pending.lock() = Some(Arc::clone(&latch));
    let mut parameters = NDIS_MINIPORT_PAUSE_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_MINIPORT_PAUSE_PARAMETERS_REVISION_1,
        },
        Flags: 0,
        PauseReason: reason,
    };
    let target = adapter.driver.handlers.PauseHandler.map_or(0, |f| f as usize);
    let status = call_driver(CallSite::new("MiniportPause", target), || {
        adapter.driver.handlers.PauseHandler.map_or(NDIS_STATUS_SUCCESS, |pause| {
            // SAFETY: the adapter's own context.
            unsafe { pause(adapter.context(), &raw mut parameters) }
        })
    });
    if status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_PENDING {
        let text = format!("MiniportPause returned {status:#x}; it can only succeed or pend");
        adapter.violation(&codes::NDIS_BAD_PAUSE_STATUS, text);
    }
    finish(adapter, &latch, status, "MiniportPause");
    let (received, sent) = (adapter.received.lock().len(), adapter.sent.lock().len());
    if received != 0 || sent != 0 {
        let text = format!(
            "the pause is complete while {received} indicated NBLs are not returned and {sent} sent NBLs are not completed"
        );
        adapter.violation(&codes::NDIS_PAUSED_WITH_NBLS_OUT, text);
    }
    adapter.set_state(State::Paused);
    Ok(())
}

/// MiniportHaltEx: the adapter is gone afterwards.
pub(super) fn halt(adapter: &Arc<Adapter>, action: NDIS_HALT_ACTION) {
    crate::netio::interface_left(&adapter.config);
    adapter.oids.wait_idle(adapter);
    // From here on nobody opens it: the miniport's context goes, and no open may be on its way there.
    adapter.halting.store(true, Ordering::Release);
    wait_until(None, || adapter.ndk_opening.load(Ordering::Acquire) == 0);
    let target = adapter.driver.handlers.HaltHandlerEx.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportHaltEx", target), || {
        if let Some(halt) = adapter.driver.handlers.HaltHandlerEx {
            // SAFETY: the adapter's own context.
            unsafe { halt(adapter.context(), action) }
        }
    });
    adapter.set_state(State::Halted);
    check_nothing_left(adapter, "MiniportHaltEx");
    handles::forget(adapter.handle);
}

/// MiniportDevicePnPEventNotify.
pub(super) fn device_event(adapter: &Arc<Adapter>, event: NDIS_DEVICE_PNP_EVENT) {
    let mut notification = NET_DEVICE_PNP_EVENT {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_DEFAULT,
            Revision: NET_DEVICE_PNP_EVENT_REVISION_1,
            Size: NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1,
        },
        DevicePnPEvent: event,
        ..Default::default()
    };
    // The power source, for the event that has an argument.
    let mut profile: u32 = 1;
    if event == NdisDevicePnPEventPowerProfileChanged {
        notification.InformationBuffer = (&raw mut profile).cast();
        notification.InformationBufferLength = 4;
    }
    let target = adapter.driver.handlers.DevicePnPEventNotifyHandler.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportDevicePnPEventNotify", target), || {
        if let Some(notify) = adapter.driver.handlers.DevicePnPEventNotifyHandler {
            // SAFETY: the adapter's own context and an event that lives over the call.
            unsafe { notify(adapter.context(), &raw mut notification) }
        }
    });
}

/// MiniportShutdownEx at a system shutdown.
pub(super) fn shutdown(adapter: &Arc<Adapter>) {
    let target = adapter.driver.handlers.ShutdownHandlerEx.map_or(0, |f| f as usize);
    call_driver(CallSite::new("MiniportShutdownEx", target), || {
        if let Some(shutdown) = adapter.driver.handlers.ShutdownHandlerEx {
            // SAFETY: the adapter's own context.
            unsafe { shutdown(adapter.context(), NdisShutdownPowerOff) }
        }
    });
}

fn expect_state(adapter: &Adapter, wanted: State, what: &'static str) -> Result<(), NdisError> {
    let state = adapter.state();
    if state == wanted {
        return Ok(());
    }
    Err(NdisError::State { adapter: adapter.config.name.clone(), state, what })
}

/// Waits for the completion of an operation that pended; a completion beside a final status is found out.
fn finish(adapter: &Arc<Adapter>, latch: &Arc<Latch<NDIS_STATUS>>, status: NDIS_STATUS, what: &str) -> NDIS_STATUS {
    let result = if status == NDIS_STATUS_PENDING {
        latch.wait(PATIENCE).unwrap_or_else(|| {
            let text = format!("{what} returned PENDING and was not completed within {} s", PATIENCE.as_secs());
            adapter.violation(&codes::NDIS_TIMEOUT, text)
        })
    } else {
        if latch.wait(Duration::ZERO).is_some() {
            let text = format!("{what} called its completion function and returned {status:#x} instead of PENDING");
            adapter.violation(&codes::NDIS_UNEXPECTED_COMPLETION, text);
        }
        status
    };
    *adapter.pending.lock() = None;
    result
}

fn complete(adapter: &Arc<Adapter>, status: NDIS_STATUS, expected: State, routine: &str) {
    adapter.no_locks(routine);
    let pending = adapter.pending.lock().clone();
    let accepted = adapter.state() == expected && pending.is_some_and(|latch| latch.set(status));
    if !accepted {
        let text = format!("{routine} is called in state {:?}, or twice", adapter.state());
        adapter.violation(&codes::NDIS_UNEXPECTED_COMPLETION, text);
    }
}

unsafe fn pause_complete(handle: NDIS_HANDLE) {
    let adapter = handles::adapter(handle, "NdisMPauseComplete");
    complete(&adapter, NDIS_STATUS_SUCCESS, State::Pausing, "NdisMPauseComplete");
}

unsafe fn restart_complete(handle: NDIS_HANDLE, status: NDIS_STATUS) {
    let adapter = handles::adapter(handle, "NdisMRestartComplete");
    complete(&adapter, status, State::Restarting, "NdisMRestartComplete");
}

unsafe fn remove_miniport(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let adapter = handles::adapter(handle, "NdisMRemoveMiniport");
    // PnP takes it from here, on a thread of its own (MP-PNP-06).
    crate::ex::work::queue(
        "NdisMRemoveMiniport",
        Box::new(move || {
            if matches!(adapter.state(), State::Running) {
                let _ = pause(&adapter, NDIS_PAUSE_MINIPORT_DEVICE_REMOVE);
            }
            if adapter.state() == State::Paused {
                halt(&adapter, NdisHaltDeviceFailed);
            }
        }),
    );
    NDIS_STATUS_SUCCESS
}

/// MP-HALT-02, MP-INIT-06: what was made with the adapter's handle is gone.
fn check_nothing_left(adapter: &Adapter, when: &str) {
    let left = handles::all(|object| match object {
        Object::Configuration(object) if object.adapter == adapter.handle => Some("a configuration handle"),
        Object::Pool(object) if object.owner == adapter.handle => Some("a buffer pool"),
        Object::WorkItem(object) if object.owner == adapter.handle => Some("a work item"),
        Object::Timer(object) if object.owner == adapter.handle => Some("a timer object"),
        _ => None,
    });
    if !left.is_empty() {
        let text = format!("{when} and left behind: {}", left.join(", "));
        adapter.violation(&codes::NDIS_LEFT_AT_HALT, text);
    }
    let opens = crate::ndk::open_count(adapter.config.interface_index);
    if opens != 0 {
        let text = format!("{when} while {opens} NDK adapters are open (PNP-01)");
        adapter.violation(&codes::NDIS_LEFT_AT_HALT, text);
    }
}

crate::routines! { "ndis.sys";
    fn NdisMPauseComplete(handle: NDIS_HANDLE) = pause_complete: PASSIVE..=DISPATCH;
    fn NdisMRestartComplete(handle: NDIS_HANDLE, status: NDIS_STATUS) = restart_complete: PASSIVE..=DISPATCH;
    fn NdisMRemoveMiniport(handle: NDIS_HANDLE) -> NDIS_STATUS = remove_miniport: PASSIVE..=DISPATCH;
}
