//! All blocks: alive, and freed ones in quarantine.

use super::block::{Kind, Memory};
use super::tag_name;
use crate::bugcheck::{Violation, codes};
use crate::context;
use crate::kernel::{ImageId, Kernel};
use crate::leaks::Owned;
use crate::symbols::Stack;
use crate::types::APC_LEVEL;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
struct Record {
    memory: Memory,
    tag: u32,
    paged: bool,
    owner: Option<ImageId>,
    stack: Stack,
    freed: Option<Stack>,
}

/// Addresses spread well enough by a multiplication.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.0 = (value as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Map = HashMap<usize, Record, BuildHasherDefault<AddressHasher>>;

const SHARDS: usize = 32;
static BLOCKS: [Mutex<Option<Map>>; SHARDS] = [const { Mutex::new(None) }; SHARDS];

/// Freed blocks wait here before their memory is used again.
static QUARANTINE: Mutex<(VecDeque<usize>, usize)> = Mutex::new((VecDeque::new(), 0));
const QUARANTINED_BLOCKS: usize = 2048;
const QUARANTINED_BYTES: usize = 8 << 20;

/// The host allows some 65,000 mappings, and a guarded block needs two.
static GUARDED: AtomicUsize = AtomicUsize::new(0);
const MOST_GUARDED: usize = 20_000;

fn shard(block: usize) -> &'static Mutex<Option<Map>> {
    &BLOCKS[(block as u64 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 32 & (SHARDS - 1)]
}

pub(super) fn allocate(size: usize, tag: u32, kind: Kind, zero: bool) -> *mut u8 {
    let guarded = crate::verifier::options().guard_pages && GUARDED.load(Ordering::Relaxed) < MOST_GUARDED;
    let Some(memory) = Memory::new(size, kind, guarded, zero) else {
        return std::ptr::null_mut();
    };
    if guarded {
        GUARDED.fetch_add(1, Ordering::Relaxed);
    }
    let stack = Stack::capture();
    let owner = Kernel::get().images.owner_of_stack(&stack);
    let block = memory.block;
    let record = Record { memory, tag, paged: kind.paged, owner, stack, freed: None };
    shard(block).lock().get_or_insert_default().insert(block, record);
    block as *mut u8
}

pub(super) unsafe fn free(block: *mut u8, tag: u32) {
    let address = block as usize;
    let size = {
        let mut map = shard(address).lock();
        let Some(record) = map.as_mut().and_then(|map| map.get_mut(&address)) else {
            drop(map);
            foreign(address, tag);
        };
        check(record, tag);
        record.freed = Some(Stack::capture());
        record.memory.poison();
        record.memory.size
    };
    quarantine(address, size);
}

/// The checks of a free; under the shard's lock, which a violation keeps for ever.
fn check(record: &Record, tag: u32) {
    let (block, size) = (record.memory.block, record.memory.size);
    let name = || format!("the pool block at {block:#x} ({size} bytes, tag '{}')", tag_name(record.tag));
    let params = [block as u64, size as u64, u64::from(record.tag), u64::from(tag)];
    if let Some(first) = &record.freed {
        Violation::new(&codes::POOL_DOUBLE_FREE)
            .params(params)
            .text(format!("{} was freed twice", name()))
            .related("freed first at", first.clone())
            .related("allocated at", record.stack.clone())
            .raise();
    }
    // The high bit of a tag ("protected") does not count.
    if tag != 0 && (tag ^ record.tag) & 0x7fff_ffff != 0 {
        Violation::new(&codes::POOL_WRONG_TAG)
            .params(params)
            .text(format!("{} was freed with the tag '{}'", name(), tag_name(tag)))
            .related("allocated at", record.stack.clone())
            .raise();
    }
    if let Some(offset) = record.memory.overrun() {
        Violation::new(&codes::POOL_OVERRUN)
            .params([block as u64, size as u64, u64::from(record.tag), offset as u64])
            .text(format!("something wrote at offset {offset} of {}, outside of it", name()))
            .related("allocated at", record.stack.clone())
            .raise();
    }
    if record.paged && context::irql() > APC_LEVEL {
        bugcheck!(
            codes::POOL_PAGED_AT_RAISED_IRQL,
            params,
            "{} is paged pool and was freed at IRQL {}",
            name(),
            context::irql()
        );
    }
    if let Some(what) = live_object(block, size) {
        Violation::new(&codes::POOL_HOLDS_LIVE_OBJECT)
            .params(params)
            .text(format!("{} was freed while it holds {what}", name()))
            .related("allocated at", record.stack.clone())
            .raise();
    }
}

