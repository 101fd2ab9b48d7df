//! What a proxy answers, however it is cut.

use alloc::vec::Vec;

use super::driver;
use super::plan::{pieces, scattered};
use crate::proto::{Credentials, ProxyError, Tunnel};

/// How many bytes were the proxy's, whether the tunnel stands, and what the proxy was told; or why there is none.
type Outcome = Result<(usize, bool, Vec<u8>), ProxyError>;

/// The first byte chooses the kind of proxy and whether there are credentials, and seeds the cuts.
pub(super) fn check(choice: u8, answer: &[u8]) {
    let bytewise: Vec<usize> = (1..answer.len()).collect();
    let whole = talk(choice, answer, &[]);
    for cuts in [bytewise, scattered(answer.len(), choice)] {
        assert_eq!(talk(choice, answer, &cuts), whole, "{cuts:?}");
    }
    if let Ok((consumed, established, _)) = whole {
        assert!(established || consumed == answer.len());
        // What the server sends behind it changes nothing.
        if established {
            let longer = [answer, b"\r\n\r\n\x05"].concat();
            assert_eq!(talk(choice, &longer, &[]), whole);
            assert!(matches!(talk(choice, &answer[..consumed - 1], &[]), Ok((_, false, _))));
        }
    }
}

fn talk(choice: u8, answer: &[u8], cuts: &[usize]) -> Outcome {
    let credentials = Credentials::new("user", "password");
    let credentials = (choice & 2 != 0).then_some(&credentials);
    let mut tunnel = if choice & 1 == 0 {
        Tunnel::http("example.com", 443, credentials).unwrap()
    } else {
        Tunnel::socks5("example.com", 443, credentials).unwrap()
    };
    let limits = driver::config().limits;
    let (mut consumed, mut told) = (0, Vec::new());
    for piece in pieces(answer, cuts) {
        let count = tunnel.handle_bytes(piece, &limits)?;
        consumed += count;
        told.extend_from_slice(tunnel.poll_transmit());
        tunnel.transmitted(tunnel.poll_transmit().len());
        assert!(tunnel.is_established() || count == piece.len());
    }
    Ok((consumed, tunnel.is_established(), told))
}
