//! The queue of events, which the host owns, and the arena that their payloads lie in.

use std::boxed::Box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::error::{Failure, IoFailure, Misuse};
use super::id::{ListenerId, StreamId};
use super::seam::Signal;
use super::stamps::Stamps;
use super::writing::Sent;
use crate::proto::{self, Closed, Message, MessageKind, Opened, Request, SharedMemory};

/// Default size of the arena: a read from the kernel costs least in large pieces (half a MiB and more), and no more
/// than a sixteenth of the arena is filled, but by one read, before the host has its turn.
const DEFAULT_BYTES: usize = 1 << 20;

/// Smallest arena: one read must make progress through any header.
const MIN_BYTES: usize = 4 << 10;

/// Largest arena: places in it are kept in 32 bits.
const MAX_BYTES: usize = 1 << 31;

/// Events after which no more is read in the same turn. One read may pass it by what it holds.
const ENTRIES_MAX: usize = 16 << 10;

/// What happened on the streams of an engine during one [`poll`](super::Engine::poll), in order.
///
/// The queue owns the memory that sockets are read into, so that payloads can be borrowed from it while the host
/// calls the engine:
///
/// ```
/// # #[cfg(feature = "net")] {
/// use wsloop::EventLoop;
/// use wsloop::engine::{Event, Events, Misuse};
///
/// fn echo(event_loop: &mut EventLoop, events: &Events) -> Result<(), Misuse> {
///     for (stream, event) in events {
///         if let Event::Message(message) = event {
///             event_loop.send(stream, message)?;
///         }
///     }
///     Ok(())
/// }
/// # }
/// ```
///
/// When a sixteenth of the arena is filled the engine stops reading and goes on at the next poll: nothing is lost, and the
/// memory is bounded by the capacity, and by the messages that bring their own: those that are larger than a read, and
/// those that were compressed. Where compression was agreed on no more than 16 KiB are read at once, which can become
/// 16 MiB at most.
pub struct Events {
    /// What sockets are read into; here during a poll alone, and in `memory` else.
    pub(super) arena: Box<[u8]>,
    /// Shared with the engine while the host has its turn, so that what it sends from here need not be copied.
    memory: Arc<Arena>,
    /// The arena's size.
    bytes: usize,
    /// Bytes of the arena that events point into.
    pub(super) used: usize,
    pub(super) entries: Vec<Entry>,
    /// Messages that came in pieces, or compressed.
    pub(super) owned: Vec<Vec<u8>>,
    /// How many bytes they hold.
    pub(super) owned_bytes: usize,
    /// Payloads of pings and pongs.
    pub(super) control: Vec<u8>,
    pub(super) notices: Vec<Notice>,
    pub(super) stamps: Stamps,
}

/// Bytes that events point into.
#[derive(Default)]
struct Arena(Box<[u8]>);

impl AsRef<[u8]> for Arena {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// One event, as it is kept.
pub(super) struct Entry {
    pub(super) stream: StreamId,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Message {
        is_text: bool,
        place: Place,
    },
    /// An index into `owned`.
    Owned {
        is_text: bool,
        index: u32,
    },
    Chunk {
        flags: ChunkFlags,
        place: Place,
    },
    /// An index into `owned`.
    OwnedChunk {
        flags: ChunkFlags,
        index: u32,
    },
    Ping(Place),
    Pong(Place),
    RoundTrip {
        nanos: u64,
    },
    HighWater {
        queued_bytes: usize,
    },
    LowWater {
        queued_bytes: usize,
    },
    Request(Box<Request>),
    Opened(Box<Opened>),
    Closed(Box<Closed>),
    Failed(Box<Failure>),
}

/// What a chunk is, without its bytes.
#[derive(Clone, Copy)]
pub(super) struct ChunkFlags {
    kind: MessageKind,
    is_first: bool,
    is_last: bool,
}

impl ChunkFlags {
    pub(super) const fn of(chunk: &proto::Chunk<'_>) -> Self {
        Self {
            kind: chunk.kind(),
            is_first: chunk.is_first(),
            is_last: chunk.is_last(),
        }
    }

    const fn with(self, bytes: &[u8]) -> Chunk<'_> {
        Chunk {
            bytes,
            kind: self.kind,
            is_first: self.is_first,
            is_last: self.is_last,
        }
    }
}

/// Where a payload lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: u32,
    len: u32,
}

