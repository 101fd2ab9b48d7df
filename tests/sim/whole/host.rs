//! The host: what it sees of its streams, and what it tells the model.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Engine, Event, Events, Failure, Handle, ListenerId, Notice, QueueOptions, StreamId};
use wsloop::proto::{self, Accept, Instant, Message, Response};
use wsloop::sim::naive::Heard;
use wsloop::sim::{Rng, SimSys};

use super::draw::{Ending, Setup};
use super::model::{End, Message as Whole, Model, Pair, Side};

/// Beyond its limit a queue may hold pongs, a Close, and the header of the last message.
const QUEUE_OVERHEAD: usize = 80 + 140 + 2 * 14 + 512;

/// What the host knows of one stream.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) side: Side,
    /// The address that the connection came from, once it is known.
    pub(super) key: Option<SocketAddr>,
    pub(super) open: bool,
    pub(super) ended: bool,
    pub(super) data: u64,
    pub(super) queue: QueueOptions,
    pub(super) sent_bytes: usize,
    /// A message of which chunks are being sent: all of it, and how much went out.
    pub(super) under_way: Option<(Whole, usize)>,
    /// A chunk of it went out.
    pub(super) begun: bool,
    pub(super) books: Books,
    /// Chunks that came.
    coming: Option<Whole>,
    /// The host was told that the queue is too full.
    pub(super) above: bool,
    /// A command came through the handle, of which the host is not told what became of it.
    pub(super) commanded: bool,
    /// Turns since the queue was empty, and the host not told.
    untold: u8,
    pub(super) resume_at: Option<Instant>,
    /// The turn in which the host paused it.
    pub(super) paused_at: Option<u64>,
    /// A request that the host has not answered yet.
    pub(super) answer_at: Option<Instant>,
    /// Nobody needs to have opened it.
    pub(super) may_fail: bool,
}

/// Naive servers' ends of connections: the address, what is heard, and how it will end.
pub(super) type Served = Rc<RefCell<Vec<(SocketAddr, Rc<RefCell<Heard>>, Ending)>>>;

pub(super) struct Host<const SHORT_READS: bool> {
    pub(super) engine: Engine<SimSys<SHORT_READS>>,
    pub(super) handle: Handle,
    pub(super) events: Events,
    pub(super) setup: Setup,
    pub(super) rng: Rng,
    pub(super) model: Model,
    pub(super) streams: BTreeMap<StreamId, Known>,
    /// Ids whose last event was handed out.
    pub(super) gone: BTreeSet<StreamId>,
    pub(super) listeners: BTreeMap<ListenerId, (SocketAddr, QueueOptions)>,
    /// What was given through the handle in this turn.
    pub(super) command: Option<Command>,
    pub(super) protocol: Arc<proto::Config>,
    pub(super) naive_addrs: Vec<SocketAddr>,
    /// Naive clients whose address is not known yet.
    pub(super) naive_clients: Vec<(Rc<RefCell<Heard>>, Ending)>,
    /// Connections that naive servers have accepted and the model does not know yet.
    pub(super) served: Served,
    /// Nothing new is taken.
    pub(super) draining: bool,
    /// Every stream may be cut.
    pub(super) cutting: bool,
    /// What the host has seen, folded into a number.
    pub(super) seen: u64,
    pub(super) turns: u64,
    pub(super) verbose: bool,
}

/// What the engine's account of a stream must say.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) accepted: u64,
    pub(super) refused: u64,
    pub(super) newest: u64,
    /// A message under way was dropped, of which nothing may have been taken.
    pub(super) unsure: bool,
}

/// What another thread asks for.
#[derive(Debug)]
pub(super) enum Command {
    Send(StreamId, Whole),
    Close(StreamId),
}

impl Known {
    pub(super) fn new(side: Side, queue: QueueOptions, data: u64) -> Self {
        Self {
            side,
            key: None,
            open: false,
            ended: false,
            data,
            queue,
            sent_bytes: 0,
            under_way: None,
            begun: false,
            books: Books::default(),
            coming: None,
            above: false,
            commanded: false,
            untold: 0,
            resume_at: None,
            paused_at: None,
            answer_at: None,
            may_fail: false,
        }
    }
}

