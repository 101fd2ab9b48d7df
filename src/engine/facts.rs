//! What the host can ask about a stream.

use std::net::SocketAddr;

use super::engine::Engine;
use super::error::Misuse;
use super::id::{ListenerId, StreamId};
use super::seam::Sys;

impl<S: Sys> Engine<S> {
    /// Bytes that wait to be written to a stream.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn queued_bytes(&self, stream: StreamId) -> Result<usize, Misuse> {
        Ok(self.see(stream)?.conn.queued_bytes())
    }

    /// Whether messages can be sent.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn is_open(&self, stream: StreamId) -> Result<bool, Misuse> {
        Ok(self.see(stream)?.is_open())
    }

    /// The address of a stream's peer.
    ///
    /// # Errors
    /// The stream is gone, or not connected yet; or it is a Unix socket ([`Misuse::UnixSocket`]).
    pub fn peer_addr(&self, stream: StreamId) -> Result<SocketAddr, Misuse> {
        self.see(stream)?.peer.addr()
    }

    /// The address of a stream's own end.
    ///
    /// # Errors
    /// The stream is gone, not connected yet, or not any more; or it is a Unix socket ([`Misuse::UnixSocket`]).
    pub fn local_addr_of(&mut self, stream: StreamId) -> Result<SocketAddr, Misuse> {
        let (state, core) = self.find(stream)?;
        let socket = state.socket.as_ref().ok_or(Misuse::NotConnected)?;
        let address = core.sys.local_addr(socket).map_err(|_| Misuse::NotConnected)?;
        address.socket_addr().ok_or(Misuse::UnixSocket)
    }

    /// The URL that a stream was dialled with, or the one that it was redirected to last: there it is open, or on its way
    /// to. `None` for one that was accepted or adopted.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn url(&self, stream: StreamId) -> Result<Option<&str>, Misuse> {
        Ok(self.see(stream)?.profile.url.as_deref())
    }

    /// The listener that a stream came from; `None` for one that was dialled.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn listener_of(&self, stream: StreamId) -> Result<Option<ListenerId>, Misuse> {
        Ok(self.see(stream)?.profile.listener)
    }

    /// The host's number for a stream; 0 until it is set.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn data(&self, stream: StreamId) -> Result<u64, Misuse> {
        Ok(self.see(stream)?.data)
    }

    /// Keeps a number of the host's with a stream.
    ///
    /// # Errors
    /// The stream is gone.
    pub fn set_data(&mut self, stream: StreamId, data: u64) -> Result<(), Misuse> {
        self.find(stream)?.0.data = data;
        Ok(())
    }
}
