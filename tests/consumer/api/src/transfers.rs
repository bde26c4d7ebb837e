//! The transfers of the workload `staged-octets`, so that the host can count what they have to come to.

/// A kind of transfer, from the active side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Send into a receive.
    Send,
    /// RDMA Write.
    Write,
    /// RDMA Read.
    Read,
}

/// Bytes of the largest transfer.
pub const LARGEST_TRANSFER: u32 = 300_000;

/// What is transferred, in order.
pub const TRANSFERS: [(Kind, u32); 15] = [
    (Kind::Send, 1),
    (Kind::Send, 0),
    (Kind::Send, 1448),
    (Kind::Send, 1449),
    (Kind::Send, LARGEST_TRANSFER),
    (Kind::Write, 1),
    (Kind::Write, 0),
    (Kind::Write, 2896),
    (Kind::Write, 2897),
    (Kind::Write, LARGEST_TRANSFER),
    (Kind::Read, 1),
    (Kind::Read, 0),
    (Kind::Read, 1448),
    (Kind::Read, 1449),
    (Kind::Read, LARGEST_TRANSFER),
];
