//! The pause state machine of the Ethernet data path: `MP-STATE-*`, `MP-PAUSE-*`, `MP-REST-*`.
//!
//! ```text
//!            restart                      pause, nothing out
//!  Paused ------------> Running ---------------------------> Paused
//!                          | pause, NBLs out
//!                          v             last one back
//!                       Pausing -------------------------> Paused, and the pause completes
//! ```
//! One count covers everything that must be over before a pause completes: sends that NDIS gave us,
//! and receive NBLs from the moment they are queued until they are returned (`MP-RX-09`). The owner
//! keeps this under one lock, so the count reaching zero and the step to Pausing cannot miss each
//! other (`MP-PAUSE-04`).

/// Why the data path takes nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Paused or pausing.
    Paused,
    /// In a low-power state.
    LowPower,
    /// Surprise-removed.
    Removed,
}

/// How a pause went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Pause {
    /// Nothing was out: paused now.
    Done,
    /// It completes when the last NBL is back.
    Pending,
}

/// What the owner does after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum After {
    /// Nothing.
    Nothing,
    /// Complete the pause that is pending, once unlocked.
    CompletePause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Paused,
    Running,
    Pausing,
}

/// The state of one adapter's data path.
#[derive(Debug)]
pub struct DataPath {
    state: State,
    low_power: bool,
    removed: bool,
    /// NBLs that a pause waits for.
    out: u64,
}

impl DataPath {
    /// As it is after initialisation: Paused (`MP-INIT-05`).
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::Paused, low_power: false, removed: false, out: 0 }
    }

    /// Takes `count` NBLs in.
    ///
    /// # Errors
    /// Why they are refused (`MP-TX-12`).
    pub fn enter(&mut self, count: u64) -> Result<(), Refusal> {
        self.open()?;
        self.out += count;
        Ok(())
    }

    /// A call into NDIS is about to be made: a pause waits until it has returned (`MP-PAUSE-01`), which
    /// is told by [`DataPath::leave`].
    pub const fn call(&mut self) {
        self.out += 1;
    }

    /// Whether NBLs would be taken in.
    ///
    /// # Errors
    /// Why not.
    pub const fn open(&self) -> Result<(), Refusal> {
        if self.removed {
            Err(Refusal::Removed)
        } else if self.low_power {
            Err(Refusal::LowPower)
        } else if matches!(self.state, State::Running) {
            Ok(())
        } else {
            Err(Refusal::Paused)
        }
    }

    /// `count` NBLs are done with: completed, returned or dropped.
    pub fn leave(&mut self, count: u64) -> After {
        self.out = self.out.saturating_sub(count);
        if self.out == 0 && self.state == State::Pausing {
            self.state = State::Paused;
            return After::CompletePause;
        }
        After::Nothing
    }

    /// MiniportPause.
    pub const fn pause(&mut self) -> Pause {
        if self.out == 0 {
            self.state = State::Paused;
            Pause::Done
        } else {
            self.state = State::Pausing;
            Pause::Pending
        }
    }

    /// MiniportRestart; NDIS calls it in Paused only.
    pub const fn restart(&mut self) {
        self.state = State::Running;
    }

    /// OID_PNP_SET_POWER.
    pub const fn set_low_power(&mut self, low: bool) {
        self.low_power = low;
    }

    /// The surprise removal was announced.
    pub const fn remove(&mut self) {
        self.removed = true;
    }

    /// How many NBLs a pause would wait for.
    #[must_use]
    pub const fn out(&self) -> u64 {
        self.out
    }
}

impl Default for DataPath {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> DataPath {
        let mut path = DataPath::new();
        path.restart();
        path
    }

    #[test]
    fn mp_state_01_nothing_before_restart() {
        assert_eq!(DataPath::new().enter(1), Err(Refusal::Paused));
        assert_eq!(running().enter(1), Ok(()));
    }

    #[test]
    fn mp_pause_01_idle_pauses_at_once() {
        assert_eq!(running().pause(), Pause::Done);
    }

    #[test]
    fn mp_pause_03_the_last_one_out_completes_once() {
        let mut path = running();
        path.enter(3).unwrap();
        assert_eq!(path.leave(1), After::Nothing);
        assert_eq!(path.pause(), Pause::Pending);
        assert_eq!(path.enter(1), Err(Refusal::Paused));
        assert_eq!(path.leave(1), After::Nothing);
        assert_eq!(path.leave(1), After::CompletePause);
        assert_eq!(path.out(), 0);
        path.restart();
        path.enter(1).unwrap();
        assert_eq!(path.leave(1), After::Nothing);
    }

    #[test]
    fn mp_pause_01_waits_for_calls_in_progress() {
        let mut path = running();
        path.enter(1).unwrap();
        path.call();
        assert_eq!(path.pause(), Pause::Pending);
        assert_eq!(path.leave(1), After::Nothing);
        assert_eq!(path.leave(1), After::CompletePause);
    }

    #[test]
    fn mp_rest_04_again_and_again() {
        let mut path = running();
        for _ in 0..3 {
            path.enter(2).unwrap();
            assert_eq!(path.pause(), Pause::Pending);
            assert_eq!(path.leave(2), After::CompletePause);
            path.restart();
        }
    }

    #[test]
    fn mp_tx_12_removed_comes_before_low_power_before_paused() {
        let mut path = DataPath::new();
        path.set_low_power(true);
        assert_eq!(path.open(), Err(Refusal::LowPower));
        path.remove();
        assert_eq!(path.open(), Err(Refusal::Removed));
        let mut path = running();
        path.set_low_power(true);
        assert_eq!(path.open(), Err(Refusal::LowPower));
        path.set_low_power(false);
        assert_eq!(path.open(), Ok(()));
    }
}
