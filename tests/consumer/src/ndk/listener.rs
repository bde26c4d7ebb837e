//! Listeners.

use crate::{
    kernel::{Event, Lock, Shared},
    ndk::{
        Adapter, Address, Connector, Created, Object, Submitted,
        connector::{self, Spare, address},
        object::{self, Keep, kind},
        request::{self, Prepared, on_close, on_create, on_request},
    },
    run::{Failure, Result},
};
use core::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use ndkpi_sys::{NDK_CONNECTOR, NDK_FN_CONNECT_EVENT_CALLBACK, NTSTATUS, PVOID, STATUS_NOT_SUPPORTED};

kind!(ListenerKind: NDK_LISTENER, NDK_LISTENER_DISPATCH, NdkObjectTypeListener, NdkCloseListener,
    extra (Adapter, Shared<Backlog>),
    fn before_close(extra: &Self::Extra) { extra.1.empty(&extra.0); });

/// A listener.
pub type Listener = Object<ListenerKind>;

/// What happens at a connect event.
#[derive(Clone, Copy)]
pub enum ListenerOptions {
    /// The connector waits in a queue for [`Listener::next`]; one that finds the queue full is closed.
    Queue,
    /// No callback is given at all (CQ-74).
    Null,
    /// A function of the test's is called.
    Call {
        /// The callback itself.
        function: NDK_FN_CONNECT_EVENT_CALLBACK,
        /// Its context; the test keeps alive what it points to.
        context: PVOID,
    },
}

const ROOM: usize = 64;

/// What the connect event leaves behind.
pub struct Backlog {
    event: Event,
    waiting: Lock<Waiting>,
    calls: AtomicU32,
    refused: AtomicU32,
}

struct Waiting {
    connectors: [Option<NonNull<NDK_CONNECTOR>>; ROOM],
    // Free-running; connectors between `taken` and `come` wait.
    taken: usize,
    come: usize,
}

// SAFETY: connectors may be used from any thread.
unsafe impl Send for Waiting {}

impl Waiting {
    fn put(&mut self, connector: NonNull<NDK_CONNECTOR>) -> bool {
        if self.come.wrapping_sub(self.taken) >= ROOM {
            return false;
        }
        let Some(slot) = self.connectors.get_mut(self.come % ROOM) else {
            return false;
        };
        *slot = Some(connector);
        self.come = self.come.wrapping_add(1);
        true
    }

    fn take(&mut self) -> Option<NonNull<NDK_CONNECTOR>> {
        if self.come == self.taken {
            return None;
        }
        let connector = self.connectors.get_mut(self.taken % ROOM)?.take();
        self.taken = self.taken.wrapping_add(1);
        connector
    }
}

impl Backlog {
    // Closes connectors that nobody took; the listener cannot close before them (LSN-21).
    fn empty(&self, adapter: &Adapter) {
        while let Some(connector) = self.waiting.with(Waiting::take) {
            let Ok(closing) = Prepared::new() else {
                // Without memory nobody waits; the close of the listener does (LSN-21).
                // SAFETY: the connector is pending and nobody else has it.
                unsafe { close(connector, core::ptr::null_mut()) };
                continue;
            };
            let closing = closing.submit(adapter.run(), |context| {
                // SAFETY: as above.
                unsafe { close(connector, context) }
            });
            if let Err(failure) = closing.ok("CONN-45 closing a pending connector") {
                adapter.run().set_aside(failure);
            }
        }
    }
}

#[track_caller]
pub(super) fn create(adapter: &Adapter, options: ListenerOptions) -> Result<Created<ListenerKind>> {
    let backlog = Shared::try_new(Backlog {
        event: Event::automatic()?,
        waiting: Lock::new(Waiting { connectors: [None; ROOM], taken: 0, come: 0 }),
        calls: AtomicU32::new(0),
        refused: AtomicU32::new(0),
    })?;
    let keep = [Keep::Adapter(adapter.clone()), Keep::Nothing, Keep::Nothing];
    object::create(
        adapter.run(),
        (adapter.clone(), backlog),
        keep,
        |context, out, extra: &(Adapter, Shared<Backlog>)| {
            let Some(create) = adapter.dispatch().NdkCreateListener else {
                return STATUS_NOT_SUPPORTED;
            };
            let (function, connect_context): (NDK_FN_CONNECT_EVENT_CALLBACK, PVOID) = match options {
                // The object keeps the backlog until its close is complete, after which no callback comes.
                ListenerOptions::Queue => (Some(on_connect), extra.1.as_context()),
                ListenerOptions::Null => (None, core::ptr::null_mut()),
                ListenerOptions::Call { function, context } => (function, context),
            };
            // SAFETY: the adapter is open; callbacks and contexts fit; the out pointer is a live reference.
            unsafe { create(adapter.raw(), function, connect_context, Some(on_create), context, out) }
        },
    )
}

