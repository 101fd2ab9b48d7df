//! Attempts to connect to several addresses, staggered, of which the first to succeed wins (RFC 8305 section 5).

use std::io;
use std::time::Duration;
use std::vec::Vec;

use super::super::core::Core;
use super::super::error::IoFailure;
use super::super::id::{ATTEMPTS_MAX, StreamId};
use super::super::seam::{Address, SocketOptions, Sys};
use crate::proto::Instant;

/// The attempts of one dial.
pub(super) struct Attempts<K> {
    /// Addresses not tried yet, the next one last.
    waiting: Vec<Address>,
    /// Those under way, the oldest first; at most [`ATTEMPTS_MAX`].
    under_way: Vec<Attempt<K>>,
    /// Why the last one that failed did.
    failed: Option<(Address, IoFailure)>,
    /// When the next one is due if those before have come to nothing.
    next: Instant,
}

struct Attempt<K> {
    /// Its number in the token, which no other attempt under way has.
    number: u8,
    address: Address,
    socket: K,
}

/// What became of an attempt that its socket had news of.
pub(super) enum Progress<K> {
    /// Nothing yet.
    Pending,
    /// It failed.
    Failed,
    /// It is the connection; the others are closed.
    Connected { number: u8, address: Address, socket: K },
}

impl<K> Attempts<K> {
    /// None.
    pub(super) const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            under_way: Vec::new(),
            failed: None,
            next: Instant::ZERO,
        }
    }

    /// Attempts to connect to `addresses`, which come in the order of the system's preference.
    pub(super) fn to(addresses: Vec<Address>) -> Self {
        let mut waiting = interleaved(addresses);
        waiting.reverse();
        Self { waiting, ..Self::new() }
    }

    /// Begins the next attempt, and goes on until one has begun. False if none is under way and none can be begun.
    pub(super) fn begin<S: Sys<Socket = K>>(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        options: &SocketOptions,
        delay: Duration,
    ) -> bool {
        while let Some(address) = self.waiting.pop() {
            if self.under_way.len() == ATTEMPTS_MAX {
                let oldest = self.under_way.remove(0);
                core.sys.close(oldest.socket);
                self.failed = Some((oldest.address, io::Error::from(io::ErrorKind::TimedOut).into()));
            }
            let number = self.free_number();
            match core.sys.connect(id.attempt(number), &address, options) {
                Ok(socket) => {
                    self.under_way.push(Attempt {
                        number,
                        address,
                        socket,
                    });
                    self.next = core.now + delay;
                    return true;
                }
                Err(error) => self.failed = Some((address, error.into())),
            }
        }
        !self.under_way.is_empty()
    }

    /// The lowest number that no attempt under way has; there is one as long as there is room for an attempt.
    fn free_number(&self) -> u8 {
        let taken = |number: &u8| self.under_way.iter().any(|attempt| attempt.number == *number);
        (0..ATTEMPTS_MAX as u8)
            .find(|number| !taken(number))
            .unwrap_or_default()
    }

    /// The socket of the attempt called `number` says that it may have come to an end.
    pub(super) fn handle_news<S: Sys<Socket = K>>(&mut self, core: &mut Core<S>, number: u8) -> Progress<K> {
        let Some(place) = self.under_way.iter().position(|attempt| attempt.number == number) else {
            return Progress::Pending;
        };
        match core.sys.connected(&mut self.under_way[place].socket) {
            Ok(()) => {
                let Attempt {
                    number,
                    address,
                    socket,
                } = self.under_way.remove(place);
                self.close(core);
                Progress::Connected {
                    number,
                    address,
                    socket,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Pending,
            Err(error) => {
                let Attempt { address, socket, .. } = self.under_way.remove(place);
                core.sys.close(socket);
                self.failed = Some((address, error.into()));
                Progress::Failed
            }
        }
    }

    /// When the next attempt is due; `None` if there is no address left.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    /// Why the last attempt that failed did.
    pub(super) fn take_failed(&mut self) -> Option<(Address, IoFailure)> {
        self.failed.take()
    }

    /// Gives all attempts up.
    pub(super) fn close<S: Sys<Socket = K>>(&mut self, core: &mut Core<S>) {
        self.waiting.clear();
        for attempt in self.under_way.drain(..) {
            core.sys.close(attempt.socket);
        }
    }
}

/// The addresses with the two families taking turns, as long as there are some of both; the family of the first goes
/// first (RFC 8305 section 4, with a First Address Family Count of 1).
fn interleaved(addresses: Vec<Address>) -> Vec<Address> {
    let count = addresses.len();
    let first_is_v6 = addresses.first().is_some_and(is_v6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| is_v6(address) == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::with_capacity(count);
    while mixed.len() < count {
        mixed.extend(first.next());
        mixed.extend(second.next());
    }
    mixed
}

fn is_v6(address: &Address) -> bool {
    address.socket_addr().is_some_and(|addr| addr.is_ipv6())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<Address> {
        let parse = |text: &&str| Address::from(text.parse::<SocketAddr>().unwrap());
        texts.iter().map(parse).collect()
    }

    #[test]
    fn families_take_turns() {
        for (given, tried) in [
            (&[][..], &[][..]),
            (&["[::1]:1"], &["[::1]:1"]),
            (
                &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"],
            ),
            (
                &["1.1.1.1:1", "2.2.2.2:1", "[::1]:1", "[::2]:1"],
                &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1", "[::2]:1"],
            ),
        ] {
            assert_eq!(interleaved(addresses(given)), addresses(tried));
        }
    }
}
