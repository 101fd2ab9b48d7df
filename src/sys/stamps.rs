//! Reading with the time at which the kernel received what is read (`SO_TIMESTAMPNS`); Linux alone has it for TCP.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::net::Socket;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::turn_on;

/// The time of the last read, and room for what the kernel says beside the bytes.
#[derive(Default)]
pub(super) struct Stamps {
    pub(super) last: Option<Duration>,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    control: linux::Control,
}

/// Has the kernel keep the times of what comes; a listener hands it down to its connections.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn turn_on(_: &impl AsFd) -> io::Result<()> {
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Stamps {
    pub(super) fn read(&mut self, socket: &mut Socket, bytes: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut **socket, bytes)
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;

    use super::{AsFd, Duration, Socket, Stamps, io};

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