unsafe extern "system" fn on_connect(context: PVOID, connector: *mut NDK_CONNECTOR) {
    // SAFETY: the listener object holds a reference until its close is complete.
    let backlog = unsafe { Shared::<Backlog>::borrow_context(context) };
    let Some(connector) = NonNull::new(connector) else {
        return;
    };
    backlog.calls.fetch_add(1, Ordering::AcqRel);
    if backlog.waiting.with(|waiting| waiting.put(connector)) {
        backlog.event.set();
        return;
    }
    backlog.refused.fetch_add(1, Ordering::AcqRel);
    // Closing inside the event rejects the request (RE-05); nobody waits for that close.
    // SAFETY: the connector is this consumer's and is not used again.
    unsafe { close(connector, core::ptr::null_mut()) };
}

/// # Safety
/// The connector is open, is the caller's, and is not used afterwards. The context is one of `submit`, or null.
unsafe fn close(connector: NonNull<NDK_CONNECTOR>, context: PVOID) -> NTSTATUS {
    // SAFETY: the connector is open, so its table stands.
    let close = unsafe { &*connector.as_ref().Dispatch }.NdkCloseConnector;
    match close {
        // SAFETY: the caller vouches for the connector. `on_close` takes a null context as nobody's.
        Some(close) => unsafe { close(connector.as_ptr().cast(), Some(on_close), context) },
        None => STATUS_NOT_SUPPORTED,
    }
}

impl Listener {
    /// Starts to listen on an address.
    #[track_caller]
    pub fn listen(&self, address: &Address) -> Result<Submitted> {
        let mut address = *address;
        request::submit(self.run(), |context| {
            let Some(listen) = self.dispatch().NdkListen else {
                return STATUS_NOT_SUPPORTED;
            };
            // SAFETY: the listener is open; the address is read during the call only (CMP-16).
            unsafe { listen(self.raw(), address.as_ptr(), address.length(), Some(on_request), context) }
        })
    }

    /// The address that is listened on, and the raw status.
    pub fn local_address(&self) -> (NTSTATUS, Address) {
        let get = self.dispatch().NdkGetLocalAddress;
        address(|target, length| match get {
            // SAFETY: the listener is open; the target has the length given.
            Some(get) => unsafe { get(self.raw(), target, length) },
            None => STATUS_NOT_SUPPORTED,
        })
    }

    /// Holds connect events back, or lets them go on.
    pub fn pause(&self, pause: Pause) {
        if let Some(control) = self.dispatch().NdkControlConnectEvents {
            // SAFETY: the listener is open.
            unsafe { control(self.raw(), u8::from(pause == Pause::Pause)) };
        }
    }

    /// Number of connect events so far (with [`ListenerOptions::Queue`]).
    pub fn events(&self) -> u32 {
        self.extra().1.calls.load(Ordering::Acquire)
    }

    /// The next connector that has come, if there is one.
    #[track_caller]
    pub fn try_next(&self) -> Result<Option<Connector>> {
        let (adapter, backlog) = self.extra();
        let spare = Spare::new()?;
        match backlog.waiting.with(Waiting::take) {
            // SAFETY: the connector came out of the queue, so nobody else has it.
            Some(raw) => unsafe { connector::delivered(self.run(), raw, adapter, self, spare) }.map(Some),
            None => Ok(None),
        }
    }

    /// Waits at PASSIVE_LEVEL for a connector.
    #[track_caller]
    pub fn next(&self) -> Result<Connector> {
        loop {
            if let Some(connector) = self.try_next()? {
                return Ok(connector);
            }
            self.run().wait(&self.extra().1.event, "LSN-11 each request gives one connect event")?;
        }
    }

    /// Expects that no connector was refused for want of room in the queue.
    #[track_caller]
    pub fn none_refused(&self) -> Result {
        match self.extra().1.refused.load(Ordering::Acquire) {
            0 => Ok(()),
            _ => Err(Failure::new("room in the test's own backlog", 0)),
        }
    }
}

/// Argument of [`Listener::pause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Requests are refused from now on.
    Pause,
    /// Requests give events again.
    Resume,
}
