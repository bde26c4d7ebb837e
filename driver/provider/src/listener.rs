//! Listener: whether it listens and whom it lets in (`LSN-*`).

use crate::Failure;
use softndk_abi::cm::Address;

/// State of one listener; guarded by the connection lock.
#[derive(Debug, Default)]
pub struct Listener {
    address: Option<Address>,
    paused: bool,
    closing: bool,
}

impl Listener {
    /// A listener that does not listen yet (`LSN-01`).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// May NdkListen be called?
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceState`] when it listens already (`LSN-09`).
    pub const fn check_idle(&self) -> Result<(), Failure> {
        if self.address.is_some() || self.closing { Err(Failure::InvalidDeviceState) } else { Ok(()) }
    }

    /// It listens on `address` from now on (`LSN-03`).
    pub fn listen(&mut self, address: Address) {
        self.address = Some(address);
    }

    /// Pauses or resumes connect events (`LSN-16` to `LSN-18`).
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The close was called: nobody is let in any more, but the address stays taken (`LSN-20`, `LSN-22`).
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// The address it holds, also while it closes.
    #[must_use]
    pub const fn address(&self) -> Option<Address> {
        self.address
    }

    /// The address to report.
    ///
    /// # Errors
    /// [`Failure::InvalidDeviceState`] when it does not listen (`LSN-19`).
    pub fn local_address(&self) -> Result<Address, Failure> {
        self.address.ok_or(Failure::InvalidDeviceState)
    }

    /// True when a request to `target` is for this listener and may come in now.
    #[must_use]
    pub fn admits(&self, target: Address) -> bool {
        !self.paused && !self.closing && self.address.is_some_and(|own| crate::port::collides(own, target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use softndk_abi::cm::Ip;

    const AT: Address = Address { ip: Ip::V4([10, 0, 0, 1]), port: 445 };

    #[test]
    fn lsn_16_lsn_17_lsn_20_who_is_let_in() {
        let mut listener = Listener::new();
        assert!(!listener.admits(AT));
        listener.pause(true);
        listener.listen(AT);
        assert!(!listener.admits(AT));
        listener.pause(false);
        assert!(listener.admits(AT));
        listener.close();
        assert!(!listener.admits(AT));
        assert_eq!(listener.address(), Some(AT));
    }

    #[test]
    fn lsn_09_lsn_19_states() {
        let mut listener = Listener::new();
        assert_eq!(listener.local_address(), Err(Failure::InvalidDeviceState));
        assert!(listener.check_idle().is_ok());
        listener.listen(AT);
        assert_eq!(listener.check_idle(), Err(Failure::InvalidDeviceState));
    }
}
