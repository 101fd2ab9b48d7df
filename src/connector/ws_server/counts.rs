//! What a server has done, in numbers.

/// Counts since the start. Of the events that came to be sent, `events_in = events_sent + events_failed + events_untargeted`;
/// what became of each message of those sent is told by connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::connector) struct Counts {
    /// Connections whose opening handshake succeeded.
    pub(in crate::connector) opened: u64,
    /// Of these, those that have ended.
    pub(in crate::connector) ended: u64,
    /// Requests that were refused: another path, an origin that is not allowed.
    pub(in crate::connector) refused: u64,
    /// Messages that came.
    pub(in crate::connector) messages_in: u64,
    /// Bytes of their payloads.
    pub(in crate::connector) bytes_in: u64,
    /// Events that came to be sent.
    pub(in crate::connector) events_in: u64,
    /// Of these, those that went to one connection at least, or to all (which may be none).
    pub(in crate::connector) events_sent: u64,
    /// Those that could not be made frames, or whose metadata asks for what can't be.
    pub(in crate::connector) events_failed: u64,
    /// Those that no open connection was the target of.
    pub(in crate::connector) events_untargeted: u64,
    /// Messages that the loop took for a connection.
    pub(in crate::connector) messages_out: u64,
    /// Messages that will never be sent: the peer did not read, or the connection broke.
    pub(in crate::connector) messages_dropped: u64,
}
