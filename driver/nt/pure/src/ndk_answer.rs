//! The answers of the NDK OIDs, byte by byte: `OID-10` to `OID-37`, `MP-NDKOID-05` to `MP-NDKOID-09`.
//!
//! softndk speaks iWARP, which maps ND connections to TCP connections: each is listed twice, first
//! with its ND addresses and then with the TCP ones, whose other members stay zero (`OID-32`). ND
//! ports are TCP ports of the same number here.

use crate::bytes::Writer;

/// Bytes of NDIS_NDK_STATISTICS_INFO.
pub const STATISTICS: usize = 248;
/// Bytes before the entries of a list.
pub const LIST_HEAD: usize = 16;
/// Bytes of NDIS_NDK_CONNECTION_ENTRY.
pub const CONNECTION: usize = 64;
/// Bytes of NDIS_NDK_LOCAL_ENDPOINT_ENTRY.
pub const ENDPOINT: usize = 36;
/// Entries per connection or endpoint: ND and TCP.
pub const MAPPED: usize = 2;

/// An address as the lists show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// IPv4 octets and the port.
    V4([u8; 4], u16),
    /// IPv6 octets, scope id, and the port.
    V6([u8; 16], u32, u16),
}

/// The counters of NDIS_NDK_PERFORMANCE_COUNTERS that are in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NdkCounters {
    /// Connections established from this side.
    pub connect: u64,
    /// Connections established from the other side.
    pub accept: u64,
    /// Attempts that failed, of both directions.
    pub connect_failure: u64,
    /// Established connections that broke.
    pub connection_error: u64,
    /// Connections that exist now.
    pub active: u64,
    /// CQs gone to error.
    pub cq_error: u64,
    /// RDMA octets received, layer-2 overhead included.
    pub in_octets: u64,
    /// RDMA octets sent.
    pub out_octets: u64,
    /// RDMA frames received.
    pub in_frames: u64,
    /// RDMA frames sent.
    pub out_frames: u64,
}

impl NdkCounters {
    /// NDIS_NDK_STATISTICS_INFO, revision 1.
    #[must_use]
    pub fn answer(&self) -> [u8; STATISTICS] {
        let mut answer = [0; STATISTICS];
        let mut out = Writer::new(&mut answer);
        out.header(STATISTICS as u16);
        out.u32(0);
        out.u64s(&[self.connect, self.accept, self.connect_failure, self.connection_error, self.active]);
        out.u64s(&[0; 20]);
        out.u64(self.cq_error);
        out.u64s(&[self.in_octets, self.out_octets, self.in_frames, self.out_frames]);
        answer
    }
}

/// How many bytes a list of `count` connections or endpoints takes.
#[must_use]
pub const fn list_bytes(count: usize, entry: usize) -> usize {
    LIST_HEAD.saturating_add(count.saturating_mul(MAPPED).saturating_mul(entry))
}

/// Begins a list in a buffer of [`list_bytes`]: the head of NDIS_NDK_CONNECTIONS or
/// NDIS_NDK_LOCAL_ENDPOINTS for `count` connections or endpoints.
pub fn head(out: &mut Writer<'_>, count: usize, entry: usize) {
    let size = list_bytes(count, entry);
    out.header(u16::try_from(size).unwrap_or(u16::MAX));
    out.u32(0);
    out.u32(u32::try_from(count.saturating_mul(MAPPED)).unwrap_or(u32::MAX));
    out.u8(1);
    out.zeros(3);
}

/// Both entries of a connection.
pub fn connection(out: &mut Writer<'_>, local: Socket, remote: Socket) {
    for _ in 0..MAPPED {
        socket(out, local);
        socket(out, remote);
        // A kernel connection: no user-mode owner, process 0.
        out.zeros(8);
    }
}

/// Both entries of a listener or a shared endpoint.
pub fn endpoint(out: &mut Writer<'_>, local: Socket, listener: bool) {
    for tcp in [false, true] {
        socket(out, local);
        out.u8(0);
        out.u8(u8::from(listener && !tcp));
        out.zeros(6);
    }
}

/// SOCKADDR_INET: 28 bytes.
fn socket(out: &mut Writer<'_>, socket: Socket) {
    match socket {
        Socket::V4(octets, port) => {
            out.u16(2);
            out.bytes(&port.to_be_bytes());
            out.bytes(&octets);
            out.zeros(20);
        }
        Socket::V6(octets, scope, port) => {
            out.u16(23);
            out.bytes(&port.to_be_bytes());
            out.u32(0);
            out.bytes(&octets);
            out.u32(scope);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec;

    #[test]
    fn oid_11_statistics_layout() {
        let counters = NdkCounters { connect: 1, active: 5, cq_error: 25, out_frames: 29, ..NdkCounters::default() };
        let answer = counters.answer();
        assert_eq!(answer[..8], [0x80, 1, 248, 0, 0, 0, 0, 0]);
        let at = |index: usize| u64::from_le_bytes(answer[8 + index * 8..][..8].try_into().unwrap());
        assert_eq!((at(0), at(4), at(25), at(29)), (1, 5, 25, 29));
        assert!((5..25).all(|index| at(index) == 0));
    }

    #[test]
    fn oid_35_an_empty_list_is_sixteen_bytes() {
        let mut buffer = [0xaa; LIST_HEAD];
        head(&mut Writer::new(&mut buffer), 0, CONNECTION);
        assert_eq!(buffer, [0x80, 1, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn oid_31_and_32_a_connection_is_two_entries() {
        let mut buffer = vec![0xaa; list_bytes(1, CONNECTION)];
        let mut out = Writer::new(&mut buffer);
        head(&mut out, 1, CONNECTION);
        connection(&mut out, Socket::V4([10, 0, 0, 1], 445), Socket::V6([0xfe; 16], 7, 5445));
        assert_eq!(out.left(), 0);
        assert_eq!(buffer.len(), 16 + 128);
        assert_eq!(buffer[8], 2);
        assert_eq!(buffer[16..24], [2, 0, 1, 189, 10, 0, 0, 1]);
        assert_eq!(buffer[44..48], [23, 0, 0x15, 0x45]);
        assert_eq!(buffer[68..72], [7, 0, 0, 0]);
        assert_eq!(buffer[72..80], [0; 8]);
        assert_eq!(buffer[16..80], buffer[80..144]);
    }

    #[test]
    fn oid_33_and_37_endpoints() {
        let mut buffer = vec![0xaa; list_bytes(1, ENDPOINT)];
        let mut out = Writer::new(&mut buffer);
        head(&mut out, 1, ENDPOINT);
        endpoint(&mut out, Socket::V4([0; 4], 5445), true);
        assert_eq!(out.left(), 0);
        assert_eq!(buffer[16 + 28..16 + 36], [0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(buffer[52 + 28..52 + 36], [0; 8]);
    }

    #[test]
    fn oid_30_the_size_field_saturates() {
        let mut buffer = [0; LIST_HEAD];
        head(&mut Writer::new(&mut buffer), 1000, CONNECTION);
        assert_eq!(buffer[2..4], [0xff, 0xff]);
    }
}
