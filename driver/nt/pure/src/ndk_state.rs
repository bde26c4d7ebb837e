//! Whether NDK is enabled, who may open, and which events are owed: `STATE-*`, `MP-NDKOID-*`,
//! `MP-NDKEV-*`, `PNP-01`, `PNP-04`, `PNP-07`.
//!
//! Requests only say what is wanted; a worker asks [`NdkState::next`] what to announce, announces it
//! (which for a disable lasts until all opens are closed), and reports back with
//! [`NdkState::announced`]. Whatever was wanted meanwhile is looked at then, so the events follow each
//! other in order and end in the last state asked for (`STATE-12`).

/// What the worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Nothing is owed.
    Nothing,
    /// Raise NetEventNDKEnable. Opens are let in already (`STATE-11`).
    Enable,
    /// Raise NetEventNDKDisable.
    Disable,
}

/// An event is being raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raising {
    Nothing,
    Enable,
    Disable,
}

/// The enabled state of one adapter.
#[derive(Debug)]
pub struct NdkState {
    /// What the last SET_STATE, or the keyword at first, asked for.
    wanted: bool,
    /// Low power, which disables for a while (`PNP-07`).
    suspended: bool,
    /// Removed or halting, which disables for good (`PNP-04`, `PNP-01`).
    ended: bool,
    /// What NDIS was last told.
    told: bool,
    raising: Raising,
    accepting: bool,
    opens: u32,
}

impl NdkState {
    /// As the NDK attributes said at initialisation; no event is owed for that (`STATE-14`).
    #[must_use]
    pub const fn new(enabled: bool) -> Self {
        Self {
            wanted: enabled,
            suspended: false,
            ended: false,
            told: enabled,
            raising: Raising::Nothing,
            accepting: enabled,
            opens: 0,
        }
    }

    const fn target(&self) -> bool {
        self.wanted && !self.suspended && !self.ended
    }

    /// After any change: opens stop at once when NDK is to be disabled (`STATE-10`), and go on when
    /// that was taken back before anybody was told. True: the worker has something to do.
    #[must_use]
    const fn changed(&mut self) -> bool {
        if !self.target() {
            self.accepting = false;
        } else if self.told && matches!(self.raising, Raising::Nothing) {
            self.accepting = true;
        }
        self.target() != self.told && matches!(self.raising, Raising::Nothing)
    }

    /// OID_NDK_SET_STATE. True: wake the worker.
    #[must_use]
    pub const fn want(&mut self, enabled: bool) -> bool {
        self.wanted = enabled;
        self.changed()
    }

    /// The adapter goes to low power or comes back. True: wake the worker.
    #[must_use]
    pub const fn suspend(&mut self, suspended: bool) -> bool {
        self.suspended = suspended;
        self.changed()
    }

    /// The adapter was removed (`PNP-04`). True: wake the worker.
    #[must_use]
    pub const fn remove(&mut self) -> bool {
        self.ended = true;
        self.changed()
    }

    /// The adapter is halted: NDK is disabled first if somebody has it open, and just ends otherwise
    /// (`PNP-01`). True: wake the worker.
    #[must_use]
    pub const fn halt(&mut self) -> bool {
        self.ended = true;
        if self.opens == 0 && matches!(self.raising, Raising::Nothing) {
            self.told = false;
        }
        self.changed()
    }

    /// The worker asks what to raise.
    pub const fn next(&mut self) -> Next {
        match (self.target(), self.told) {
            (true, false) => {
                self.raising = Raising::Enable;
                self.accepting = true;
                Next::Enable
            }
            (false, true) => {
                self.raising = Raising::Disable;
                Next::Disable
            }
            _ => Next::Nothing,
        }
    }

    /// The event that [`NdkState::next`] asked for has returned.
    pub const fn announced(&mut self) {
        match self.raising {
            Raising::Enable => self.told = true,
            Raising::Disable => self.told = false,
            Raising::Nothing => {}
        }
        self.raising = Raising::Nothing;
        let _ = self.changed();
    }

