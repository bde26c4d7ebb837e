//! A first-in first-out queue in pool whose growth can fail.

use crate::kernel::{List, NoMemory};

/// Elements that wait their turn. IRQL <= DISPATCH_LEVEL.
pub struct Queue<T> {
    // A ring: `count` elements from `first` on, the other places are vacant.
    places: List<Option<T>>,
    first: usize,
    count: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queue<T> {
    /// An empty queue, which has no memory yet.
    pub const fn new() -> Self {
        Self { places: List::new(), first: 0, count: 0 }
    }

    /// Appends an element; on failure the element is dropped and the queue is as before.
    pub fn try_push(&mut self, element: T) -> Result<(), NoMemory> {
        if self.count == self.places.len() {
            // The ring is full: once it begins at the first place, it can grow at its end.
            self.places.rotate_left(self.first);
            self.first = 0;
            self.places.try_push(Some(element))?;
        } else {
            let at = self.wrapped(self.count);
            let place = self.places.get_mut(at).ok_or(NoMemory)?;
            *place = Some(element);
        }
        self.count += 1;
        Ok(())
    }

    /// Takes the oldest element.
    pub fn pop(&mut self) -> Option<T> {
        let element = self.places.get_mut(self.first)?.take()?;
        self.first = self.wrapped(1);
        self.count -= 1;
        Some(element)
    }

    fn wrapped(&self, steps: usize) -> usize {
        (self.first + steps).checked_rem(self.places.len()).unwrap_or(0)
    }
}
