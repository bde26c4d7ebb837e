//! One step of a sequence: four bytes, whatever they are.
//!
//! | byte | what |
//! |---|---|
//! | 0 | kind (5 bits), 0x20 fence, 0x40 silent, 0x80 deferred |
//! | 1 | link, end, memory |
//! | 2 | place and length in that memory |
//! | 3 | target at the peer and place in it, or what the kind needs |

use crate::{LENGTH, LINKS, LOCAL_WRITE, MEMORIES, REGIONS, REMOTE_READ, REMOTE_WRITE, WINDOWS};

/// Bytes of a step.
pub const STEP_BYTES: usize = 4;

/// One end of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Connection.
    pub link: usize,
    /// 0 has connected, 1 has accepted.
    pub end: usize,
}

impl Place {
    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        Self { link: self.link, end: 1 - self.end }
    }
}

/// A list of entries, one behind the other in one piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Memory; from [`MEMORIES`] on a fast-register region's pages by logical address.
    pub memory: usize,
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub length: usize,
    /// Entries, at least one; the last takes what is left over.
    pub pieces: usize,
}

impl List {
    /// Offset and length of an entry.
    #[must_use]
    pub fn piece(&self, index: usize) -> (usize, usize) {
        let each = self.length / self.pieces.max(1);
        let length = if index + 1 == self.pieces { self.length - each * index } else { each };
        (self.offset + each * index, length)
    }
}

/// What a token at the peer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A region.
    Memory(usize),
    /// A window.
    Window(usize),
    /// A token that nobody gave out.
    Forged,
}

/// Memory at the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its token.
    pub target: Target,
    /// First byte, from the beginning of the memory; may lie before it.
    pub offset: i64,
}

/// A bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// The window.
    pub window: usize,
    /// What it becomes a view of.
    pub memory: usize,
    /// First byte.
    pub offset: usize,
    /// Bytes.
    pub length: usize,
    /// [`REMOTE_READ`], [`REMOTE_WRITE`] or both.
    pub rights: u32,
}

/// A request of the initiator queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// NdkSend.
    Send(List),
    /// NdkSendAndInvalidate.
    SendAndInvalidate(List, Target),
    /// NdkRead.
    Read(List, Remote),
    /// NdkWrite.
    Write(List, Remote),
    /// NdkFastRegister of a memory with rights as for a region.
    FastRegister(usize, u32),
    /// NdkInvalidate of a memory; a regular region must be refused.
    Invalidate(usize),
    /// NdkInvalidate of a window.
    InvalidateWindow(usize),
    /// NdkBind.
    Bind(Bind),
}

/// Flags of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// READ_FENCE.
    pub fence: bool,
    /// SILENT_SUCCESS.
    pub silent: bool,
    /// DEFER.
    pub defer: bool,
}

/// What is wrong with a request that is refused in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A flag that does not exist.
    Flag,
    /// One entry more than the QP takes.
    Entries,
    /// Lengths that add up to more than 4 GiB.
    Sum,
}

/// A call, or a few calls that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes QPs and connects them; nothing if they are there.
    Connect(usize),
    /// Ends a connection, gracefully or by closes in some order (0 to 5), and closes the QPs.
    Part(usize, u8),
    /// NdkRegisterMr of an end's region.
    Register(usize, usize, u32),
    /// NdkDeregisterMr.
    Deregister(usize, usize),
    /// NdkReceive.
    Receive(Place, List),
    /// A request.
    Post(Place, Request, Flags),
    /// NdkFlush.
    Flush(Place),
    /// A request that is refused in line.
    Malformed(Place, Malformed),
}

const OFFSETS: [usize; 8] = [0, 1, 16, 64, 100, 128, 32, 255];
const LENGTHS: [usize; 8] = [0, 1, 16, 64, 100, 128, 32, 257];
const FAR: [i64; 8] = [0, 0, 1, 16, 64, 128, 255, -1];
const RIGHTS: [u32; 6] =
    [LOCAL_WRITE | REMOTE_READ | REMOTE_WRITE, REMOTE_READ, LOCAL_WRITE, 0, REMOTE_WRITE, LOCAL_WRITE | REMOTE_READ];

fn pick<T: Copy + Default>(table: &[T], number: u8) -> T {
    table.get(usize::from(number) % table.len().max(1)).copied().unwrap_or_default()
}

fn target(number: u8) -> Target {
    match number % 8 {
        memory @ 0..=4 => Target::Memory(usize::from(memory)),
        window @ 5..=6 => Target::Window(usize::from(window) - 5),
        _ => Target::Forged,
    }
}

/// The step of four bytes.
#[must_use]
pub fn decode([kind, who, what, far]: [u8; STEP_BYTES]) -> Step {
    let place = Place { link: usize::from(who & 1) % LINKS, end: usize::from(who >> 1 & 1) };
    let memory = usize::from(who >> 2) % (MEMORIES + 2);
    let fast = REGIONS + usize::from(who >> 2) % (MEMORIES - REGIONS);
    let mut list = List {
        memory,
        offset: pick(&OFFSETS, what & 7),
        length: pick(&LENGTHS, what >> 3 & 7),
        pieces: 1 + usize::from(what >> 6),
    };
    if memory >= MEMORIES {
        // Logical addresses go no further than what was mapped.
        list.length = list.length.min(LENGTH - list.offset);
    }
    let remote = Remote { target: target(far), offset: pick(&FAR, far >> 3 & 7) };
    let flags = Flags { fence: kind & 0x20 != 0, silent: kind & 0x40 != 0, defer: kind & 0x80 != 0 };
    let post = |request| Step::Post(place, request, flags);
    let bind = Bind {
        window: usize::from(far & 1) % WINDOWS,
        memory: memory % MEMORIES,
        offset: list.offset,
        length: list.length,
        rights: pick(&[REMOTE_READ, REMOTE_WRITE, REMOTE_READ | REMOTE_WRITE], far >> 1),
    };
    match kind & 0x1F {
        0..=2 => Step::Connect(place.link),
        3 => Step::Part(place.link, far % 6),
        4..=6 => Step::Register(place.end, memory % REGIONS, pick(&RIGHTS, far)),
        7 => Step::Deregister(place.end, memory % MEMORIES),
        8..=12 => Step::Receive(place, list),
        13..=16 => post(Request::Send(list)),
        17 => post(Request::SendAndInvalidate(list, target(far))),
        18..=19 => post(Request::Read(list, remote)),
        20..=21 => post(Request::Write(list, remote)),
        22..=23 => post(Request::FastRegister(fast, pick(&RIGHTS, far))),
        24 => post(Request::Invalidate(if far & 7 == 0 { memory % REGIONS } else { fast })),
        25..=26 => post(Request::Bind(bind)),
        27 => post(Request::InvalidateWindow(bind.window)),
        28 => Step::Flush(place),
        29 => Step::Malformed(place, Malformed::Flag),
        30 => Step::Malformed(place, Malformed::Entries),
        _ => Step::Malformed(place, Malformed::Sum),
    }
}
