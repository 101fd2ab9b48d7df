//! [`Prepared`]: a message that is encoded once for all who get it, and compressed once for all who agreed on the same.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::compression::Variants;
use super::connection::Connection;
use super::output::SharedMemory;
use super::wire::header::{self, Opcode};
use super::{Entropy, Message, Misuse};

/// A frame up to this long is copied: a reference to it would take as much memory, and more time.
const COPIED_BYTES: usize = 512;

/// A message for many receivers: encoded when it is made, compressed when the first connection asks that agreed on
/// compression, once for each setting of the compressor; and none of that is copied for a receiver, whose queue refers to
/// it. A clone is the same message.
///
/// Only servers can share: a client masks each frame with a key of its own (RFC 6455 section 5.3), so for it the message
/// is copied.
///
/// ```
/// # use std::sync::Arc;
/// # use wsloop::proto::{Config, Connection, Entropy, Instant, Misuse, Prepared, Side};
/// # struct Fixed;
/// # impl Entropy for Fixed { fn fill(&mut self, bytes: &mut [u8]) { bytes.fill(7); } }
/// let news = Prepared::new("Hello");
/// for _ in 0..3 {
///     let mut connection = Connection::opened(Side::Server, Arc::new(Config::default()));
///     connection.send_prepared(&news, &mut Fixed)?;
///     assert_eq!(connection.poll_transmit(Instant::ZERO, &mut Fixed), b"\x81\x05Hello");
/// }
/// # Ok::<(), Misuse>(())
/// ```
#[derive(Clone)]
pub struct Prepared(Arc<Inner>);

struct Inner {
    is_text: bool,
    /// The frame of a server.
    frame: SharedMemory,
    /// Where in it the payload begins.
    payload_at: usize,
    compressed: Variants,
}

impl Prepared {
    /// Encodes a message, which is copied once.
    #[must_use]
    pub fn new<'m>(message: impl Into<Message<'m>>) -> Self {
        let message = message.into();
        let (is_text, payload) = (message.is_text(), message.as_bytes());
        Self(Arc::new(Inner {
            is_text,
            frame: encode(header::first_byte(opcode(is_text), true, false), payload),
            payload_at: header::encoded_bytes(payload.len(), false),
            compressed: Variants::default(),
        }))
    }

    /// The message.
    #[must_use]
    pub fn as_message(&self) -> Message<'_> {
        let frame = (*self.0.frame).as_ref();
        Message::from_validated(self.0.is_text, frame.get(self.0.payload_at..).unwrap_or_default())
    }

    /// Length of the payload, in bytes, as it is before compression.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_message().len()
    }

    /// Whether the payload is empty; an empty message is a message all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Prepared").field(&self.as_message()).finish()
    }
}

impl Connection {
    /// As [`send`](Self::send), for a message that many get. A long one is not copied: the connection refers to it until
    /// it is sent ([`transmit_slices`](Self::transmit_slices)).
    ///
    /// It is compressed without regard to what went before, since each receiver was sent something else before; and it
    /// goes out as it is if that makes it no shorter.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, prepared: &Prepared, entropy: &mut impl Entropy) -> Result<(), Misuse> {
        let message = prepared.as_message();
        if self.side.masks() {
            return self.send(message, entropy);
        }
        self.check_may_send()?;
        self.check_room(message.len())?;
        let Inner {
            is_text,
            frame,
            compressed,
            ..
        } = &*prepared.0;
        let first = header::first_byte(opcode(*is_text), true, true);
        let shorter = self
            .compression
            .variant(compressed, message.as_bytes(), |payload| encode(first, payload));
        let frame = shorter.as_ref().unwrap_or(frame);
        let bytes = (**frame).as_ref();
        if bytes.len() <= COPIED_BYTES {
            self.output.append(bytes.len()).extend_from_slice(bytes);
        } else {
            self.output.append_shared(frame, 0..bytes.len());
        }
        Ok(())
    }
}

const fn opcode(is_text: bool) -> Opcode {
    if is_text { Opcode::Text } else { Opcode::Binary }
}

/// A server's frame that begins with the byte `first`.
fn encode(first: u8, payload: &[u8]) -> SharedMemory {
    let mut frame = Vec::with_capacity(header::encoded_bytes(payload.len(), false) + payload.len());
    header::encode(&mut frame, first, payload.len(), None);
    frame.extend_from_slice(payload);
    Arc::new(frame)
}