impl<const SHORT_READS: bool> Host<SHORT_READS> {
    /// One turn of the loop, with its checks.
    pub(super) fn turn(&mut self, timeout: Option<Duration>) -> Result<(), wsloop::engine::Error> {
        self.turns += 1;
        let (sent, dropped) = (
            self.engine.counters().messages_sent,
            self.engine.counters().messages_dropped,
        );
        self.engine.poll(&mut self.events, timeout)?;
        self.forget_ended();
        self.meet_naive_peers();
        let events = std::mem::take(&mut self.events);
        self.note_command(&events, sent, dropped);
        for notice in events.notices() {
            match notice {
                Notice::Woken | Notice::CommandFailed { .. } | Notice::ListenerPaused { .. } => {}
                Notice::Signal(_) | Notice::Files => panic!("{notice:?}: nobody did that"),
                _ => {}
            }
        }
        for (stream, event) in &events {
            if self.verbose {
                let text = format!("{event:?}");
                eprintln!("    {stream:?}: {}", text.chars().take(150).collect::<String>());
            }
            self.handle(stream, event);
        }
        self.events = events;
        self.check_streams();
        Ok(())
    }

    pub(super) fn fold(&mut self, number: u64) {
        self.seen = (self.seen ^ number).wrapping_mul(0x0100_0000_01b3).rotate_left(7);
    }

    fn handle(&mut self, stream: StreamId, event: Event<'_>) {
        assert!(!self.gone.contains(&stream), "{stream:?}: {event:?} after its end");
        self.fold(stream.as_u64());
        if !self.streams.contains_key(&stream) {
            self.meet(stream);
        }
        let known = self.streams.get_mut(&stream).expect("it was just met");
        assert!(!known.ended, "{stream:?}: {event:?} after its end");
        assert_eq!(
            self.engine.data(stream),
            Ok(known.data),
            "{stream:?}: the host's number"
        );
        let side = known.side;
        match event {
            Event::Request(_) => self.handle_request(stream),
            Event::Opened(_) => self.handle_opened(stream),
            Event::Message(message) => {
                self.check_not_paused(stream);
                self.hear(stream, (message.is_text(), message.as_bytes().to_vec()));
                self.maybe_echo(stream, message);
            }
            Event::Chunk(chunk) => {
                let is_text = chunk.kind == proto::MessageKind::Text;
                assert_eq!(
                    chunk.is_first,
                    known.coming.is_none(),
                    "{stream:?}: a chunk out of order"
                );
                let coming = known.coming.get_or_insert((is_text, Vec::new()));
                assert_eq!(coming.0, is_text);
                coming.1.extend_from_slice(chunk.bytes);
                if chunk.is_last {
                    let whole = known.coming.take().expect("a chunk was just added");
                    self.hear(stream, whole);
                }
            }
            Event::Ping(payload) => self.pair(stream).hear_ping(side, payload),
            Event::Pong(payload) => self.pair(stream).hear_pong(side, payload),
            Event::HighWater { queued_bytes } => {
                assert!(queued_bytes > known.queue.high_water_bytes, "{stream:?}");
                known.above = true;
            }
            Event::LowWater { queued_bytes } => {
                assert!(queued_bytes <= known.queue.low_water_bytes, "{stream:?}");
                let above = std::mem::take(&mut known.above) || std::mem::take(&mut known.commanded);
                assert!(above, "{stream:?}: low water without high water");
            }
            Event::Closed(closed) => {
                let (code, reason) = (closed.code.map(|code| code.as_u16()), closed.reason.clone());
                self.handle_closed(stream, (code, reason));
            }
            Event::Failed(failure) => self.handle_failed(stream, failure),
            Event::RoundTrip { .. } => assert!(self.setup.keep_alive.is_some()),
            other => panic!("{stream:?}: {other:?} was not asked for"),
        }
    }

