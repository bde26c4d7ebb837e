//! The messages of a transfer. Numbers are little-endian, as in SMB Direct.

use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout,
    little_endian::{U16, U32, U64},
};

/// Bytes of the room for one message.
pub const ROOM: usize = 128;

/// The protocol version that both sides speak.
pub const VERSION: u16 = 0x0100;

/// Private data of the connect: read depths, big-endian, each above 0 (OBS-05).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReadDepths {
    pub initiator: zerocopy::big_endian::U32,
    pub responder: zerocopy::big_endian::U32,
}

/// First message of the client.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NegotiateRequest {
    pub lowest: U16,
    pub highest: U16,
    pub reserved: U16,
    pub credits_requested: U16,
    pub preferred_send: U32,
    pub largest_receive: U32,
    pub largest_fragmented: U32,
}

/// First message of the server; its credits are the client's first ones.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NegotiateResponse {
    pub lowest: U16,
    pub highest: U16,
    pub chosen: U16,
    pub reserved: U16,
    pub credits_requested: U16,
    pub credits_granted: U16,
    pub status: U32,
    pub largest_read_write: U32,
    pub preferred_send: U32,
    pub largest_receive: U32,
    pub largest_fragmented: U32,
}

/// In front of every message after the negotiation.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    pub credits_requested: U16,
    pub credits_granted: U16,
    /// One of the `KIND_*`.
    pub kind: U16,
    pub reserved: U16,
}

/// Nothing but credits.
pub const KIND_CREDITS: u16 = 0;
/// [`Begin`].
pub const KIND_BEGIN: u16 = 1;
/// [`Offer`].
pub const KIND_OFFER: u16 = 2;
/// [`Done`].
pub const KIND_DONE: u16 = 3;
/// No more offers follow.
pub const KIND_END: u16 = 4;
/// [`Finish`].
pub const KIND_FINISH: u16 = 5;

/// A range of registered memory.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Descriptor {
    pub address: U64,
    pub token: U32,
    pub length: U32,
}

/// What the client wants to transfer.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Begin {
    pub bytes: U64,
    pub piece: U32,
    pub window: U32,
}

/// A piece: where to pull it from, where to push it to.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Offer {
    pub number: U64,
    pub source: Descriptor,
    pub sink: Descriptor,
    /// Not 0 for the last one of a window.
    pub last: U32,
    pub reserved: U32,
}

/// A piece has been pushed back.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Done {
    pub number: U64,
}

/// Hash of everything that was pulled, in order.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Finish {
    pub sha256: [u8; 32],
}

const _: () = {
    assert!(size_of::<ReadDepths>() == 8);
    assert!(size_of::<NegotiateRequest>() == 20);
    assert!(size_of::<NegotiateResponse>() == 32);
    assert!(size_of::<Header>() + size_of::<Offer>() <= ROOM);
};
