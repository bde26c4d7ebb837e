//! The state of the simulated machine. There is one per process.

use crate::leaks::{Leaks, Owned};
use crate::symbols::{Raw, Stack};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

pub use crate::loader::Image;

/// What all subsystems share. Subsystems keep state of their own in statics of their own.
#[derive(Debug, Default)]
pub struct Kernel {
    /// Loaded drivers.
    pub images: Images,
    /// What drivers own.
    pub leaks: Leaks,
}

static KERNEL: LazyLock<Kernel> = LazyLock::new(|| {
    crate::host::start();
    crate::report::configure_from_environment();
    Kernel::default()
});

impl Kernel {
    /// The machine.
    pub fn get() -> &'static Kernel {
        &KERNEL
    }

    /// Runs `f` in kernel context; see [`crate::context::enter`].
    pub fn enter<R>(f: impl FnOnce() -> R) -> R {
        Self::get();
        crate::context::enter(f)
    }

    /// Everything that the driver still owns: tracked objects and pool. Empty is what an unload
    /// should leave.
    pub fn leaks_of(&self, image: ImageId) -> Vec<Owned> {
        let mut all = self.leaks.of(image);
        all.extend(crate::ex::pool::leaks_of(image));
        all
    }
}

/// Names a loaded image; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(pub u32);

/// Loads of one process; a fixpoint of faults loads the same driver many times.
const MAX_IMAGES: usize = 4096;

/// The loaded images. Reading takes no lock (a signal handler reads it); images stay listed after
/// unload, so that a late call into one can be named.
#[derive(Debug)]
pub struct Images {
    count: AtomicUsize,
    slots: [AtomicPtr<Image>; MAX_IMAGES],
}

impl Default for Images {
    fn default() -> Self {
        Self { count: AtomicUsize::new(0), slots: [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_IMAGES] }
    }
}

impl Images {
    /// The ID of the next image.
    pub(crate) fn reserve(&self) -> Option<ImageId> {
        let index = self.count.fetch_add(1, Ordering::AcqRel);
        (index < MAX_IMAGES).then_some(ImageId(index as u32))
    }

    /// Lists an image under the ID that was reserved for it.
    pub(crate) fn publish(&self, image: &'static Image) {
        self.slots[image.id.0 as usize].store(std::ptr::from_ref(image).cast_mut(), Ordering::Release);
    }

    /// All images, unloaded ones too.
    pub fn iter(&self) -> impl Iterator<Item = &'static Image> + '_ {
        let count = self.count.load(Ordering::Acquire).min(MAX_IMAGES);
        self.slots[..count].iter().filter_map(|slot| {
            let image = slot.load(Ordering::Acquire);
            // SAFETY: published images are leaked boxes.
            unsafe { image.as_ref() }
        })
    }

    /// The image with this ID.
    pub fn get(&self, id: ImageId) -> Option<&'static Image> {
        self.iter().find(|image| image.id == id)
    }

    /// The image that contains `address`.
    pub fn containing(&self, address: usize) -> Option<&'static Image> {
        self.iter().find(|image| image.contains(address))
    }

    /// The innermost driver on a stack: who called the kernel.
    pub fn owner_of_stack(&self, stack: &Stack) -> Option<ImageId> {
        stack.frames().iter().find_map(|frame| match frame {
            Raw::Code(address) | Raw::Instruction(address) => self.containing(*address).map(|image| image.id),
            _ => None,
        })
    }

    /// `driver.sys!function+0x12 (file:line)` for a code address.
    pub fn describe(&self, address: usize) -> String {
        crate::symbols::describe(address)
    }
}