    /// A stream that the host has not dialled.
    fn meet(&mut self, stream: StreamId) {
        let listener = self
            .engine
            .listener_of(stream)
            .expect("the stream of an event is known");
        let listener = listener.expect("a dialled stream is known before its first event");
        let (_, queue) = *self.listeners.get(&listener).expect("a listener's id stays the same");
        let data = self.rng.number();
        assert_eq!(self.engine.data(stream), Ok(0), "{stream:?}: another's number");
        self.engine.set_data(stream, data).expect("the stream is there");
        let mut known = Known::new(Side::Server, queue, data);
        let peer = self.engine.peer_addr(stream).expect("it was accepted");
        known.key = Some(peer);
        self.streams.insert(stream, known);
        let pair = self.model.pairs.entry(peer).or_default();
        let before = pair.server.stream.replace(stream);
        assert_eq!(before, None, "one connection, two streams");
    }

    /// The connection of a stream that was open.
    pub(super) fn pair(&mut self, stream: StreamId) -> &mut Pair {
        let key = self.streams[&stream].key.expect("an open stream's address is known");
        self.model.pairs.entry(key).or_default()
    }

    fn handle_request(&mut self, stream: StreamId) {
        let wait = Duration::from_micros(self.rng.below(20_000));
        let now = self.engine.now();
        let known = self.streams.get_mut(&stream).expect("it is known");
        assert!(
            !known.open && known.side == Side::Server,
            "{stream:?}: a request of a client"
        );
        known.answer_at = Some(now + wait);
    }

    fn handle_opened(&mut self, stream: StreamId) {
        let known = self.streams.get_mut(&stream).expect("it is known");
        assert!(!std::mem::replace(&mut known.open, true), "{stream:?} opened twice");
        if known.side == Side::Client {
            // One call in the world may fail.
            let addr = self.engine.local_addr_of(stream);
            let addr = addr.or_else(|_| self.engine.local_addr_of(stream));
            // It may have ended in the same turn, with a socket that is closed already.
            let Ok(addr) = addr else { return };
            known.key = Some(addr);
            let pair = self.model.pairs.entry(addr).or_default();
            let before = pair.client.stream.replace(stream);
            assert_eq!(before, None, "one connection, two streams");
        }
        assert!(
            self.streams[&stream].answer_at.is_none(),
            "{stream:?} opened without an answer"
        );
    }

    fn hear(&mut self, stream: StreamId, message: Whole) {
        let side = self.streams[&stream].side;
        assert!(self.streams[&stream].open, "{stream:?}: a message before it is open");
        let now = std::panic::AssertUnwindSafe(|| self.pair(stream).hear(side, &message));
        if let Err(panic) = std::panic::catch_unwind(now) {
            eprintln!("{stream:?}, {side:?} of {:?}", self.streams[&stream].key);
            std::panic::resume_unwind(panic);
        }
    }

    /// What is paused brings nothing in later turns, unless the connection is broken.
    fn check_not_paused(&mut self, stream: StreamId) {
        let known = &self.streams[&stream];
        if known.paused_at.is_some_and(|turn| turn < self.turns) {
            let broken = known.key.is_some_and(|key| self.engine.sys().net().was_cut(key));
            // Whoever closes waits for the other's Close, and reads until it comes.
            let (side, draining) = (known.side, self.draining);
            let pair = self.pair(stream);
            let closes = draining || pair.half(side).closed_with.is_some();
            assert!(
                broken || closes || pair.trouble.is_some(),
                "{stream:?} is read though it is paused"
            );
        }
    }

    fn maybe_echo(&mut self, stream: StreamId, message: Message<'_>) {
        let known = &self.streams[&stream];
        if known.sent_bytes < self.setup.budget && self.rng.chance(self.setup.echo) {
            let whole = (message.is_text(), message.as_bytes().to_vec());
            self.send(stream, whole, true);
        }
    }

    /// The end of a stream, in good order.
    fn handle_closed(&mut self, stream: StreamId, closed: (Option<u16>, String)) {
        let (side, draining, impatient) = (self.streams[&stream].side, self.draining, self.setup.impatient);
        let pair = self.pair(stream);
        pair.half(side).end = Some(End::Closed);
        if pair.half(side.other()).naive.is_none() && !draining && !impatient {
            let theirs = pair.half(side.other()).closed_with.clone();
            let expected = theirs.or_else(|| pair.half(side).closed_with.clone());
            assert_eq!(Some(closed), expected, "{stream:?}: code and reason");
        }
        pair.hear_close(side);
        self.end(stream);
        if self.rng.chance(500) {
            // The answer to the other's Close leaves only at the next poll.
            let message = super::draw::message(&mut self.rng, 30);
            self.send(stream, message, true);
        }
    }

