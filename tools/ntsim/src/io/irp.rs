//! The IRPs of the machine: every one is on record, from allocation to free.
//!
//! ```text
//!   Idle --call--> Below --complete--> Completing --routine says "mine"--> Held --complete--> ...
//!    ^                                     |                                 |
//!    +------------ reuse ------------------+--- past the top (host) --> Done |
//!    +-----------------------------------------------------------------------+
//! ```
//! The record answers what a driver cannot see: who holds the IRP now, whether it was completed
//! already and where. Its lock is never held while driver code runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};

use super::codes;
use super::memory::Block;
use super::request::Request;
use crate::bugcheck::Violation;
use crate::kernel::Kernel;
use crate::symbols::Stack;
use crate::types::*;

/// `IoStatus.Status` of a request before a driver has set one.
pub(crate) const NO_STATUS: NTSTATUS = -1;
/// How many finished IRPs are remembered, to name a second completion of one of them.
const REMEMBERED: usize = 256;

/// Who made an IRP.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A driver, with `IoAllocateIrp`.
    Driver,
    /// The I/O manager, for a request of the host or of a `Zw` routine.
    Manager(Arc<Request>),
}

/// Who holds an IRP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Who allocated it.
    Idle,
    /// The driver that it was passed to.
    Below,
    /// The walk with this number, which calls completion routines.
    Completing(u64),
    /// The driver whose completion routine kept it.
    Held,
    /// Nobody: the request is over.
    Done,
}

/// How one driver gave an IRP back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    /// The status at that moment.
    pub status: NTSTATUS,
    /// Whether the driver had marked it pending.
    pub marked: bool,
}

/// One call of a dispatch routine that has not been answered by a completion yet.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The stack location that the driver got.
    pub location: i8,
    /// Set when that location is completed.
    pub passed: Arc<OnceLock<Passed>>,
}

/// What is on record about an IRP.
#[derive(Debug)]
pub(crate) struct Record {
    /// The IRP's memory.
    #[expect(dead_code, reason = "holds the memory until the record goes")]
    pub block: Block,
    /// Who made it.
    pub origin: Origin,
    /// Who holds it.
    pub stage: Stage,
    /// The dispatch routines that have it.
    pub flights: Vec<Flight>,
    /// Where it was completed last.
    pub completed_at: Option<Stack>,
}

/// All IRPs, by address.
#[derive(Debug, Default)]
pub(crate) struct Table {
    live: BTreeMap<usize, Record>,
    finished: VecDeque<(usize, Stack)>,
    walks: u64,
}

static TABLE: Mutex<Table> = Mutex::new(Table { live: BTreeMap::new(), finished: VecDeque::new(), walks: 0 });

/// Locks the table. Never call a driver with it locked.
pub(crate) fn table() -> MutexGuard<'static, Table> {
    TABLE.lock()
}

impl Table {
    /// The record of a live IRP; stops the machine if there is none. `doing` completes the
    /// sentence "the driver ... an IRP".
    pub fn record(&mut self, irp: *const IRP, doing: &str) -> &mut Record {
        let address = irp as usize;
        if !self.live.contains_key(&address) {
            self.not_valid(address, doing);
        }
        self.live.get_mut(&address).expect("the IRP is live")
    }

    /// The record of an IRP, if it is live.
    pub fn find(&mut self, irp: *const IRP) -> Option<&mut Record> {
        self.live.get_mut(&(irp as usize))
    }

    /// A number for a walk through completion routines.
    pub fn next_walk(&mut self) -> u64 {
        self.walks += 1;
        self.walks
    }

    /// Takes an IRP off the record; its memory goes with the result.
    pub fn remove(&mut self, irp: *const IRP) -> Option<Record> {
        let mut record = self.live.remove(&(irp as usize))?;
        if let Some(stack) = record.completed_at.take() {
            self.finished.push_back((irp as usize, stack));
            if self.finished.len() > REMEMBERED {
                self.finished.pop_front();
            }
        }
        Some(record)
    }

    #[cold]
    fn not_valid(&self, address: usize, doing: &str) -> ! {
        let finished = self.finished.iter().rev().find(|(irp, _)| *irp == address);
        if let Some((_, stack)) = finished.filter(|_| doing == "completed") {
            Violation::new(&codes::IRP_COMPLETED_TWICE)
                .params([address as u64, 0, 0, 0])
                .text(format!("the driver completed the IRP at {address:#x} again after it was over"))
                .related("completed before at", stack.clone())
                .raise();
        }
        let mut violation = Violation::new(&codes::IRP_NOT_VALID)
            .params([address as u64, 0, 0, 0])
            .text(format!("the driver {doing} an IRP at {address:#x}, but there is none"));
        if let Some((_, stack)) = finished {
            violation = violation.related("an IRP there was completed at", stack.clone());
        }
        violation.raise()
    }
}

/// Makes an IRP with `stack_count` locations and puts it on record.
pub(crate) fn allocate(stack_count: i8, origin: Origin) -> *mut IRP {
    let count = usize::try_from(stack_count).expect("the caller checked that it is positive");
    let size = size_of::<IRP>() + count * size_of::<IO_STACK_LOCATION>();
    let block = Block::new("IRP", size);
    let irp: *mut IRP = block.address().cast();
    // SAFETY: the block has room for the IRP and its stack locations.
    unsafe { initialize(irp, stack_count) };
    let record = Record { block, origin, stage: Stage::Idle, flights: Vec::new(), completed_at: None };
    table().live.insert(irp as usize, record);
    irp
}

