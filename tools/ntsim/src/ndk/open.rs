//! Adapters are opened and closed: by a consumer through WSK, at a miniport's handlers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::call::{STATUS_SUCCESS, provider_violation};
use super::kind::{Kind, Version};
use super::record::Record;
use super::session::{LIVES, Session};
use super::{Checks, close, create, index, rules};
use crate::Kernel;
use crate::bugcheck::Violation;
use crate::context::{CallSite, call_driver};
use crate::kernel::ImageId;
use crate::sched::{self, Parker};
use crate::symbols::{Raw, Stack};
use ndkpi_sys::{
    CLOSE_NDK_ADAPTER_HANDLER, NDIS_HANDLE, NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDIS_STATUS_NOT_SUPPORTED, NDK_ADAPTER,
    NDK_VERSION, OPEN_NDK_ADAPTER_HANDLER,
};

/// A miniport adapter as an NDK provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provider {
    pub interface_index: u32,
    pub context: NDIS_HANDLE,
    pub open: OPEN_NDK_ADAPTER_HANDLER,
    pub close: CLOSE_NDK_ADAPTER_HANDLER,
}

// SAFETY: the context is an opaque word of the driver, which is called from any thread.
unsafe impl Send for Provider {}

/// One open, as its owner and the miniport see it.
#[derive(Clone, Debug)]
struct Open {
    provider: Provider,
    consumer: usize,
    opened: Stack,
    since: Instant,
}

/// Open adapters by address.
static OPENS: Mutex<Option<HashMap<usize, Open>>> = Mutex::new(None);

/// How many adapters are open on an interface.
pub(crate) fn open_count(interface_index: u32) -> usize {
    OPENS
        .lock()
        .as_ref()
        .map_or(0, |opens| opens.values().filter(|open| open.provider.interface_index == interface_index).count())
}

/// The adapter that the consumer with this code address has had open longest, with the place.
pub(crate) fn leaked_since(consumer: usize) -> Option<(usize, Stack)> {
    OPENS.lock().as_ref().and_then(|opens| {
        opens
            .iter()
            .filter(|(_, open)| open.consumer == consumer)
            .min_by_key(|(_, open)| open.since)
            .map(|(adapter, open)| (*adapter, open.opened.clone()))
    })
}

/// Opens an adapter for the consumer whose code is at `consumer`. PASSIVE_LEVEL.
///
/// Gives the provider's status and, on success, the adapter with the shim in front of it.
pub(crate) fn open_adapter(
    provider: Provider,
    consumer: usize,
    consumer_image: Option<ImageId>,
    mut parameters: NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
) -> (i32, *mut NDK_ADAPTER) {
    let asked = parameters.Version;
    let mut adapter: *mut NDK_ADAPTER = std::ptr::null_mut();
    let target = provider.open.map_or(0, |open| open as usize);
    let status = call_driver(CallSite::new("OpenNDKAdapterHandler", target), || {
        // SAFETY: the miniport's own context, parameters and an out-pointer that live here.
        provider.open.map_or(NDIS_STATUS_NOT_SUPPORTED, |open| unsafe {
            open(provider.context, &raw mut parameters, &raw mut adapter)
        })
    });
    check_open(provider, asked, status, adapter);
    if status != STATUS_SUCCESS {
        return (status, std::ptr::null_mut());
    }
    let opened = Stack::capture();
    let open = Open { provider, consumer, opened: opened.clone(), since: sched::now() };
    OPENS.lock().get_or_insert_with(HashMap::new).insert(adapter.addr(), open);
    // SAFETY: the provider delivered an adapter, whose header is readable.
    let version = unsafe { (*adapter).Header.Version };
    let checks = super::checks();
    let session = Arc::new(Session {
        version: Version(version.Major, version.Minor),
        checks,
        consumer: consumer_image,
        consumer_code: consumer,
        provider: Kernel::get().images.containing(target).map(|image| image.id),
        provider_code: target,
        interface_index: provider.interface_index,
        lams: Mutex::default(),
    });
    if checks == Checks::Off {
        return (status, adapter);
    }
    let record = Record::reserve(Kind::Adapter);
    record.cold.lock().session = Some(session);
    create::adopt(record, "WskOpenNdkAdapter", record, &[], adapter.expose_provenance(), opened);
    (status, adapter)
}

/// VER-01 to VER-11 as far as they show in one open.
fn check_open(provider: Provider, asked: NDK_VERSION, status: i32, adapter: *mut NDK_ADAPTER) {
    let asked = Version(asked.Major, asked.Minor);
    let problem = if status == STATUS_SUCCESS && adapter.is_null() {
        "succeeded without an adapter".to_owned()
    } else if status == STATUS_SUCCESS {
        // SAFETY: delivered as an adapter.
        let answered = unsafe { (*adapter).Header.Version };
        let answered = Version(answered.Major, answered.Minor);
        if answered.0 == asked.0 && answered.1 >= asked.1 {
            return;
        }
        format!("answered version {answered} when {asked} was asked for")
    } else if status >= 0 {
        format!("returned {status:#x}, which is no error and not NDIS_STATUS_SUCCESS")
    } else if !adapter.is_null() {
        format!("failed with {status:#x} and delivered the adapter {adapter:p}")
    } else {
        return;
    };
    Violation::new(&rules::NDK_BAD_OPEN)
        .params([status as u64, adapter.addr() as u64, 0, 0])
        .guilty(provider.open.map_or(0, |open| open as usize))
        .text(format!("the provider's OpenNDKAdapterHandler {problem}"))
        .raise()
}

