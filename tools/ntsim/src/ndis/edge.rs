//! The host's side of an adapter: a minimal protocol that sends frames and keeps what arrives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::adapter::{Adapter, State};
use super::latch::{Latch, wait_until};
use super::{codes, path};
use ndkpi_sys::*;

/// Driver Verifier's limit for a send (MP-TX-16).
const PATIENCE: Duration = Duration::from_secs(30);
/// Frames kept for a host that does not ask for them.
const KEPT: usize = 4096;

/// What arrived at an adapter.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    frames: Mutex<VecDeque<Vec<u8>>>,
    /// NBL lists that the host holds on purpose; `None` returns them at once.
    held: Mutex<Option<Vec<usize>>>,
}

impl Inbox {
    pub fn deliver(&self, frame: Vec<u8>) {
        let mut frames = self.frames.lock();
        if frames.len() < KEPT {
            frames.push_back(frame);
        }
    }

    /// Ends an indication: the NBLs go back to the miniport, now or when the host lets go.
    pub fn keep_or_return(&self, adapter: &Arc<Adapter>, list: *mut NET_BUFFER_LIST) {
        {
            let mut held = self.held.lock();
            if let Some(held) = held.as_mut() {
                held.push(list.expose_provenance());
                return;
            }
        }
        path::return_lists(adapter, list);
    }
}

/// The host edge of one adapter.
#[derive(Clone, Debug)]
pub struct Edge {
    pub(super) adapter: Arc<Adapter>,
}

/// A frame as the miniport gets it: header bytes in one MDL, the rest in another.
#[expect(clippy::vec_box, reason = "the MDLs point at each other and must not move")]
struct Frame {
    list: Box<NET_BUFFER_LIST>,
    _buffer: Box<NET_BUFFER>,
    _mdls: Vec<Box<MDL>>,
    bytes: Vec<u8>,
}

/// How the bytes of a frame lie in memory: the lengths of its MDLs, the last of which takes the rest, and how many
/// bytes of the first one and behind the last one are not the frame's.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Bytes of each MDL but the last; 0 makes an empty one.
    pub pieces: Vec<usize>,
    /// Bytes before the frame in the first MDL (CurrentMdlOffset).
    pub before: usize,
    /// Bytes behind the frame in the last MDL.
    pub behind: usize,
}

/// One NET_BUFFER with its MDLs.
#[expect(clippy::vec_box, reason = "the MDLs point at each other and must not move")]
struct Shaped {
    buffer: Box<NET_BUFFER>,
    mdls: Vec<Box<MDL>>,
    bytes: Vec<u8>,
}

impl Shaped {
    fn new(frame: &[u8], layout: &Layout) -> Shaped {
        let mut bytes = vec![0xA7; layout.before];
        bytes.extend_from_slice(frame);
        bytes.resize(bytes.len() + layout.behind, 0x7A);
        let mut lengths: Vec<usize> = layout.pieces.clone();
        if let Some(first) = lengths.first_mut() {
            *first += layout.before;
        }
        let used: usize = lengths.iter().sum();
        assert!(used <= layout.before + frame.len(), "the pieces of a frame are no longer than it");
        lengths.push(bytes.len() - used);
        let base = bytes.as_mut_ptr();
        let mut at = 0;
        let mut mdls: Vec<Box<MDL>> = Vec::new();
        for length in lengths {
            mdls.push(mdl(base.wrapping_add(at), length));
            at += length;
        }
        for at in 1..mdls.len() {
            let next: *mut MDL = &raw mut *mdls[at];
            mdls[at - 1].Next = next;
        }
        let first = mdls.first_mut().map_or(std::ptr::null_mut(), |mdl| &raw mut **mdl);
        let mut buffer = Box::new(NET_BUFFER::default());
        let nb = &raw mut *buffer;
        // SAFETY: a fresh block.
        unsafe {
            *NET_BUFFER_FIRST_MDL(nb) = first;
            *NET_BUFFER_CURRENT_MDL(nb) = first;
            *NET_BUFFER_CURRENT_MDL_OFFSET(nb) = layout.before as u32;
            *NET_BUFFER_DATA_OFFSET(nb) = layout.before as u32;
            *NET_BUFFER_DATA_LENGTH(nb) = frame.len() as u32;
        }
        Shaped { buffer, mdls, bytes }
    }

