//! One slot of the token table: an atomic word, and what stands behind it.
//!
//! ```text
//!   62 ready  61 holds  60 dying  59..48 key  47 keyed  46..44 kind  43..42 state  41..38 rights  37..20 windows bound  19..0 pins
//! ```
//!
//! A pin is one compare-and-swap that checks key, kind, state and all asked rights at once; the description is
//! read only under a pin or by whoever has claimed the slot, so it never changes under a reader.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use softndk_abi::Access;
use softndk_abi::sync::{AtomicU32, AtomicU64, Ordering, Tracker};

use crate::memory::Backing;

/// What a slot is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A region registered from an MDL.
    Region = 1,
    /// A fast-register region (FRMR).
    Fast = 2,
    /// A memory window; the peer's side only.
    Window = 3,
    /// A logical address mapping (LAM); reached by logical addresses only.
    Mapping = 4,
    /// The privileged token of a PD: a value that no other slot has, and that opens nothing by itself.
    Privileged = 5,
}

/// Bits of a slot's key: so many tokens, less one, come before one of the slot returns (MR-36).
pub(super) const KEY_BITS: u32 = 12;
/// All bits of a key.
pub(super) const KEY_MASK: u16 = (1 << KEY_BITS) - 1;

/// Life of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Free = 0,
    /// Somebody's, and gives no access.
    Invalid = 1,
    /// Being written by one claimer.
    Claimed = 2,
    Valid = 3,
}

/// The word, decoded where needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    pub(super) const PIN: u64 = 1;
    const PINS: u64 = (1 << 20) - 1;
    pub(super) const BOUND_ONE: u64 = 1 << 20;
    const BOUND: u64 = ((1 << 18) - 1) << 20;
    const RIGHTS_AT: u32 = 38;
    const RIGHTS: u64 = 15 << Self::RIGHTS_AT;
    const STATE_AT: u32 = 42;
    const STATE: u64 = 3 << Self::STATE_AT;
    const KIND_AT: u32 = 44;
    const KIND: u64 = 7 << Self::KIND_AT;
    const KEYED: u64 = 1 << 47;
    const KEY_AT: u32 = 48;
    const KEY: u64 = (KEY_MASK as u64) << Self::KEY_AT;
    /// Somebody waits for the end of all use, to be told once.
    pub(super) const DYING: u64 = 1 << 60;
    /// A window that counts in its region's `bound`.
    pub(super) const HOLDS: u64 = 1 << 61;
    /// An FRMR or window whose `lasting` part is written.
    pub(super) const READY: u64 = 1 << 62;

    pub(super) const fn pins(self) -> u64 {
        self.0 & Self::PINS
    }

    pub(super) const fn bound(self) -> u64 {
        self.0 & Self::BOUND
    }

    pub(super) const fn pins_full(self) -> bool {
        self.pins() == Self::PINS
    }

    pub(super) const fn bound_full(self) -> bool {
        self.bound() == Self::BOUND
    }

    pub(super) const fn used(self) -> bool {
        self.0 & (Self::PINS | Self::BOUND) != 0
    }

    pub(super) const fn dying(self) -> bool {
        self.0 & Self::DYING != 0
    }

    pub(super) const fn holds(self) -> bool {
        self.0 & Self::HOLDS != 0
    }

    pub(super) const fn ready(self) -> bool {
        self.0 & Self::READY != 0
    }

    /// Invalid, and nothing of its last use is left.
    pub(super) const fn at_rest(self) -> bool {
        matches!(self.state(), State::Invalid) && !self.used() && !self.holds()
    }

    pub(super) const fn state(self) -> State {
        match (self.0 & Self::STATE) >> Self::STATE_AT {
            0 => State::Free,
            1 => State::Invalid,
            2 => State::Claimed,
            _ => State::Valid,
        }
    }

    pub(super) const fn kind(self) -> Option<Kind> {
        match (self.0 & Self::KIND) >> Self::KIND_AT {
            1 => Some(Kind::Region),
            2 => Some(Kind::Fast),
            3 => Some(Kind::Window),
            4 => Some(Kind::Mapping),
            5 => Some(Kind::Privileged),
            _ => None,
        }
    }

    pub(super) const fn key(self) -> u16 {
        ((self.0 & Self::KEY) >> Self::KEY_AT) as u16
    }

    pub(super) const fn keyed(self) -> bool {
        self.0 & Self::KEYED != 0
    }

    pub(super) const fn with_state(self, state: State) -> Self {
        Self((self.0 & !Self::STATE) | ((state as u64) << Self::STATE_AT))
    }

    pub(super) const fn with_kind(self, kind: Kind) -> Self {
        Self((self.0 & !Self::KIND) | ((kind as u64) << Self::KIND_AT))
    }

    pub(super) const fn with_key(self, key: u16) -> Self {
        Self((self.0 & !Self::KEY) | (((key & KEY_MASK) as u64) << Self::KEY_AT) | Self::KEYED)
    }

    pub(super) const fn with_rights(self, rights: Access) -> Self {
        Self((self.0 & !Self::RIGHTS) | (((rights.bits() as u64) << Self::RIGHTS_AT) & Self::RIGHTS))
    }

    /// Whether key, state and *all* rights in `need` are there, in one comparison.
    ///
    /// `key_mask` is [`KEY_MASK`] for tokens; logical addresses carry one bit less of the key.
    pub(super) const fn admits(self, key: u16, key_mask: u16, need: Access) -> bool {
        let want = ((State::Valid as u64) << Self::STATE_AT)
            | ((need.bits() as u64) << Self::RIGHTS_AT)
            | (((key & key_mask) as u64) << Self::KEY_AT);
        let care = Self::STATE
            | (((need.bits() as u64) << Self::RIGHTS_AT) & Self::RIGHTS)
            | ((key_mask as u64) << Self::KEY_AT);
        (self.0 ^ want) & care == 0
    }

    /// An emptied slot, which keeps its key so that the next user gets another one.
    pub(super) const fn freed(self) -> Self {
        Self(self.0 & (Self::KEY | Self::KEYED))
    }
}