    /// A consumer opens. False: refused (`VER-09`, `MP-NDK-04`).
    #[must_use]
    pub const fn open(&mut self) -> bool {
        if self.accepting {
            self.opens += 1;
        }
        self.accepting
    }

    /// A consumer has closed, or its open failed. True: that was the last one.
    #[must_use]
    pub const fn close(&mut self) -> bool {
        self.opens = self.opens.saturating_sub(1);
        self.opens == 0
    }

    /// How many adapters are open.
    #[must_use]
    pub const fn opens(&self) -> u32 {
        self.opens
    }

    /// Whether NDIS thinks that NDK is enabled.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_06_the_state_it_has_raises_nothing() {
        let mut state = NdkState::new(true);
        assert!(!state.want(true));
        assert_eq!(state.next(), Next::Nothing);
        let mut state = NdkState::new(false);
        assert!(!state.want(false));
        assert_eq!(state.next(), Next::Nothing);
    }

    #[test]
    fn state_10_opens_fail_from_the_request_on() {
        let mut state = NdkState::new(true);
        assert!(state.open());
        assert!(state.want(false));
        assert!(!state.open());
        assert_eq!(state.next(), Next::Disable);
        assert!(!state.open());
        assert!(state.close());
        state.announced();
        assert!(!state.open());
        assert!(!state.is_enabled());
    }

    #[test]
    fn state_11_opens_succeed_inside_the_enable_event() {
        let mut state = NdkState::new(false);
        assert!(!state.open());
        assert!(state.want(true));
        assert!(!state.open());
        assert_eq!(state.next(), Next::Enable);
        assert!(state.open());
        state.announced();
        assert!(state.is_enabled() && state.opens() == 1);
    }

    #[test]
    fn state_12_the_last_one_asked_for_wins() {
        let mut state = NdkState::new(true);
        assert!(state.want(false));
        assert_eq!(state.next(), Next::Disable);
        assert!(!state.want(true));
        assert!(!state.open());
        state.announced();
        assert_eq!(state.next(), Next::Enable);
        assert!(!state.want(false));
        assert!(!state.open());
        state.announced();
        assert_eq!(state.next(), Next::Disable);
        state.announced();
        assert_eq!(state.next(), Next::Nothing);
    }

    #[test]
    fn a_request_taken_back_in_time_raises_nothing() {
        let mut state = NdkState::new(true);
        assert!(state.want(false));
        assert!(!state.want(true));
        assert!(state.open());
        assert_eq!(state.next(), Next::Nothing);
    }

    #[test]
    fn pnp_04_removal_is_for_good() {
        let mut state = NdkState::new(true);
        assert!(state.remove());
        assert_eq!(state.next(), Next::Disable);
        state.announced();
        assert!(!state.want(true));
        assert_eq!(state.next(), Next::Nothing);
        assert!(!state.open());
    }

    #[test]
    fn pnp_01_halt_disables_only_what_is_open() {
        let mut state = NdkState::new(true);
        assert!(!state.halt());
        assert_eq!(state.next(), Next::Nothing);
        assert!(!state.open());
        let mut state = NdkState::new(true);
        assert!(state.open());
        assert!(state.halt());
        assert_eq!(state.next(), Next::Disable);
        assert!(state.close());
        state.announced();
        assert_eq!(state.next(), Next::Nothing);
    }

    #[test]
    fn pnp_07_low_power_and_back() {
        let mut state = NdkState::new(true);
        assert!(state.suspend(true));
        assert_eq!(state.next(), Next::Disable);
        state.announced();
        assert!(state.suspend(false));
        assert_eq!(state.next(), Next::Enable);
        let mut off = NdkState::new(false);
        assert!(!off.suspend(true));
        assert!(!off.suspend(false));
    }
}
