//! Queue pair: its limits and its place in a connection (`QP-*`, `WR-10` to `WR-15`, `CONN-17`).
//!
//! ```text
//!          connect, accept             complete-connect, accept done
//!  Free ──────────────────► Claimed ─────────────────────────────────► Up
//!   ▲         connect failed   │                                       │ disconnect, failure, peer gone
//!   └──────────────────────────┘                                       ▼
//!                              └─────────── close ─────────────────►  Down   (for good: QP-14)
//! ```

use crate::{Failure, info::AdapterInfo};
use softndk_abi::sync::{AtomicU32, Ordering};

/// The sizes with which a QP is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QpLimits {
    /// Receives; 0 with an SRQ.
    pub receive_depth: u32,
    /// Initiator requests.
    pub initiator_depth: u32,
    /// SGEs of a receive.
    pub receive_sge: u32,
    /// SGEs of an initiator request other than Read.
    pub initiator_sge: u32,
    /// Bytes of an inline request.
    pub inline: u32,
}

impl QpLimits {
    /// Checks the sizes against the adapter's; 0 is legal for each (`QP-07`).
    ///
    /// # Errors
    /// [`Failure::InvalidParameter`] (`QP-02` to `QP-06`).
    pub const fn check(&self, info: &AdapterInfo) -> Result<(), Failure> {
        if self.receive_depth > info.max_receive_queue_depth
            || self.initiator_depth > info.max_initiator_queue_depth
            || self.receive_sge > info.max_receive_sge
            || self.initiator_sge > info.max_initiator_sge
            || self.inline > info.max_inline_data
        {
            Err(Failure::InvalidParameter)
        } else {
            Ok(())
        }
    }
}

const FREE: u32 = 0;
const CLAIMED: u32 = 1;
const UP: u32 = 2;
const DOWN: u32 = 3;
const UP_WITHOUT_READS: u32 = 4;

/// Where the QP stands in its one connection (`QP-14`).
///
/// Read without a lock by posters; changed under the connection lock.
#[derive(Debug)]
pub struct QpLink {
    state: AtomicU32,
}

impl QpLink {
    /// A QP without a connection.
    #[must_use]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(FREE) }
    }

    /// Takes the QP for a connector.
    ///
    /// # Errors
    /// [`Failure::ConnectionActive`] when another connector has it (`CONN-17`, `CONN-35`),
    /// [`Failure::ConnectionInvalid`] when its one connection is over (`QP-14`).
    pub fn claim(&self) -> Result<(), Failure> {
        match self.state.compare_exchange(FREE, CLAIMED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(DOWN) => Err(Failure::ConnectionInvalid),
            Err(_) => Err(Failure::ConnectionActive),
        }
    }

    /// Gives the QP back after an attempt that failed (`CONN-30`).
    pub fn unclaim(&self) {
        // A QP that is already down stays down.
        let _ = self.state.compare_exchange(CLAIMED, FREE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The connection stands: initiator requests are taken from now on (`WR-11`); Reads only with an
    /// effective outbound limit (`RD-07`).
    pub fn bring_up(&self, outbound_reads: u32) {
        let up = if outbound_reads == 0 { UP_WITHOUT_READS } else { UP };
        let _ = self.state.compare_exchange(CLAIMED, up, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The connection is over, whatever it was.
    pub fn bring_down(&self) {
        self.state.store(DOWN, Ordering::Release);
    }

    /// May an initiator request be posted?
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] (`WR-10`, `WR-11`, `WR-13`).
    pub fn check_initiator(&self) -> Result<(), Failure> {
        match self.state.load(Ordering::Acquire) {
            UP | UP_WITHOUT_READS => Ok(()),
            _ => Err(Failure::ConnectionInvalid),
        }
    }

    /// May a Read be posted?
    ///
    /// # Errors
    /// As [`QpLink::check_initiator`]; [`Failure::InvalidDeviceRequest`] with an outbound limit of 0
    /// (`RD-07`).
    pub fn check_read(&self) -> Result<(), Failure> {
        match self.state.load(Ordering::Acquire) {
            UP => Ok(()),
            UP_WITHOUT_READS => Err(Failure::InvalidDeviceRequest),
            _ => Err(Failure::ConnectionInvalid),
        }
    }

    /// May a receive be posted? Before a connection it waits for one (`WR-12`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] once the connection is over (`WR-15`).
    pub fn check_receive(&self) -> Result<(), Failure> {
        if self.state.load(Ordering::Acquire) == DOWN { Err(Failure::ConnectionInvalid) } else { Ok(()) }
    }
}

impl Default for QpLink {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::info::SOFTNDK;

    const MOST: QpLimits = QpLimits {
        receive_depth: SOFTNDK.max_receive_queue_depth,
        initiator_depth: SOFTNDK.max_initiator_queue_depth,
        receive_sge: SOFTNDK.max_receive_sge,
        initiator_sge: SOFTNDK.max_initiator_sge,
        inline: SOFTNDK.max_inline_data,
    };

    #[test]
    fn qp_02_to_qp_07_limits_are_exact() {
        assert!(MOST.check(&SOFTNDK).is_ok());
        let zero = QpLimits { receive_depth: 0, initiator_depth: 0, receive_sge: 0, initiator_sge: 0, inline: 0 };
        assert!(zero.check(&SOFTNDK).is_ok());
        for over in [
            QpLimits { receive_depth: MOST.receive_depth + 1, ..MOST },
            QpLimits { initiator_depth: MOST.initiator_depth + 1, ..MOST },
            QpLimits { receive_sge: MOST.receive_sge + 1, ..MOST },
            QpLimits { initiator_sge: MOST.initiator_sge + 1, ..MOST },
            QpLimits { inline: MOST.inline + 1, ..MOST },
        ] {
            assert_eq!(over.check(&SOFTNDK), Err(Failure::InvalidParameter));
        }
    }

    #[test]
    fn qp_14_one_connection_in_its_life() {
        let link = QpLink::new();
        assert_eq!(link.check_initiator(), Err(Failure::ConnectionInvalid));
        link.claim().unwrap();
        assert_eq!(link.claim(), Err(Failure::ConnectionActive));
        link.unclaim();
        link.claim().unwrap();
        link.bring_up(1);
        assert!(link.check_initiator().is_ok() && link.check_read().is_ok() && link.check_receive().is_ok());
        link.bring_down();
        assert_eq!(link.check_initiator(), Err(Failure::ConnectionInvalid));
        assert_eq!(link.check_receive(), Err(Failure::ConnectionInvalid));
        assert_eq!(link.claim(), Err(Failure::ConnectionInvalid));
    }

    #[test]
    fn rd_07_no_reads_with_an_outbound_limit_of_zero() {
        let link = QpLink::new();
        link.claim().unwrap();
        link.bring_up(0);
        assert!(link.check_initiator().is_ok());
        assert_eq!(link.check_read(), Err(Failure::InvalidDeviceRequest));
    }
}