    fn handle_failed(&mut self, stream: StreamId, failure: &Failure) {
        let known = &self.streams[&stream];
        let (side, open, may_fail) = (known.side, known.open, known.may_fail);
        let net = self.engine.sys().net();
        let cut =
            self.cutting || self.setup.impatient || net.jumps() > 0 || known.key.is_some_and(|key| net.was_cut(key));
        let excused = match (side, open) {
            (Side::Client, false) => may_fail || self.may_not_open(),
            (Side::Client, true) if known.key.is_none() => true,
            (Side::Client, true) => self.pair(stream).trouble.is_some(),
            (Side::Server, _) => {
                let crowded = self.setup.crowded && !open;
                let pair = self.pair(stream);
                // A client of the engine's that did not open failed itself, and is asked why.
                let unknown = pair.client.naive.is_none() && pair.client.stream.is_none();
                unknown || pair.trouble.is_some() || crowded
            }
        };
        assert!(
            cut || excused,
            "{stream:?}, {side:?}, open: {open}: {failure:?} without a reason"
        );
        if self.streams[&stream].key.is_some() {
            let pair = self.pair(stream);
            pair.half(side).end = Some(End::Failed(failure.to_string()));
            pair.trouble.get_or_insert("the other end failed");
        }
        self.end(stream);
    }

    /// Whether a dial may fail although somebody listens.
    fn may_not_open(&self) -> bool {
        let faults = &self.setup.faults;
        let chances = [
            faults.refuse_connect,
            faults.late_connect,
            faults.accept_aborted,
            faults.connect_fails,
            faults.resolve_fails,
            faults.cut,
        ];
        // Through a narrow pipe a slow reader can be cut before it has heard that it is open.
        self.setup.crowded
            || faults.capacity_bytes.0 < 1000
            || chances.into_iter().any(|chance| chance > 0)
            || self.engine.sys().net().failed_call().is_some()
    }

    fn end(&mut self, stream: StreamId) {
        let known = self.streams.get_mut(&stream).expect("it is known");
        known.ended = true;
        known.resume_at = None;
        known.answer_at = None;
    }

    /// What must hold after each turn.
    fn check_streams(&mut self) {
        for (stream, known) in &mut self.streams {
            let queued = self
                .engine
                .queued_bytes(*stream)
                .expect("its last event is not older than this turn");
            assert!(
                queued <= known.queue.limit_bytes + QUEUE_OVERHEAD,
                "{stream:?} queues {queued} bytes, {:?}",
                known.queue
            );
            let account = self.engine.account(*stream).expect("all streams have one");
            let books = &known.books;
            let told = (
                account.accepted.messages,
                account.refused.messages,
                account.dropped.newest.messages,
            );
            let expected = (books.accepted, books.refused, books.newest);
            assert!(
                told == expected || books.unsure,
                "{stream:?}: {account:?}, and {books:?}"
            );
            let parts = account.sent.messages + account.queued.messages + account.dropped.total().messages;
            assert_eq!(account.accepted.messages, parts, "{stream:?}: {account:?}");
            let is_untold = known.above && !known.ended && queued == 0;
            known.untold = if is_untold { known.untold + 1 } else { 0 };
            assert!(known.untold < 3, "{stream:?}: the queue is empty, and nobody says so");
        }
    }

    /// Streams that have ended are gone with the next poll.
    pub(super) fn forget_ended(&mut self) {
        let ended = self
            .streams
            .iter()
            .filter(|(_, known)| known.ended)
            .map(|(stream, _)| *stream);
        let ended: Vec<StreamId> = ended.collect();
        for stream in ended {
            self.streams.remove(&stream);
            self.gone.insert(stream);
        }
    }

    pub(super) fn answer(&mut self, stream: StreamId) {
        let known = self.streams.get_mut(&stream).expect("it is known");
        known.answer_at = None;
        if self.setup.violent > 0 && self.rng.chance(150) {
            self.pair(stream).trouble.get_or_insert("the host refuses");
            self.engine.refuse(stream, Response::new(403)).expect("it asked");
        } else {
            self.engine.accept(stream, Accept::new()).expect("it asked");
        }
    }
}