/// Closes an adapter; comes back when nothing of it is left. PASSIVE_LEVEL.
///
/// False if `adapter` is not open.
pub(crate) fn close_adapter(adapter: *mut NDK_ADAPTER, consumer: usize) -> bool {
    let open = OPENS.lock().as_ref().and_then(|opens| opens.get(&adapter.addr()).cloned());
    let Some(open) = open.filter(|open| open.consumer == consumer) else { return false };
    let record = index::find(adapter.addr()).filter(|record| record.kind() == Kind::Adapter);
    let watch = record.map(|record| {
        close::begin(record);
        Watch::start(record)
    });
    let target = open.provider.close.map_or(0, |close| close as usize);
    call_driver(CallSite::new("CloseNDKAdapterHandler", target), || {
        if let Some(close) = open.provider.close {
            // SAFETY: the miniport's own context and an adapter that it delivered and that is open.
            unsafe { close(open.provider.context, adapter) }
        }
    });
    drop(watch);
    if let Some(record) = record {
        check_closed(record);
    }
    let mut opens = OPENS.lock();
    if let Some(opens) = opens.as_mut() {
        opens.remove(&adapter.addr());
    }
    true
}

/// The adapter's close handler has returned (LIFE-30).
fn check_closed(record: &'static Record) {
    if let Some((id, kind)) = LIVES.lock().open_descendants(record.id()).first().copied() {
        let text = format!(
            "the provider's CloseNDKAdapterHandler returned while the {} at {:#x} is open",
            kind.name(),
            index::find_id(id).map_or(0, Record::address)
        );
        provider_violation(record, &rules::NDK_ADAPTER_CLOSED_EARLY, text);
    }
    let ended = LIVES.lock().close_succeeded(record.id());
    if let Err(breach) = ended {
        let text = format!("the provider's CloseNDKAdapterHandler returned too early: {breach:?}");
        provider_violation(record, &rules::NDK_ADAPTER_CLOSED_EARLY, text);
    }
    index::remove(record);
    record.retire();
}

/// Waits beside an adapter close; what the consumer does not close in time is a leak.
#[derive(Debug)]
struct Watch {
    done: Arc<AtomicBool>,
    parker: Arc<Parker>,
}

impl Watch {
    fn start(record: &'static Record) -> Option<Watch> {
        let descendants = LIVES.lock().open_descendants(record.id());
        let lams = record.session().is_some_and(|session| !session.lams.lock().is_empty());
        if descendants.is_empty() && !lams {
            return None;
        }
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let end = sched::now() + super::patience();
        let parker = Arc::new(Parker::new());
        let waits = Arc::clone(&parker);
        let spawned = sched::spawn("ndk leak watch".to_owned(), move || {
            Kernel::enter(|| {
                while !seen.load(Ordering::Acquire) {
                    if sched::now() >= end {
                        // Whatever is being closed this late has all the same not been leaked.
                        report_leaks(record);
                        return;
                    }
                    waits.park(Some(end));
                }
            });
        });
        spawned.ok().map(|()| Watch { done, parker })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.parker.unpark();
    }
}

/// The consumer closed its adapter and has left objects open for longer than patience lasts.
fn report_leaks(record: &'static Record) {
    let left = LIVES.lock().open_descendants(record.id());
    let Some(session) = record.session() else { return };
    let consumer = session
        .consumer
        .and_then(|id| Kernel::get().images.get(id))
        .map_or_else(|| "the consumer".to_owned(), |image| image.name.to_string());
    // The last of a chain of antecedents is what holds up the others.
    let leaves: Vec<_> = left.iter().filter_map(|(id, _)| index::find_id(*id)).collect();
    let lams = session.lams.lock().left();
    if leaves.is_empty() && lams.is_empty() {
        return;
    }
    let place = |stack: &Stack| place(stack, session.consumer);
    let names: Vec<String> = leaves
        .iter()
        .map(|leaf| {
            let created = leaf.cold.lock().created.as_ref().map_or_else(String::new, place);
            format!("{}{created}", leaf.kind().name())
        })
        .chain(lams.iter().map(|(_, stack)| format!("NDK_LOGICAL_ADDRESS_MAPPING{}", place(stack))))
        .collect();
    let mut violation = Violation::new(&rules::NDK_LEAKED_OBJECT)
        .params([record.address() as u64, names.len() as u64, 0, 0])
        .guilty(session.consumer_code)
        .text(format!(
            "{consumer} leaked {}: it closed its adapter {:.1} s ago and never closed {}; on Windows the close waits for ever",
            names.join(", "),
            super::patience().as_secs_f64(),
            if names.len() == 1 { "this object" } else { "these objects" }
        ));
    for leaf in &leaves {
        let cold = leaf.cold.lock();
        if let Some(stack) = &cold.created {
            violation = violation.related(
                format!("{consumer} leaked {} created by {}", leaf.kind().name(), cold.function),
                stack.clone(),
            );
        }
    }
    for (lam, stack) in lams {
        violation =
            violation.related(format!("{consumer} leaked the logical address mapping {:#x} built", lam.context), stack);
    }
    violation.raise()
}

/// ` created at driver.sys!function (file:line)`: the consumer's innermost frame on a stack.
fn place(stack: &Stack, consumer: Option<ImageId>) -> String {
    let images = &Kernel::get().images;
    stack
        .frames()
        .iter()
        .find_map(|frame| match frame {
            Raw::Code(address) if images.containing(*address).map(|image| image.id) == consumer => Some(*address),
            _ => None,
        })
        .map_or_else(String::new, |address| format!(" created at {}", images.describe(address)))
}
