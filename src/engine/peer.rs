//! A peer's address in 19 bytes, where [`SocketAddr`] takes 32: every idle connection has one. That of a Unix socket has
//! no name worth keeping: clients don't bind theirs.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::error::Misuse;
use super::seam::Address;

/// Where the scope is kept. Only link-local addresses (`fe80::/10`) have one, and RFC 4291 section 2.5.6 makes their bits
/// from the 11th to the 64th zero.
const SCOPE: std::ops::Range<usize> = 2..6;

/// An address that may not be known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// Of a link-local IPv6 address, the scope stands in bytes that such an address has no use for (see `SCOPE`).
    ip: [u8; 16],
    port: [u8; 2],
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    V4,
    V6,
    Unix,
}

impl Peer {
    pub(super) const UNKNOWN: Self = Self {
        ip: [0; 16],
        port: [0; 2],
        kind: Kind::Unknown,
    };

    /// The address, without an IPv6 address's flow label, which is no part of who the peer is.
    pub(super) fn addr(&self) -> Result<SocketAddr, Misuse> {
        let port = u16::from_be_bytes(self.port);
        match self.kind {
            Kind::Unknown => Err(Misuse::NotConnected),
            Kind::Unix => Err(Misuse::UnixSocket),
            Kind::V4 => {
                let [a, b, c, d, ..] = self.ip;
                Ok(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port)))
            }
            Kind::V6 => {
                let mut ip = self.ip;
                let mut scope_id = [0; 4];
                if Ipv6Addr::from(ip).is_unicast_link_local() {
                    scope_id.copy_from_slice(&ip[SCOPE]);
                    ip[SCOPE].fill(0);
                }
                let scope_id = u32::from_be_bytes(scope_id);
                Ok(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, scope_id).into())
            }
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        let mut peer = Self {
            port: addr.port().to_be_bytes(),
            ..Self::UNKNOWN
        };
        match addr {
            SocketAddr::V4(addr) => {
                peer.kind = Kind::V4;
                peer.ip[..4].copy_from_slice(&addr.ip().octets());
            }
            SocketAddr::V6(addr) => {
                peer.kind = Kind::V6;
                peer.ip = addr.ip().octets();
                if addr.ip().is_unicast_link_local() {
                    peer.ip[SCOPE].copy_from_slice(&addr.scope_id().to_be_bytes());
                }
            }
        }
        peer
    }
}

impl From<&Address> for Peer {
    fn from(address: &Address) -> Self {
        match address {
            Address::Inet(addr) => Self::from(*addr),
            Address::Unix(_) => Self {
                kind: Kind::Unix,
                ..Self::UNKNOWN
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_out_as_they_went_in() {
        assert_eq!(Peer::UNKNOWN.addr(), Err(Misuse::NotConnected));
        let unix = Address::Unix("/run/x.sock".into());
        assert_eq!(Peer::from(&unix).addr(), Err(Misuse::UnixSocket));
        for text in [
            "127.0.0.1:1",
            "255.1.2.3:65535",
            "[::1]:80",
            "[fe80::1%7]:9001",
            "[febf::2]:9002",
            "[fec0:1:2:3::2]:9002",
            "[::ffff:1.2.3.4]:5",
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(Peer::from(addr).addr(), Ok(addr), "{text}");
        }
        assert_eq!(size_of::<Peer>(), 19);
    }
}
