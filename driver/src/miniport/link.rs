//! The link: always up, at one speed. The attributes say so at the start, and as nothing changes there
//! is nothing to indicate (`MP-LINK-02`); sleep keeps it, for the wire is inside the machine.

use ndkpi_sys as sys;
use softndk_nt::ndis::Status;
use softndk_nt::ndis::oid::Set;

/// Bits per second. SMB Multichannel ranks interfaces by speed and RDMA (`MP-GEN-04`): a common
/// figure of RDMA adapters, and what a copy on one core comes to.
pub const SPEED: u64 = 100_000_000_000;

/// Bytes of NDIS_LINK_PARAMETERS.
const PARAMETERS: usize = size_of::<sys::NDIS_LINK_PARAMETERS>();

/// OID_GEN_LINK_PARAMETERS: looked at and accepted; it never changes what is reported (`MP-OID-25`).
pub fn set_parameters(set: &mut Set<'_>) -> Status {
    let mut bytes = [0; PARAMETERS];
    if set.read(&mut bytes) < PARAMETERS {
        return set.wrong_length(PARAMETERS);
    }
    let [kind, revision, ..] = bytes;
    if kind != sys::NDIS_OBJECT_TYPE_DEFAULT || revision < sys::NDIS_LINK_PARAMETERS_REVISION_1 {
        return set.refuse(sys::NDIS_STATUS_INVALID_DATA, PARAMETERS);
    }
    set.done(PARAMETERS)
}