/// Writes a fresh IRP with `stack_count` unused locations.
///
/// # Safety
/// `irp` must have room for the IRP and the locations.
pub(crate) unsafe fn initialize(irp: *mut IRP, stack_count: i8) {
    let count = usize::try_from(stack_count).unwrap_or(0);
    let size = size_of::<IRP>() + count * size_of::<IO_STACK_LOCATION>();
    // SAFETY: by contract.
    unsafe { irp.cast::<u8>().write_bytes(0, size) };
    // SAFETY: by contract; all fields of an IRP may be zero.
    let header = unsafe { &mut *irp };
    header.Type = IO_TYPE_IRP;
    header.Size = u16::try_from(size).unwrap_or(u16::MAX);
    header.StackCount = stack_count;
    header.CurrentLocation = stack_count.wrapping_add(1);
    let list = &raw mut header.ThreadListEntry;
    header.ThreadListEntry = LIST_ENTRY { Flink: list, Blink: list };
    // One past the last location: `IoGetNextIrpStackLocation` steps down from here.
    let locations = irp.wrapping_add(1).cast::<IO_STACK_LOCATION>();
    header.Tail.CurrentStackLocation = locations.wrapping_add(count);
}

/// `IoAllocateIrp`.
unsafe fn allocate_irp(stack_size: i8, _charge_quota: BOOLEAN) -> *mut IRP {
    if stack_size <= 0 {
        return std::ptr::null_mut();
    }
    let irp = allocate(stack_size, Origin::Driver);
    let detail = format!("{stack_size} stack locations");
    Kernel::get().leaks.track("IRP", irp as usize, detail);
    irp
}

/// `IoFreeIrp`.
unsafe fn free_irp(irp: *mut IRP) {
    let mut table = table();
    let record = table.record(irp, "freed");
    // SAFETY: the IRP is on record, so its memory is there.
    let (location, count) = unsafe { ((*irp).CurrentLocation, (*irp).StackCount) };
    let trouble = match (&record.origin, record.stage) {
        (Origin::Manager(_), _) => Some("it belongs to the I/O manager"),
        (Origin::Driver, Stage::Below) => Some("a driver below still has it"),
        (Origin::Driver, Stage::Completing(_)) if location <= count => {
            Some("drivers above the completion routine still have it")
        }
        _ => None,
    };
    let removed = if trouble.is_none() { table.remove(irp) } else { None };
    drop(table);
    if let Some(why) = trouble {
        Violation::new(&codes::IRP_FREED_WHILE_PENDING)
            .params([irp as u64, location as u64, count as u64, 0])
            .text(format!("the driver freed the IRP at {irp:p}, but {why}"))
            .raise();
    }
    Kernel::get().leaks.untrack("IRP", irp as usize);
    drop(removed);
}

/// `IoReuseIrp`.
unsafe fn reuse_irp(irp: *mut IRP, status: NTSTATUS) {
    let mut table = table();
    let record = table.record(irp, "reused");
    let in_use = matches!(record.stage, Stage::Below) || matches!(record.origin, Origin::Manager(_));
    if !in_use {
        record.stage = Stage::Idle;
        record.flights.clear();
    }
    drop(table);
    if in_use {
        Violation::new(&codes::IRP_FREED_WHILE_PENDING)
            .params([irp as u64, 0, 0, 0])
            .text(format!("the driver reused the IRP at {irp:p} while it was still under way"))
            .raise();
    }
    // SAFETY: the IRP is on record with this many locations.
    unsafe {
        let count = (*irp).StackCount;
        initialize(irp, count);
        (*irp).IoStatus.Status = status;
    }
}

crate::routines! { "ntoskrnl.exe";
    fn IoAllocateIrp(stack_size: i8, charge_quota: BOOLEAN) -> *mut IRP = allocate_irp: PASSIVE..=DISPATCH, fails(std::ptr::null_mut());
    fn IoFreeIrp(irp: *mut IRP) = free_irp: PASSIVE..=DISPATCH;
    fn IoReuseIrp(irp: *mut IRP, status: NTSTATUS) = reuse_irp: PASSIVE..=DISPATCH;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugcheck::expect_violation;

    #[test]
    fn a_fresh_irp_has_its_locations_above_it() {
        Kernel::enter(|| {
            // SAFETY: a test driver's calls.
            unsafe {
                let irp = allocate_irp(2, 0);
                assert_eq!(((*irp).Type, (*irp).StackCount, (*irp).CurrentLocation), (6, 2, 3));
                let top = irp.add(1).cast::<IO_STACK_LOCATION>().add(2);
                assert_eq!((*irp).Tail.CurrentStackLocation, top);
                reuse_irp(irp, STATUS_TIMEOUT);
                assert_eq!((*irp).IoStatus.Status, STATUS_TIMEOUT);
                free_irp(irp);
                assert!(allocate_irp(0, 0).is_null());
            }
        });
    }

    #[test]
    fn freeing_twice_is_found() {
        Kernel::enter(|| {
            // SAFETY: a test driver's calls; the second free touches only the record.
            unsafe {
                let irp = allocate_irp(1, 0);
                free_irp(irp);
                let (name, text) = expect_violation(|| free_irp(irp));
                assert_eq!(name, "IRP_NOT_VALID");
                assert!(text.contains("freed an IRP"), "{text}");
            }
        });
    }
}