/// Where bytes are, for a slot's owner.
#[derive(Clone, Copy, Debug)]
pub(super) enum Store {
    /// In system memory.
    Memory(Backing),
    /// On pages that follow each other in logical address space, from this address on.
    Run {
        /// Adapter instance whose mappings count.
        domain: u32,
        /// Logical address of the first page.
        first: u64,
    },
    /// On listed pages.
    Pages {
        /// Adapter instance whose mappings count.
        domain: u32,
        /// Number of pages.
        count: u32,
        /// Their logical addresses.
        list: NonNull<u64>,
    },
}

/// What a valid slot describes; read under a pin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Description {
    pub(super) base: u64,
    pub(super) length: u64,
    /// Protection domain; for mappings the adapter instance.
    pub(super) domain: u32,
    /// Windows: the QP over which it was bound.
    pub(super) owner: u32,
    /// Offset of the first byte within `store`.
    pub(super) origin: u64,
    pub(super) store: Store,
}

/// What an FRMR keeps over its registrations, and a window over its bindings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lasting {
    /// FRMR: room for page addresses.
    pub(super) list: Option<NonNull<u64>>,
    pub(super) capacity: u32,
    /// FRMR: whether remote rights may be given (MR-48).
    pub(super) remote: bool,
    pub(super) pd: u32,
    /// FRMR: adapter instance whose mappings count.
    pub(super) domain: u32,
    /// Window: index of the region it is bound to.
    pub(super) region: u32,
}

/// A slot: the first line is all that an access to plain memory touches.
///
/// # Invariants
/// `description` is initialised when the state is Valid, `lasting` for Fast and Window slots that have been
/// initialised; both are written only in state Claimed, by the claimer.
#[repr(C, align(64))]
pub struct Slot {
    pub(super) word: AtomicU64,
    description: UnsafeCell<MaybeUninit<Description>>,
    lasting: UnsafeCell<MaybeUninit<Lasting>>,
    /// Window: counts the tokens planned for binds (MW-04).
    pub(super) planned: AtomicU32,
    tracker: Tracker,
}

// SAFETY: the cells are guarded by the word: see the type's invariants.
unsafe impl Sync for Slot {}
// SAFETY: as above; the raw pointers inside are to memory that any thread may use.
unsafe impl Send for Slot {}

#[cfg(not(loom))]
const _: () = assert!(core::mem::size_of::<Slot>() == 128);

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            description: UnsafeCell::new(MaybeUninit::uninit()),
            lasting: UnsafeCell::new(MaybeUninit::uninit()),
            planned: AtomicU32::new(0),
            tracker: Tracker::new(),
        }
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    #[inline]
    pub(super) fn exchange(&self, from: Word, to: Word) -> Result<(), Word> {
        match self.word.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Word(now)),
        }
    }

    /// Changes the word; `None` from `change` leaves it. Gives the word before.
    pub(super) fn update(&self, change: impl Fn(Word) -> Option<Word>) -> Result<Word, Word> {
        let mut word = self.word();
        loop {
            let next = change(word).ok_or(word)?;
            match self.exchange(word, next) {
                Ok(()) => return Ok(word),
                Err(now) => word = now,
            }
        }
    }

    /// # Safety
    /// The caller has pinned the slot while it was valid (or claimed it, after it was valid once).
    #[inline]
    pub(super) unsafe fn description(&self) -> Description {
        self.tracker.read();
        // SAFETY: not written while pinned or claimed by us.
        let description = unsafe { self.description.get().read() };
        // SAFETY: initialised since it was valid.
        unsafe { description.assume_init() }
    }

    /// # Safety
    /// The caller has claimed the slot.
    pub(super) unsafe fn describe(&self, description: Description) {
        self.tracker.write();
        // SAFETY: nobody reads it while claimed.
        unsafe { self.description.get().write(MaybeUninit::new(description)) };
    }

    /// # Safety
    /// The slot has been initialised as FRMR or window, and the caller has claimed it or keeps it from being claimed.
    pub(super) unsafe fn lasting(&self) -> Lasting {
        self.tracker.read();
        // SAFETY: nobody writes it.
        let lasting = unsafe { self.lasting.get().read() };
        // SAFETY: initialised.
        unsafe { lasting.assume_init() }
    }

    /// # Safety
    /// The caller has claimed the slot.
    pub(super) unsafe fn keep(&self, lasting: Lasting) {
        self.tracker.write();
        // SAFETY: nobody reads it while claimed.
        unsafe { self.lasting.get().write(MaybeUninit::new(lasting)) };
    }
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Slot")
    }
}
