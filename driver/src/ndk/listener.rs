//! `NDK_LISTENER` (`LSN-*`); the rules are `softndk_provider::listener`.

use core::{ffi::c_void, ptr::NonNull};

use ndkpi_sys::{
    BOOLEAN, NDK_CONNECTOR, NDK_FN_CLOSE_COMPLETION, NDK_FN_CONNECT_EVENT_CALLBACK, NDK_FN_REQUEST_COMPLETION,
    NDK_LISTENER, NDK_LISTENER_DISPATCH, NDK_OBJECT_HEADER, NTSTATUS, SOCKADDR, ULONG,
};
use softndk_nt::{
    irql::{AtMostDispatch, Cx},
    pool::Tag,
};
use softndk_provider::{
    Failure,
    listener::Listener as Rules,
    port::{self, Wildcard},
    status::of_result,
};

use super::{adapter::Adapter, connector::Connector, convert, enter, extension};
use crate::run::{
    control::{CONTROL, ControlCell},
    list::{Link, Linked},
    object::{Kind, Object, Ref},
};

/// What the connection lock guards of a listener.
pub struct State {
    /// The rules.
    pub rules: Rules,
}

/// Body of a listener.
pub struct Listener {
    /// The adapter it belongs to (`LIFE-16`).
    pub open: Ref<Adapter>,
    /// State under the connection lock.
    pub state: ControlCell<State>,
    event: NDK_FN_CONNECT_EVENT_CALLBACK,
    context: *mut c_void,
    link: ControlCell<Link<Object<Listener>>>,
}

// SAFETY: `context` is the consumer's and only passed back to it.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

// SAFETY: always the same cell of the object.
unsafe impl Linked for Object<Listener> {
    fn link(&self) -> &ControlCell<Link<Self>> {
        &self.body().link
    }
}

impl Kind for Listener {
    const TYPE: i32 = 9;
    const TAG: Tag = Tag::new(*b"nkLs");

    fn table() -> *const c_void {
        (&raw const TABLE).cast()
    }

    fn ended(object: &Object<Self>, cx: &mut Cx<AtMostDispatch>) {
        object.device().quotas().listener.give_back();
        // Listener and all its connectors are closed: the address is free (LSN-22).
        let mut control = CONTROL.lock(cx);
        object.device().forget_listener(object, &mut control);
    }
}

impl Listener {
    /// False without a connect event: requests are rejected then (`CQ-74`).
    pub const fn takes_events(&self) -> bool {
        self.event.is_some()
    }

    /// Delivers a connector; it belongs to the consumer from now on (`LSN-11`). IRQL: at most
    /// DISPATCH_LEVEL, no lock.
    pub fn deliver(&self, connector: Ref<Connector>) {
        if let Some(event) = self.event {
            let face = connector.into_face::<NDK_CONNECTOR>();
            // SAFETY: the consumer's function and context; the caller holds the listener until the
            // event has returned.
            unsafe { event(self.context, face) };
        }
    }
}

/// Makes a listener of `open`.
///
/// # Errors
/// [`Failure::NoResources`].
pub fn create(
    open: &Object<Adapter>,
    event: NDK_FN_CONNECT_EVENT_CALLBACK,
    context: *mut c_void,
) -> Result<Ref<Listener>, Failure> {
    let body = Listener {
        open: open.reference(),
        state: ControlCell::new(State { rules: Rules::new() }),
        event,
        context,
        link: ControlCell::new(Link::new()),
    };
    let quota = &open.device().quotas().listener;
    quota.take()?;
    Object::create(open.device(), open.version(), body).map_err(|_| {
        quota.give_back();
        Failure::NoResources
    })
}

static TABLE: NDK_LISTENER_DISPATCH = NDK_LISTENER_DISPATCH {
    NdkCloseListener: Some(close),
    NdkQueryExtension: Some(extension),
    NdkListen: Some(listen),
    NdkGetLocalAddress: Some(get_local_address),
    NdkControlConnectEvents: Some(control_connect_events),
};

unsafe extern "system" fn close(
    object: *mut NDK_OBJECT_HEADER,
    completion: NDK_FN_CLOSE_COMPLETION,
    context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer passes its open listener, once.
        let this = unsafe { Object::<Listener>::from_face(object) };
        // Nobody is let in from here on, although the close may pend (LSN-20).
        this.body().state.get_mut(&mut CONTROL.lock(cx)).rules.close();
        // SAFETY: as above.
        unsafe { Object::close(NonNull::from(this), completion, context, cx) }
    })
}

unsafe extern "system" fn listen(
    listener: *mut NDK_LISTENER,
    address: *mut SOCKADDR,
    length: ULONG,
    _completion: NDK_FN_REQUEST_COMPLETION,
    _context: *mut c_void,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open listener.
        let this = unsafe { Object::<Listener>::from_face(listener) };
        // SAFETY: the consumer's address buffer.
        let address = unsafe { convert::address(address, length) };
        of_result(address.and_then(|address| start(this, address, cx)))
    })
}

fn start(
    this: &Object<Listener>,
    address: softndk_abi::cm::Address,
    cx: &mut Cx<AtMostDispatch>,
) -> Result<(), Failure> {
    let device = this.device();
    device.check_present()?;
    let begin = device.random16(cx);
    let mut control = CONTROL.lock(cx);
    this.body().state.get(&control).rules.check_idle()?;
    port::check_local(address, Wildcard::Allowed, |ip| device.owns(ip, &control))?;
    let address = port::settle(address, device.ports(), begin, |wanted| device.holds(wanted, &control))?;
    this.body().state.get_mut(&mut control).rules.listen(address);
    device.remember_listener(this, &mut control);
    Ok(())
}

unsafe extern "system" fn get_local_address(
    listener: *mut NDK_LISTENER,
    address: *mut SOCKADDR,
    length: *mut ULONG,
) -> NTSTATUS {
    enter(|cx| {
        // SAFETY: the consumer's open listener.
        let this = unsafe { Object::<Listener>::from_face(listener) };
        let found = this.body().state.get(&CONTROL.lock(cx)).rules.local_address();
        // SAFETY: the consumer's out-parameters.
        unsafe { convert::put_address(found, address, length) }
    })
}

unsafe extern "system" fn control_connect_events(listener: *mut NDK_LISTENER, pause: BOOLEAN) {
    enter(|cx| {
        // SAFETY: the consumer's open listener.
        let this = unsafe { Object::<Listener>::from_face(listener) };
        this.body().state.get_mut(&mut CONTROL.lock(cx)).rules.pause(pause != 0);
    });
}
