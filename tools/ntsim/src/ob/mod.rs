//! Ob: handles and references.

mod reference;

use crate::bugcheck::codes;
use crate::kernel::Kernel;
use crate::table::Row;
use crate::types::HANDLE;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// The tables of this module; [`crate::table`] gathers them.
pub const TABLES: &[&[&Row]] = &[reference::ROWS];

/// What a handle stands for.
#[derive(Clone)]
pub struct Object {
    /// Such as `file`, `key`, `thread`.
    pub kind: &'static str,
    /// The body that drivers get by reference; 0 if there is none.
    pub address: usize,
    /// The state of the subsystem that made it.
    pub state: Option<Arc<dyn Any + Send + Sync>>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {:#x}", self.kind, self.address)
    }
}

/// Kernel handles have the upper half set.
const FIRST: usize = 0xffff_ffff_8000_0004;

static HANDLES: Mutex<Option<(HashMap<usize, Object>, usize)>> = Mutex::new(None);

/// A new handle for state of a subsystem. Tracked as a leak until it is closed.
pub fn create(kind: &'static str, state: Arc<dyn Any + Send + Sync>) -> HANDLE {
    insert(Object { kind, address: 0, state: Some(state) })
}

/// A new handle for an object that drivers know by its address.
pub fn create_for_address(kind: &'static str, address: usize) -> HANDLE {
    insert(Object { kind, address, state: None })
}

fn insert(object: Object) -> HANDLE {
    let kind = object.kind;
    let value = {
        let mut handles = HANDLES.lock();
        let (map, next) = handles.get_or_insert_with(|| (HashMap::new(), FIRST));
        let value = *next;
        *next += 4;
        map.insert(value, object);
        value
    };
    Kernel::get().leaks.track("handle", value, kind);
    value as HANDLE
}

/// What a handle stands for.
pub fn get(handle: HANDLE) -> Option<Object> {
    HANDLES.lock().as_ref().and_then(|(map, _)| map.get(&(handle as usize)).cloned())
}

/// The state behind a handle, if it has that type.
pub fn state<T: Any + Send + Sync>(handle: HANDLE) -> Option<Arc<T>> {
    get(handle)?.state?.downcast().ok()
}

/// Closes a handle; false if it does not exist.
pub fn close(handle: HANDLE) -> bool {
    let removed = HANDLES.lock().as_mut().and_then(|(map, _)| map.remove(&(handle as usize)));
    Kernel::get().leaks.untrack("handle", handle as usize);
    removed.is_some()
}

/// Stops the machine because a driver used a handle that does not exist.
pub fn bad_handle(routine: &str, handle: HANDLE) -> ! {
    bugcheck!(
        codes::BAD_HANDLE,
        [handle as u64, 0, 0, 0],
        "{routine} was given the handle {handle:p}, which is not open or of another type"
    )
}
