//! The one lock of connection state, and cells that only its holder can open.
//!
//! Both ends of a loopback connection change together, and they may belong to two adapters: with a
//! lock for each adapter there would be no order in which to take two of them. So listeners,
//! endpoints, connectors and the list of devices share one lock. It is taken on control calls only,
//! for a few hundred instructions; the data path never sees it.
//!
//! `unsafe` is here for the cells: the proof that opens them is the lock's content.

use core::cell::UnsafeCell;

use softndk_nt::lock::{Control, Spin};

use super::{device::Device, list::List};

/// What the lock holds: a reference to it is the proof of holding the lock.
///
/// # Invariants
/// The only value is the one inside [`CONTROL`].
pub struct Connections(());

/// The lock.
pub static CONTROL: Spin<Connections, Control> = Spin::new(Connections(()));

/// The devices of this driver: those that a connect can reach.
pub static DEVICES: ControlCell<List<Device>> = ControlCell::new(List::new());

/// State that only the holder of [`CONTROL`] can reach.
pub struct ControlCell<T> {
    value: UnsafeCell<T>,
}

// SAFETY: every access needs the proof, which one thread at a time can have.
unsafe impl<T: Send> Sync for ControlCell<T> {}

impl<T> ControlCell<T> {
    /// A closed cell.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value) }
    }

    /// Reads the state.
    pub fn get<'a>(&'a self, _proof: &'a Connections) -> &'a T {
        // SAFETY: the proof is borrowed for as long as the result, so nobody changes the value.
        unsafe { &*self.value.get() }
    }

    /// Changes the state.
    pub fn get_mut<'a>(&'a self, _proof: &'a mut Connections) -> &'a mut T {
        // SAFETY: the proof is unique and exclusively borrowed for as long as the result, so no other
        // cell's reference, nor a second one to this, exists meanwhile.
        unsafe { &mut *self.value.get() }
    }
}