    /// Everything that the miniport must leave as it is.
    fn kept(&mut self) -> Kept {
        let mdls = self.mdls.iter().map(|mdl| [mdl.Next.addr(), mdl.ByteCount as usize, mdl.ByteOffset as usize]);
        let mdls = mdls.collect();
        let nb = &raw mut *self.buffer;
        // SAFETY: our own block.
        let fields = unsafe {
            [
                (*NET_BUFFER_NEXT_NB(nb)).addr(),
                (*NET_BUFFER_CURRENT_MDL(nb)).addr(),
                *NET_BUFFER_CURRENT_MDL_OFFSET(nb) as usize,
                *NET_BUFFER_DATA_OFFSET(nb) as usize,
                *NET_BUFFER_DATA_LENGTH(nb) as usize,
            ]
        };
        Kept { bytes: self.bytes.clone(), mdls, fields }
    }
}

/// What a miniport must leave as it is of a frame that it sends (MP-TX-05).
#[derive(PartialEq, Eq)]
struct Kept {
    bytes: Vec<u8>,
    mdls: Vec<[usize; 3]>,
    fields: [usize; 5],
}

fn mdl(start: *mut u8, count: usize) -> Box<MDL> {
    let mut mdl = Box::new(MDL::default());
    mdl.Size = size_of::<MDL>() as i16;
    mdl.MdlFlags = MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA;
    mdl.MappedSystemVa = start.cast();
    mdl.StartVa = start.map_addr(|address| address & !0xFFF).cast();
    mdl.ByteOffset = (start.addr() & 0xFFF) as u32;
    mdl.ByteCount = count as u32;
    mdl
}

impl Frame {
    fn new(bytes: &[u8], cancel_id: usize) -> Frame {
        let mut bytes = bytes.to_vec();
        let split = bytes.len().min(14);
        let mut mdls: Vec<Box<MDL>> = Vec::new();
        let base = bytes.as_mut_ptr();
        for (from, count) in [(0, split), (split, bytes.len() - split)] {
            if count == 0 && from != 0 {
                continue;
            }
            mdls.push(mdl(base.wrapping_add(from), count));
        }
        for at in 1..mdls.len() {
            let next: *mut MDL = &raw mut *mdls[at];
            mdls[at - 1].Next = next;
        }
        let first = mdls.first_mut().map_or(std::ptr::null_mut(), |mdl| &raw mut **mdl);
        let mut buffer = Box::new(NET_BUFFER::default());
        let nb = &raw mut *buffer;
        let mut list = Box::new(NET_BUFFER_LIST::default());
        // SAFETY: fresh blocks.
        unsafe {
            *NET_BUFFER_FIRST_MDL(nb) = first;
            *NET_BUFFER_CURRENT_MDL(nb) = first;
            *NET_BUFFER_DATA_LENGTH(nb) = bytes.len() as u32;
            *NET_BUFFER_LIST_FIRST_NB(&raw mut *list) = nb;
        }
        list.NetBufferListInfo[NetBufferListCancelId as usize] = std::ptr::without_provenance_mut(cancel_id);
        Frame { list, _buffer: buffer, _mdls: mdls, bytes }
    }
}

impl Edge {
    /// Sends a frame (Ethernet header onward, no FCS) and waits for its completion; gives the
    /// NDIS_STATUS. While the adapter is not running NDIS itself answers PAUSED.
    pub fn send(&self, frame: &[u8]) -> i32 {
        self.send_all(&[frame]).pop().unwrap_or(NDIS_STATUS_SUCCESS)
    }