impl Place {
    /// The last `len` bytes before `end`. Both are below 2^32, as the arena's size is.
    #[inline]
    pub(super) const fn before(end: usize, len: usize) -> Self {
        Self {
            start: (end - len) as u32,
            len: len as u32,
        }
    }

    #[inline]
    fn of(self, bytes: &[u8]) -> &[u8] {
        let start = self.start as usize;
        bytes.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// A part of a message, for a stream that delivers [chunks](super::Engine::deliver_chunks).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The bytes, as they came: a text may be cut within a character, and is valid as a whole. Only a message's last chunk
    /// may be empty.
    pub bytes: &'a [u8],
    /// What the message is.
    pub kind: MessageKind,
    /// The message begins here.
    pub is_first: bool,
    /// The message ends here.
    pub is_last: bool,
}

/// What happened on a stream.
///
/// Per stream the host sees `Request? Opened? Message* (Closed | Failed)`, the last exactly once; pings, pongs, round trips and
/// water marks come in between, and chunks instead of messages where the stream delivers those. The stream's id is good
/// until the poll after its last event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client asks to open the stream; now [`accept`](super::Engine::accept) or [`refuse`](super::Engine::refuse).
    /// Comes only if the listener's options ask for it.
    Request(&'a Request),
    /// The stream is open: messages may be sent.
    Opened(&'a Opened),
    /// A whole message.
    Message(Message<'a>),
    /// A part of a message; comes only if the stream [delivers chunks](super::Engine::deliver_chunks).
    Chunk(Chunk<'a>),
    /// A ping, which is answered without the host's doing; comes only if the options ask for control events.
    Ping(&'a [u8]),
    /// A pong; comes only if the options ask for control events.
    Pong(&'a [u8]),
    /// A ping of the engine's own was answered: one of [`KeepAlive`](super::KeepAlive), or asked for by
    /// [`measure_round_trip`](super::Engine::measure_round_trip).
    RoundTrip {
        /// From when the ping was sent, or queued behind what the peer was slow to take, until its pong was read.
        time: Duration,
    },
    /// More bytes wait to be sent than the stream's high-water mark, after as much was written as the system took.
    HighWater {
        /// Bytes that wait.
        queued_bytes: usize,
    },
    /// The queue is down to the low-water mark. It comes after [`Event::HighWater`], or after a `send` that answered
    /// [`Sent::AboveHighWater`](super::Sent::AboveHighWater).
    LowWater {
        /// Bytes that still wait.
        queued_bytes: usize,
    },
    /// The end: both sides have sent their Close, or this side's answer leaves at the next poll. Until that poll
    /// messages can still be sent, unless the Close of this side has been.
    Closed(&'a Closed),
    /// The end, of any other kind.
    Failed(&'a Failure),
}

/// What happened that belongs to no stream.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Another thread called [`Handle::wake`](super::Handle::wake).
    Woken,
    /// The process was asked to stop.
    Signal(Signal),
    /// The process was asked to read again what it was configured by: certificates, say. A system tells only if it was asked
    /// to (`MioSys::watch_reload`).
    Reload,
    /// A file or standard stream that would have blocked may be ready.
    Files,
    /// The system has no more room for connections (open files, most often). The listener accepts none for a tenth of
    /// a second and then tries again.
    ListenerPaused {
        /// The listener.
        listener: ListenerId,
        /// What the system said.
        error: IoFailure,
    },
    /// A message given through a [`Handle`](super::Handle) found no room in the stream's queue.
    MessageNotQueued {
        /// The stream that it was for.
        stream: StreamId,
        /// What became of it, as `send` would have said: refused, dropped, or the stream is closing for it.
        sent: Sent,
    },
    /// The listener has as many connections, or handshakes under way, as it or the engine may have: those that come now
    /// wait in the backlog. Told when it begins.
    ListenerFull {
        /// The listener.
        listener: ListenerId,
    },
    /// A connection was reset, since there are as many from its address as
    /// [`ListenOptions::per_address_max`](super::ListenOptions::per_address_max) allows.
    ConnectionRefused {
        /// The listener.
        listener: ListenerId,
        /// The peer's address.
        address: IpAddr,
    },
    /// A command given through a [`Handle`](super::Handle) could not be carried out.
    CommandFailed {
        /// The stream that it was for.
        stream: StreamId,
        /// Why.
        misuse: Misuse,
    },
}

impl Events {
    /// An empty queue whose arena holds `bytes` (at least 4 KiB, at most 2 GiB); it is allocated once.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let bytes = bytes.clamp(MIN_BYTES, MAX_BYTES);
        Self {
            arena: Box::default(),
            memory: Arc::new(arena(bytes)),
            bytes,
            used: 0,
            entries: Vec::new(),
            owned: Vec::new(),
            owned_bytes: 0,
            control: Vec::new(),
            notices: Vec::new(),
            stamps: Stamps::NONE,
        }
    }

    /// The events of streams, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            events: self,
            entries: self.entries.iter(),
        }
    }

    /// What happened that belongs to no stream.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.notices.iter()
    }

    /// How many events of streams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing happened, notices included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.notices.is_empty()
    }

    /// A poll begins to read: the arena is to be had again. Should somebody still hold on to it, there is a new one.
    pub(super) fn take_arena(&mut self) {
        self.arena = match Arc::get_mut(&mut self.memory) {
            Some(memory) => std::mem::take(&mut memory.0),
            None => {
                self.memory = Arc::default();
                arena(self.bytes).0
            }
        };
    }

    /// A poll is over: the arena can be looked at by the host, and by the engine for what the host sends.
    pub(super) fn put_arena(&mut self) -> SharedMemory {
        if let Some(memory) = Arc::get_mut(&mut self.memory) {
            memory.0 = std::mem::take(&mut self.arena);
        }
        Arc::clone(&self.memory) as SharedMemory
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.entries.clear();
        if self.entries.capacity() > 2 * ENTRIES_MAX {
            // A flood of tiny messages is over, or will pay for the next one.
            self.entries.shrink_to(ENTRIES_MAX);
        }
        self.owned.clear();
        self.owned_bytes = 0;
        self.control.clear();
        self.notices.clear();
        self.stamps.clear();
    }

    /// Keeps a payload that has a buffer of its own; gives its index.
    pub(super) fn keep_owned(owned: &mut Vec<Vec<u8>>, owned_bytes: &mut usize, payload: Vec<u8>) -> u32 {
        let index = owned.len() as u32;
        *owned_bytes += payload.len();
        owned.push(payload);
        index
    }

    /// Bytes that can be read into the arena.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.bytes - self.used
    }

    /// Whether reading should wait for the next poll. That is so long before the arena's end: a read into its last
    /// bytes would cut messages in two, each of which must then be copied; and what is read should still be in the
    /// processor's cache when it is sent on.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        let bytes = self.bytes / 16;
        self.used >= bytes || self.owned_bytes >= bytes || self.entries.len() >= ENTRIES_MAX
    }
}

