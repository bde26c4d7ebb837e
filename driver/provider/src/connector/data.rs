//! What a consumer may ask an end: connection data and addresses (`CONN-46` to `CONN-60`, `ADR-*`).

use super::{End, Phase};
use crate::Failure;
use softndk_abi::cm::{Address, PrivateData, ReadLimits};

/// The answer to NdkGetConnectionData.
#[derive(Debug, Clone, Copy)]
pub struct DataAnswer<'a> {
    /// The read limits as they stand.
    pub limits: ReadLimits,
    /// The private data that the peer sent.
    pub data: &'a PrivateData,
}

impl End {
    /// Limits and private data of the peer (`CONN-49`, `CONN-50`, `CONN-52`, `CONN-59`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] before the peer has said anything (`CONN-60`).
    pub fn connection_data(&self) -> Result<DataAnswer<'_>, Failure> {
        if self.has_data {
            Ok(DataAnswer { limits: self.agreed, data: &self.received })
        } else {
            Err(Failure::ConnectionInvalid)
        }
    }

    /// The local address and port (`ADR-01`, `ADR-10`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] for an idle connector (`ADR-08`).
    pub fn local_address(&self) -> Result<Address, Failure> {
        self.local.filter(|_| self.phase != Phase::Idle).ok_or(Failure::ConnectionInvalid)
    }

    /// The peer's address and port (`ADR-02`).
    ///
    /// # Errors
    /// [`Failure::ConnectionInvalid`] for an idle connector (`ADR-08`).
    pub fn peer_address(&self) -> Result<Address, Failure> {
        self.remote.filter(|_| self.phase != Phase::Idle).ok_or(Failure::ConnectionInvalid)
    }

    /// Both addresses, as the tables of connections list them.
    #[must_use]
    pub fn addresses(&self) -> Option<(Address, Address)> {
        self.local.zip(self.remote)
    }

    /// What this end has asked for, as the peer is told.
    #[must_use]
    pub const fn asked(&self) -> ReadLimits {
        self.asked
    }

    /// The limits that hold.
    #[must_use]
    pub const fn agreed(&self) -> ReadLimits {
        self.agreed
    }
}
