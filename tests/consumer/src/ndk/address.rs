//! Addresses of both families.

use ndkpi_sys::{
    AF_INET, AF_INET6, IN_ADDR, IN6_ADDR, PSOCKADDR, SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_IN6__bindgen_ty_1,
    SOCKADDR_INET, ULONG,
};
use ndktest_api::Target;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families.
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// Bytes of a socket address of this family.
    pub fn length(self) -> ULONG {
        match self {
            Family::V4 => size_of::<SOCKADDR_IN>() as ULONG,
            Family::V6 => size_of::<SOCKADDR_IN6>() as ULONG,
        }
    }
}

/// A socket address with its length, ready for a call.
#[derive(Clone, Copy)]
pub struct Address {
    socket: SOCKADDR_INET,
    length: ULONG,
}

impl Address {
    /// The address that a request gives for an adapter; none if it gives none.
    pub fn of(target: &Target, family: Family, port: u16) -> Option<Self> {
        match family {
            Family::V4 => (target.ipv4 != [0; 4]).then(|| Self::v4(target.ipv4, port)),
            Family::V6 => (target.ipv6 != [0; 16]).then(|| Self::v6(target.ipv6, target.ipv6_scope, port)),
        }
    }

    /// An IPv4 address; all in the order of the network but the port, which is a number.
    pub fn v4(address: [u8; 4], port: u16) -> Self {
        let mut sin = SOCKADDR_IN { sin_family: AF_INET, sin_port: port.to_be(), ..SOCKADDR_IN::default() };
        let mut inner = IN_ADDR::default();
        inner.S_un.S_addr = u32::from_ne_bytes(address);
        sin.sin_addr = inner;
        let mut socket = SOCKADDR_INET::default();
        socket.Ipv4 = sin;
        Self { socket, length: Family::V4.length() }
    }

    /// An IPv6 address likewise.
    pub fn v6(address: [u8; 16], scope: u32, port: u16) -> Self {
        let mut inner = IN6_ADDR::default();
        inner.u.Byte = address;
        let socket = SOCKADDR_INET {
            Ipv6: SOCKADDR_IN6 {
                sin6_family: AF_INET6,
                sin6_port: port.to_be(),
                sin6_flowinfo: 0,
                sin6_addr: inner,
                __bindgen_anon_1: SOCKADDR_IN6__bindgen_ty_1 { sin6_scope_id: scope },
            },
        };
        Self { socket, length: Family::V6.length() }
    }

    /// Room for an answer.
    pub fn empty() -> Self {
        Self { socket: SOCKADDR_INET::default(), length: size_of::<SOCKADDR_INET>() as ULONG }
    }

    /// The same with another port.
    pub fn with_port(mut self, port: u16) -> Self {
        // Both families have the port at the same place.
        self.socket.Ipv4.sin_port = port.to_be();
        self
    }

    /// The port as a number.
    pub fn port(&self) -> u16 {
        // SAFETY: the port lies at the same place in both families, and every byte is initialised.
        u16::from_be(unsafe { self.socket.Ipv4.sin_port })
    }

    /// For a call; a call that only reads leaves it as it is.
    pub fn as_ptr(&mut self) -> PSOCKADDR {
        (&raw mut self.socket).cast()
    }

    /// The length that goes with it.
    pub fn length(&self) -> ULONG {
        self.length
    }

    /// Where a call writes the length.
    pub fn length_mut(&mut self) -> &mut ULONG {
        &mut self.length
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Address {
    // Family, port, address bytes, scope.
    fn key(&self) -> (u16, u16, [u8; 16], u32) {
        // SAFETY: every byte of the union is initialised, and the parts are plain numbers.
        let (family, sin, sin6) = unsafe { (self.socket.si_family, self.socket.Ipv4, self.socket.Ipv6) };
        if family == AF_INET {
            let mut bytes = [0; 16];
            // SAFETY: as above.
            let address = unsafe { sin.sin_addr.S_un.S_addr };
            for (target, byte) in bytes.iter_mut().zip(address.to_ne_bytes()) {
                *target = byte;
            }
            return (family, sin.sin_port, bytes, 0);
        }
        // SAFETY: as above.
        let (bytes, scope) = unsafe { (sin6.sin6_addr.u.Byte, sin6.__bindgen_anon_1.sin6_scope_id) };
        (family, sin6.sin6_port, bytes, scope)
    }
}