/// Memory to read into. Not zeros: those would be promised by the system and only come with the first reads, each a page
/// fault.
fn arena(bytes: usize) -> Arena {
    Arena(vec![0xff; bytes].into_boxed_slice())
}

impl Default for Events {
    /// A queue with an arena of 1 MiB.
    fn default() -> Self {
        Self::with_capacity(DEFAULT_BYTES)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = (StreamId, Event<'a>);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Goes through the events of an [`Events`].
pub struct Iter<'a> {
    events: &'a Events,
    entries: std::slice::Iter<'a, Entry>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (StreamId, Event<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Entry { stream, kind } = self.entries.next()?;
        let events = self.events;
        let event = match kind {
            Kind::Message { is_text, place } => {
                Event::Message(Message::from_validated(*is_text, place.of(&events.memory.0)))
            }
            Kind::Owned { is_text, index } => {
                let payload = events.owned.get(*index as usize).map_or(&[][..], Vec::as_slice);
                Event::Message(Message::from_validated(*is_text, payload))
            }
            Kind::Chunk { flags, place } => Event::Chunk(flags.with(place.of(&events.memory.0))),
            Kind::OwnedChunk { flags, index } => {
                Event::Chunk(flags.with(events.owned.get(*index as usize).map_or(&[][..], Vec::as_slice)))
            }
            Kind::Ping(place) => Event::Ping(place.of(&events.control)),
            Kind::Pong(place) => Event::Pong(place.of(&events.control)),
            Kind::RoundTrip { nanos } => Event::RoundTrip {
                time: Duration::from_nanos(*nanos),
            },
            Kind::HighWater { queued_bytes } => Event::HighWater {
                queued_bytes: *queued_bytes,
            },
            Kind::LowWater { queued_bytes } => Event::LowWater {
                queued_bytes: *queued_bytes,
            },
            Kind::Request(request) => Event::Request(request),
            Kind::Opened(opened) => Event::Opened(opened),
            Kind::Closed(closed) => Event::Closed(closed),
            Kind::Failed(failure) => Event::Failed(failure),
        };
        Some((*stream, event))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}