fn live_object(block: usize, size: usize) -> Option<String> {
    let inside = |address: usize| address.wrapping_sub(block) < size;
    if let Some(dpc) = crate::ke::dpc::find_queued(|dpc| inside(dpc as usize)) {
        return Some(format!("the queued DPC at {dpc:p}"));
    }
    if let Some(timer) = crate::ke::timer::find_set(inside) {
        return Some(format!("the set timer at {timer:#x}"));
    }
    let held = context::current().held_locks().find(|held| inside(held.lock as usize))?;
    Some(format!("the held spin lock at {:p}", held.lock))
}

#[cold]
fn foreign(address: usize, tag: u32) -> ! {
    let mut violation = Violation::new(&codes::POOL_FOREIGN_FREE)
        .params([address as u64, u64::from(tag), 0, 0])
        .text(format!("the driver freed {address:#x} as pool (tag '{}'), which is no pool block", tag_name(tag)));
    if let Some(explained) = explain(address) {
        violation = violation.note(explained.text).related("allocated at", explained.allocated);
    }
    violation.raise()
}

fn quarantine(address: usize, size: usize) {
    let mut out = Vec::new();
    {
        let mut guard = QUARANTINE.lock();
        let (list, bytes) = &mut *guard;
        list.push_back(address);
        *bytes += size;
        while list.len() > QUARANTINED_BLOCKS || *bytes > QUARANTINED_BYTES {
            let Some(oldest) = list.pop_front() else {
                break;
            };
            let record = shard(oldest).lock().as_mut().and_then(|map| map.remove(&oldest));
            if let Some(record) = record {
                *bytes -= record.memory.size.min(*bytes);
                out.push(record);
            }
        }
    }
    out.into_iter().for_each(release);
}

fn release(record: Record) {
    if let Some(offset) = record.memory.written_after_free() {
        let block = record.memory.block;
        Violation::new(&codes::POOL_WRITE_AFTER_FREE)
            .params([block as u64, record.memory.size as u64, u64::from(record.tag), offset as u64])
            .guilty(record.owner.and_then(|owner| Kernel::get().images.get(owner)).map_or(0, |image| image.base))
            .text(format!(
                "something wrote at offset {offset} of the pool block at {block:#x} (tag '{}') after it was freed",
                tag_name(record.tag)
            ))
            .related("freed at", record.freed.unwrap_or_default())
            .related("allocated at", record.stack)
            .raise();
    }
    if record.memory.guarded {
        GUARDED.fetch_sub(1, Ordering::Relaxed);
    }
    record.memory.release();
}

/// What the pool knows about an address; for reports.
#[derive(Debug)]
pub struct Explained {
    /// One sentence.
    pub text: String,
    /// Where the block was allocated.
    pub allocated: Stack,
    /// Where it was freed, if it was.
    pub freed: Option<Stack>,
}

/// Which block an address belongs to, or just misses. Slow; takes no lock that is held.
pub fn explain(address: usize) -> Option<Explained> {
    for shard in &BLOCKS {
        let Some(map) = shard.try_lock() else {
            continue;
        };
        let Some(record) = map.as_ref().and_then(|map| map.values().find(|record| record.memory.covers(address)))
        else {
            continue;
        };
        let (block, size) = (record.memory.block, record.memory.size);
        let state = if record.freed.is_some() { "freed" } else { "live" };
        let place = if address < block {
            format!("{} bytes before", block - address)
        } else if address < block + size {
            format!("{} bytes into", address - block)
        } else {
            format!("{} bytes behind the end of", address - block - size)
        };
        return Some(Explained {
            text: format!(
                "{address:#x} lies {place} the {state} pool block at {block:#x} ({size} bytes, tag '{}')",
                tag_name(record.tag)
            ),
            allocated: record.stack.clone(),
            freed: record.freed.clone(),
        });
    }
    None
}

/// The live blocks of a driver.
pub fn leaks_of(owner: ImageId) -> Vec<Owned> {
    let mut leaks = Vec::new();
    for shard in &BLOCKS {
        let map = shard.lock();
        let live = map
            .iter()
            .flat_map(|map| map.values())
            .filter(|record| record.freed.is_none() && record.owner == Some(owner));
        leaks.extend(live.map(|record| Owned {
            kind: "pool",
            address: record.memory.block,
            detail: format!(
                "tag '{}', {} bytes{}",
                tag_name(record.tag),
                record.memory.size,
                if record.paged { ", paged" } else { "" }
            ),
            owner: Some(owner),
            stack: record.stack.clone(),
        }));
    }
    leaks.sort_by_key(|owned| owned.address);
    leaks
}
