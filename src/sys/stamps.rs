//! Reading with the time at which the kernel received what is read (`SO_TIMESTAMPNS`); Linux alone has it for TCP.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::net::Socket;
use crate::engine::{Address, SocketOptions};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::turn_on;

/// The time of the last read, and room for what the kernel says beside the bytes.
#[derive(Default)]
pub(super) struct Stamps {
    pub(super) last: Option<Duration>,
    /// The descriptors of sockets that ask for times, a bit each; kept here, since with each socket it would make every
    /// connection larger.
    asking: Vec<u64>,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    control: linux::Control,
}

impl Stamps {
    /// Remembers of a new socket whether it asks for times: its descriptor may have been that of another that did.
    pub(super) fn note(&mut self, socket: &Socket, address: &Address, options: &SocketOptions) {
        let (word, bit) = place(socket);
        if options.timestamps && address.socket_addr().is_some() {
            if self.asking.len() <= word {
                self.asking.resize(word + 1, 0);
            }
            self.asking[word] |= bit;
        } else if let Some(asking) = self.asking.get_mut(word) {
            *asking &= !bit;
        }
    }

    /// Whether a socket asks for times.
    pub(super) fn is_on(&self, socket: &Socket) -> bool {
        let (word, bit) = place(socket);
        self.asking.get(word).is_some_and(|asking| asking & bit != 0)
    }
}

/// Where a descriptor has its bit.
fn place(socket: &Socket) -> (usize, u64) {
    let number = socket.as_raw_fd().unsigned_abs();
    (number as usize / 64, 1 << (number % 64))
}

/// Has the kernel keep the times of what comes; a listener hands it down to its connections.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn turn_on(_: &impl AsFd) -> io::Result<()> {
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Stamps {
    pub(super) fn read(&mut self, socket: &mut Socket, bytes: &mut [u8]) -> io::Result<usize> {
        io::Read::read(socket, bytes)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io::IoSliceMut;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;

    use super::{AsFd, AsRawFd, Duration, Socket, Stamps, io};

    /// One message of two numbers of 64 bits, its header, and as much again. Aligned as the header must be.
    #[derive(Default)]
    #[repr(align(16))]
    pub(super) struct Control([[u8; 16]; 4]);

    /// Has the kernel keep the times of what comes; a listener hands it down to its connections.
    pub(in crate::sys) fn turn_on(socket: &impl AsFd) -> io::Result<()> {
        Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
    }

    impl Stamps {
        pub(in crate::sys) fn read(&mut self, socket: &mut Socket, bytes: &mut [u8]) -> io::Result<usize> {
            self.last = None;
            let mut slices = [IoSliceMut::new(bytes)];
            let control = self.control.0.as_flattened_mut();
            let received = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(control), MsgFlags::empty())?;
            // Without a time, or with more than there is room for, the bytes are as good.
            self.last = received
                .cmsgs()
                .into_iter()
                .flatten()
                .find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(time) => since_epoch(time),
                    _ => None,
                });
            Ok(received.bytes)
        }
    }

    fn since_epoch(time: TimeSpec) -> Option<Duration> {
        let (secs, nanos) = (u64::try_from(time.tv_sec()).ok()?, u32::try_from(time.tv_nsec()).ok()?);
        Some(Duration::new(secs, nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_is_used_again_asks_for_nothing() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Inet(listener.local_addr().unwrap());
        let connect = || {
            let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            Socket::from_std(socket)
        };
        let (one, two) = (connect(), connect());
        let asking = SocketOptions {
            timestamps: true,
            ..SocketOptions::default()
        };
        let mut stamps = Stamps::default();
        assert!(!stamps.is_on(&one));
        stamps.note(&one, &address, &asking);
        stamps.note(&two, &address, &SocketOptions::default());
        assert!(stamps.is_on(&one) && !stamps.is_on(&two));
        stamps.note(&one, &address, &SocketOptions::default());
        stamps.note(&two, &Address::Unix(String::new()), &asking);
        assert!(!stamps.is_on(&one) && !stamps.is_on(&two));
    }
}
