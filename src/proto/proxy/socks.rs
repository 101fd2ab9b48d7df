//! SOCKS5 (RFC 1928), with user and password (RFC 1929).

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{ProxyError, SocksReply};
use crate::proto::{Credentials, Misuse};

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Waits for the proxy's next answer.
pub(super) struct Socks {
    awaited: Awaited,
    /// What has come of that answer; at most 262 bytes, a reply with the longest name.
    answer: Vec<u8>,
    credentials: Option<Credentials>,
    /// Sent once the proxy has chosen a method and is content.
    request: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// The choice of a method.
    Method,
    /// Whether the credentials are good.
    Verdict,
    /// Whether the proxy has connected.
    Reply,
}

impl Socks {
    pub(super) fn start(
        host: &str,
        port: u16,
        credentials: Option<&Credentials>,
        output: &mut Vec<u8>,
    ) -> Result<Self, Misuse> {
        let request = request(host, port)?;
        if let Some((user, password)) = credentials.map(Credentials::parts)
            && (user.is_empty() || user.len() > 255 || password.len() > 255)
        {
            return Err(Misuse::InvalidCredentials);
        }
        // RFC 1928 section 3.
        match credentials {
            None => output.extend([VERSION, 1, NO_CREDENTIALS]),
            Some(_) => output.extend([VERSION, 2, NO_CREDENTIALS, USER_AND_PASSWORD]),
        }
        Ok(Self {
            awaited: Awaited::Method,
            answer: Vec::new(),
            credentials: credentials.cloned(),
            request,
        })
    }