    /// Sends several frames as one list, waits for all; gives their statuses.
    pub fn send_all(&self, frames: &[&[u8]]) -> Vec<i32> {
        crate::Kernel::enter(|| {
            if !matches!(self.adapter.state(), State::Running) {
                return vec![NDIS_STATUS_PAUSED; frames.len()];
            }
            let mut blocks: Vec<Frame> = frames.iter().map(|frame| Frame::new(frame, 0)).collect();
            for at in 1..blocks.len() {
                let next: *mut NET_BUFFER_LIST = &raw mut *blocks[at].list;
                // SAFETY: ours.
                unsafe { *NET_BUFFER_LIST_NEXT_NBL(&raw mut *blocks[at - 1].list) = next };
            }
            let mut latches = Vec::new();
            for block in &mut blocks {
                let latch = Arc::new(Latch::new());
                block.list.SourceHandle = self.adapter.as_handle();
                self.adapter.sent.lock().insert((&raw mut *block.list).expose_provenance(), Arc::clone(&latch));
                latches.push(latch);
            }
            let before: Vec<Vec<u8>> = blocks.iter().map(|block| block.bytes.clone()).collect();
            if let Some(first) = blocks.first_mut() {
                path::send_lists(&self.adapter, &raw mut *first.list);
            }
            let statuses = latches.iter().map(|latch| {
                latch.wait(PATIENCE).unwrap_or_else(|| {
                    let text = format!("a sent NBL is not completed after {} s (MP-TX-16)", PATIENCE.as_secs());
                    self.adapter.violation(&codes::NDIS_TIMEOUT, text)
                })
            });
            let statuses = statuses.collect();
            for (block, before) in blocks.iter().zip(before) {
                if block.bytes != before {
                    self.adapter.violation(
                        &codes::NDIS_BAD_NET_BUFFER,
                        "the miniport changed the payload of a sent frame (MP-TX-05)",
                    );
                }
            }
            statuses
        })
    }

    /// Sends the frames as the NET_BUFFERs of one NBL, each in a layout of its own, and waits for its completion;
    /// gives the NDIS_STATUS. The miniport gets it in every state (a send that was on its way when the state changed).
    ///
    /// # Panics
    /// When the pieces of a layout are longer than its frame.
    pub fn send_shaped(&self, frames: &[(&[u8], Layout)]) -> i32 {
        let mut shaped: Vec<Shaped> = frames.iter().map(|(frame, layout)| Shaped::new(frame, layout)).collect();
        for at in 1..shaped.len() {
            let next: *mut NET_BUFFER = &raw mut *shaped[at].buffer;
            // SAFETY: ours.
            unsafe { *NET_BUFFER_NEXT_NB(&raw mut *shaped[at - 1].buffer) = next };
        }
        let mut list = Box::new(NET_BUFFER_LIST::default());
        if let Some(first) = shaped.first_mut() {
            // SAFETY: ours.
            unsafe { *NET_BUFFER_LIST_FIRST_NB(&raw mut *list) = &raw mut *first.buffer };
        }
        list.SourceHandle = self.adapter.as_handle();
        let before: Vec<_> = shaped.iter_mut().map(Shaped::kept).collect();
        let latch = Arc::new(Latch::new());
        let status = crate::Kernel::enter(|| {
            self.adapter.sent.lock().insert((&raw mut *list).expose_provenance(), Arc::clone(&latch));
            path::send_lists(&self.adapter, &raw mut *list);
            latch.wait(PATIENCE).unwrap_or_else(|| {
                let text = format!("a sent NBL is not completed after {} s (MP-TX-16)", PATIENCE.as_secs());
                self.adapter.violation(&codes::NDIS_TIMEOUT, text)
            })
        });
        let after: Vec<_> = shaped.iter_mut().map(Shaped::kept).collect();
        if before != after {
            self.adapter.violation(
                &codes::NDIS_BAD_NET_BUFFER,
                "the miniport changed the payload, the MDLs or the NET_BUFFERs of a sent frame (MP-TX-05)",
            );
        }
        status
    }

    /// The next frame that the miniport indicated, waiting at most `patience`.
    pub fn receive(&self, patience: Duration) -> Option<Vec<u8>> {
        let mut frame = None;
        wait_until(Some(patience), || {
            frame = self.adapter.edge.frames.lock().pop_front();
            frame.is_some()
        });
        frame
    }

    /// From now on received NBLs are kept, until [`Edge::release`].
    pub fn hold(&self) {
        self.adapter.edge.held.lock().get_or_insert_with(Vec::new);
    }

    /// Returns what was kept and ends [`Edge::hold`].
    pub fn release(&self) {
        let held = self.adapter.edge.held.lock().take().unwrap_or_default();
        crate::Kernel::enter(|| {
            for list in held {
                path::return_lists(&self.adapter, std::ptr::with_exposed_provenance_mut(list));
            }
        });
    }

    /// MiniportCancelSend for the sends with this cancel ID.
    pub fn cancel_send(&self, id: usize) {
        crate::Kernel::enter(|| path::cancel_send(&self.adapter, id));
    }
}
