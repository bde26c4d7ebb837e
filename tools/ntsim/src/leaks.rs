//! What drivers own: every kernel object that has to be given back before unload.

use crate::kernel::{ImageId, Kernel};
use crate::symbols::Stack;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Something a driver owns.
#[derive(Debug, Clone)]
pub struct Owned {
    /// What it is, such as `pool`, `IO_WORKITEM`, `NDK_MR`.
    pub kind: &'static str,
    /// Its address (or handle value).
    pub address: usize,
    /// Further words for the report, such as size and tag. May be empty.
    pub detail: String,
    /// The driver that made it; `None` if ntsim did.
    pub owner: Option<ImageId>,
    /// Where it was made.
    pub stack: Stack,
}

/// The register of what drivers own.
#[derive(Debug, Default)]
pub struct Leaks {
    objects: Mutex<HashMap<(&'static str, usize), Owned>>,
}

impl Leaks {
    /// Notes that the running driver made `kind` at `address`; the owner is the driver whose code
    /// called the current routine.
    pub fn track(&self, kind: &'static str, address: usize, detail: impl Into<String>) {
        let stack = Stack::capture();
        let owner = Kernel::get().images.owner_of_stack(&stack);
        self.track_for(kind, address, detail, owner, stack);
    }

    /// As [`Self::track`] with a known owner and stack.
    pub fn track_for(
        &self,
        kind: &'static str,
        address: usize,
        detail: impl Into<String>,
        owner: Option<ImageId>,
        stack: Stack,
    ) {
        let owned = Owned { kind, address, detail: detail.into(), owner, stack };
        self.objects.lock().insert((kind, address), owned);
    }

    /// Forgets an object; gives back what was known, `None` if it was not tracked (double free,
    /// foreign pointer: the caller decides what that means).
    pub fn untrack(&self, kind: &'static str, address: usize) -> Option<Owned> {
        self.objects.lock().remove(&(kind, address))
    }

    /// What is known about an object.
    pub fn find(&self, kind: &'static str, address: usize) -> Option<Owned> {
        self.objects.lock().get(&(kind, address)).cloned()
    }

    /// What `owner` still owns, in order of kind and address.
    pub fn of(&self, owner: ImageId) -> Vec<Owned> {
        let mut list: Vec<Owned> =
            self.objects.lock().values().filter(|object| object.owner == Some(owner)).cloned().collect();
        list.sort_by_key(|object| (object.kind, object.address));
        list
    }
}