    /// Takes bytes; gives how many were the proxy's, and whether the tunnel stands.
    pub(super) fn read(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<(usize, bool), ProxyError> {
        let mut consumed = 0;
        loop {
            let missing = self.len() - self.answer.len();
            let new = &bytes[consumed..];
            let count = missing.min(new.len());
            self.answer.extend_from_slice(&new[..count]);
            consumed += count;
            if count < missing {
                return Ok((consumed, false));
            }
            if self.step(output)? {
                return Ok((consumed, true));
            }
        }
    }

    /// How long the answer is, as far as can be told from what has come of it.
    fn len(&self) -> usize {
        match (self.awaited, self.answer.as_slice()) {
            (Awaited::Method | Awaited::Verdict, _) => 2,
            // Version, reply, a reserved byte, the kind of address, and a byte more, which may be a name's length. A
            // reply that is no success may end sooner.
            (Awaited::Reply, []) => 1,
            (Awaited::Reply, [_]) => 2,
            (Awaited::Reply, [_, _, _, IPV4, _, ..]) => 4 + 4 + 2,
            (Awaited::Reply, [_, _, _, IPV6, _, ..]) => 4 + 16 + 2,
            (Awaited::Reply, [_, _, _, _, len, ..]) => 4 + 1 + usize::from(*len) + 2,
            (Awaited::Reply, _) => 5,
        }
    }

    /// Looks at the answer, of which `len` bytes are there. True if it was the last.
    fn step(&mut self, output: &mut Vec<u8>) -> Result<bool, ProxyError> {
        match (self.awaited, self.answer.as_slice()) {
            (Awaited::Method, [VERSION, NO_CREDENTIALS]) => self.send_request(output),
            (Awaited::Method, [VERSION, USER_AND_PASSWORD]) => {
                let Some((user, password)) = self.credentials.as_ref().map(Credentials::parts) else {
                    return Err(ProxyError::Malformed);
                };
                // RFC 1929 section 2. The lengths were checked.
                output.extend([1, user.len() as u8]);
                output.extend_from_slice(user.as_bytes());
                output.push(password.len() as u8);
                output.extend_from_slice(password.as_bytes());
                self.await_next(Awaited::Verdict);
            }
            (Awaited::Method, [VERSION, NO_METHOD]) => {
                return Err(match self.credentials {
                    None => ProxyError::CredentialsMissing,
                    Some(_) => ProxyError::NoAcceptableMethod,
                });
            }
            (Awaited::Method, _) => return Err(ProxyError::Malformed),
            // Some proxies don't say 1 but 5 for the version.
            (Awaited::Verdict, [_, 0]) => self.send_request(output),
            (Awaited::Verdict, _) => return Err(ProxyError::CredentialsRefused),
            (Awaited::Reply, [VERSION]) => {}
            (Awaited::Reply, [VERSION, 0, rest @ ..]) => {
                if let [_, kind, ..] = rest
                    && ![IPV4, NAME, IPV6].contains(kind)
                {
                    return Err(ProxyError::Malformed);
                }
                return Ok(rest.len() > 3 && self.answer.len() == self.len());
            }
            (Awaited::Reply, [VERSION, reply, ..]) => return Err(ProxyError::Socks(SocksReply::of(*reply))),
            (Awaited::Reply, _) => return Err(ProxyError::Malformed),
        }
        Ok(false)
    }

    fn send_request(&mut self, output: &mut Vec<u8>) {
        output.append(&mut self.request);
        self.await_next(Awaited::Reply);
    }

    fn await_next(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.answer.clear();
    }
}

/// The request to connect (RFC 1928 section 4).
fn request(host: &str, port: u16) -> Result<Vec<u8>, Misuse> {
    let mut request = alloc::vec![VERSION, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend(ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend(ip.octets());
        }
        Err(_) => {
            let len = u8::try_from(host.len()).ok().filter(|len| *len > 0);
            request.extend([NAME, len.ok_or(Misuse::InvalidHost)?]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    Ok(request)
}

impl SocksReply {
    const fn of(number: u8) -> Self {
        match number {
            1 => Self::Failure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cutting::{outcome, talk};
    use super::super::{ProxyError, SocksReply, Tunnel};
    use super::*;
    use crate::proto::Limits;

    fn open() -> Tunnel {
        Tunnel::socks5("example.com", 443, None).unwrap()
    }

    fn with_credentials() -> Tunnel {
        Tunnel::socks5("::1", 80, Some(&Credentials::new("user", "pw"))).unwrap()
    }

    const GREETING: &[u8] = b"\x05\x01\x00";
    const REQUEST: &[u8] = b"\x05\x01\x00\x03\x0bexample.com\x01\xbb";

    #[test]
    fn replies_with_all_kinds_of_address_at_every_cut() {
        for address in [
            &b"\x01\x7f\0\0\x01"[..],
            b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
            b"\x03\0",
            b"\x03\x05where",
        ] {
            let answer = [&b"\x05\0\x05\0\0"[..], address, b"\x12\x34"].concat();
            let input = [&answer, &b"\x05the server's"[..]].concat();
            let (consumed, established, written) = outcome(open, &input, &Limits::default()).unwrap();
            assert_eq!((consumed, established), (answer.len(), true), "{address:?}");
            assert_eq!(written, [GREETING, REQUEST].concat());
        }
    }

    #[test]
    fn user_and_password_are_given_if_they_are_asked_for() {
        let rest = b"\x05\0\0\x01\0\0\0\0\0\0";
        let request = b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50";
        for (choice, verdict, said) in [
            (b"\x05\x02", &b"\x01\0"[..], &b"\x01\x04user\x02pw"[..]),
            (b"\x05\0", b"", b""),
        ] {
            let input = [&choice[..], verdict, rest].concat();
            let (_, established, written) = outcome(with_credentials, &input, &Limits::default()).unwrap();
            assert!(established);
            assert_eq!(written, [b"\x05\x02\0\x02", said, request].concat());
        }
        for (host, user, password, misuse) in [
            ("a", "", "pw", Misuse::InvalidCredentials),
            ("a", "user", &*"x".repeat(256), Misuse::InvalidCredentials),
            ("", "user", "pw", Misuse::InvalidHost),
            (&*"x".repeat(256), "user", "pw", Misuse::InvalidHost),
        ] {
            let credentials = Credentials::new(user, password);
            assert_eq!(Tunnel::socks5(host, 1, Some(&credentials)).unwrap_err(), misuse);
        }
    }

    #[test]
    fn refusals_are_named() {
        let no = |tunnel: fn() -> Tunnel, input: &[u8]| outcome(tunnel, input, &Limits::default()).unwrap_err();
        assert_eq!(no(open, b"\x05\xff"), ProxyError::CredentialsMissing);
        assert_eq!(no(with_credentials, b"\x05\xff"), ProxyError::NoAcceptableMethod);
        assert_eq!(
            no(with_credentials, b"\x05\x02\x01\x01"),
            ProxyError::CredentialsRefused
        );
        // The reply may end here.
        assert_eq!(
            no(open, b"\x05\0\x05\x05"),
            ProxyError::Socks(SocksReply::ConnectionRefused)
        );
        assert_eq!(
            no(open, b"\x05\0\x05\x77\0\x01"),
            ProxyError::Socks(SocksReply::Other(0x77))
        );
        for garbage in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\x04\0",
            b"\x05\x02",
            b"\x05\0H",
            b"\x05\0\x05\0\0\x02\0",
        ] {
            assert_eq!(no(open, garbage), ProxyError::Malformed, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_no_cut_matters(
            input in proptest::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..300),
            begun in any::<bool>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let begin: &[u8] = if begun { b"\x05\0\x05\0\0" } else { b"" };
            let input = [begin, &input].concat();
            for tunnel in [open, with_credentials] {
                let whole = talk(tunnel(), &input, &[], &Limits::default());
                let cut = [cut.index(input.len() + 1)];
                prop_assert_eq!(talk(tunnel(), &input, &cut, &Limits::default()), whole);
            }
        }
    }
}
