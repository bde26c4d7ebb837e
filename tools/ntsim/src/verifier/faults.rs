//! The fault injector: decides which fallible call fails.

use crate::table::Row;
use parking_lot::RwLock;

type Chooser = Box<dyn Fn(&'static Row) -> bool + Send + Sync>;

static CHOOSER: RwLock<Option<Chooser>> = RwLock::new(None);

/// Installs who decides; `None` disarms.
pub fn set_chooser(chooser: Option<Chooser>) {
    crate::table::set_faults(chooser.is_some());
    *CHOOSER.write() = chooser;
}

#[cold]
pub(crate) extern "win64-unwind" fn shall_fail(row: &'static Row) -> bool {
    CHOOSER.read().as_ref().is_some_and(|choose| choose(row))
}
