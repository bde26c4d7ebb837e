//! The handles that NDIS gives to drivers: opaque words, found again in one table.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::adapter::Adapter;
use super::codes;
use super::configuration::Configuration;
use super::driver::Driver;
use super::pool::Pool;
use super::timer::Timer;
use super::work::WorkItem;
use crate::bugcheck::Violation;
use ndkpi_sys::NDIS_HANDLE;

/// What a handle stands for.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Driver(Arc<Driver>),
    Adapter(Arc<Adapter>),
    Configuration(Arc<Configuration>),
    Pool(Arc<Pool>),
    WorkItem(Arc<WorkItem>),
    Timer(Arc<Timer>),
    Generic,
}

impl Object {
    fn name(&self) -> &'static str {
        match self {
            Object::Driver(_) => "miniport driver",
            Object::Adapter(_) => "miniport adapter",
            Object::Configuration(_) => "configuration",
            Object::Pool(_) => "buffer pool",
            Object::WorkItem(_) => "work item",
            Object::Timer(_) => "timer",
            Object::Generic => "generic object",
        }
    }
}

static OBJECTS: LazyLock<RwLock<HashMap<usize, Object>>> = LazyLock::new(RwLock::default);
/// No memory lies there: a driver that looks into a handle faults.
static NEXT: AtomicUsize = AtomicUsize::new(0xFFFF_A00D_0000_0000);

/// A fresh handle; [`publish`] makes it known.
pub(super) fn reserve() -> usize {
    NEXT.fetch_add(0x40, Ordering::Relaxed)
}

/// Makes a handle known.
pub(super) fn publish(handle: usize, object: Object) {
    OBJECTS.write().insert(handle, object);
}

/// Forgets a handle.
pub(super) fn forget(handle: usize) {
    OBJECTS.write().remove(&handle);
}

/// Reserves and publishes.
pub(super) fn insert(object: Object) -> usize {
    let handle = reserve();
    publish(handle, object);
    handle
}

/// The object of a handle.
pub(super) fn find(handle: usize) -> Option<Object> {
    OBJECTS.read().get(&handle).cloned()
}

/// All objects that `wanted` picks.
pub(super) fn all<T>(wanted: impl Fn(&Object) -> Option<T>) -> Vec<T> {
    let objects = OBJECTS.read();
    // In the order of their making, so that equal runs do equal things.
    let mut sorted: Vec<_> = objects.iter().collect();
    sorted.sort_unstable_by_key(|(handle, _)| **handle);
    sorted.into_iter().filter_map(|(_, object)| wanted(object)).collect()
}

/// A handle as the driver sees it.
pub(super) fn as_handle(handle: usize) -> NDIS_HANDLE {
    std::ptr::without_provenance_mut(handle)
}

/// Stops the machine: `routine` got a handle of the wrong kind.
#[cold]
pub(super) fn bad(routine: &str, wanted: &str, handle: NDIS_HANDLE) -> ! {
    let what = match find(handle.addr()) {
        Some(object) => format!("a {} handle", object.name()),
        None => "no live NDIS handle".to_owned(),
    };
    Violation::new(&codes::NDIS_BAD_HANDLE)
        .params([handle.addr() as u64, 0, 0, 0])
        .text(format!("{routine} needs a {wanted} handle and got {handle:p}, which is {what}"))
        .raise()
}

macro_rules! finder {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $ty:ty, $wanted:literal) => {
        $(#[$doc])*
        pub(super) fn $name(handle: NDIS_HANDLE, routine: &str) -> Arc<$ty> {
            match find(handle.addr()) {
                Some(Object::$variant(object)) => object,
                _ => bad(routine, $wanted, handle),
            }
        }
    };
}

finder!(/// The driver of a handle.
    driver, Driver, Driver, "miniport driver");
finder!(/// The adapter of a handle.
    adapter, Adapter, Adapter, "miniport adapter");
finder!(/// The configuration of a handle.
    configuration, Configuration, Configuration, "configuration");
finder!(/// The pool of a handle.
    pool, Pool, Pool, "buffer pool");
finder!(/// The work item of a handle.
    work_item, WorkItem, WorkItem, "work item");
finder!(/// The timer of a handle.
    timer, Timer, Timer, "timer");

/// Checks that a handle is one of those that NDIS takes to know whose an object is: of a driver,
/// an adapter or a generic object. Gives the adapter's handle, or 0.
pub(super) fn owner(handle: NDIS_HANDLE, routine: &str) -> usize {
    match find(handle.addr()) {
        Some(Object::Adapter(_)) => handle.addr(),
        Some(Object::Driver(_) | Object::Generic) => 0,
        _ => bad(routine, "driver, adapter or generic object", handle),
    }
}
