//! What the host sends, what the engine says of it, and what the model learns from that.

use wsloop::engine::{Events, Misuse, Notice, Sent, SlowReader, StreamId};
use wsloop::proto::{self, Message, Prepared};

use super::host::{Command, Host};
use super::model::Message as Whole;

impl<const SHORT_READS: bool> Host<SHORT_READS> {
    /// Sends a message, and tells the model what became of it.
    pub(super) fn send(&mut self, stream: StreamId, whole: Whole, compress: bool) {
        let dropped_before = self.engine.counters().messages_dropped;
        let is_open = self.engine.is_open(stream);
        let message = match &whole {
            (true, text) => Message::from(std::str::from_utf8(text).expect("texts are UTF-8")),
            (false, bytes) => Message::from(&bytes[..]),
        };
        let prepared = self.setup.prepared > 0 && self.rng.chance(self.setup.prepared);
        let result = if prepared {
            self.engine.send_prepared(stream, &Prepared::new(message))
        } else if compress {
            self.engine.send(stream, message)
        } else {
            self.engine.send_uncompressed(stream, message)
        };
        if self.verbose {
            eprintln!("    {stream:?} sends {}: {result:?}", super::model::shorten(&whole));
        }
        let known = self.streams.get_mut(&stream).expect("the host knows whom it sends to");
        match result {
            Ok(sent) => {
                let length = whole.1.len();
                known.sent_bytes += length + 16;
                if sent.is_queued() {
                    let side = known.side;
                    self.pair(stream).say(side, whole);
                }
                self.note_sent(stream, sent, length, dropped_before, 1);
            }
            Err(Misuse::Protocol(proto::Misuse::NotOpen)) => assert_ne!(is_open, Ok(true), "{stream:?}"),
            Err(Misuse::Protocol(proto::Misuse::MessageUnderWay)) => {
                assert!(known.under_way.is_some(), "{stream:?}: nothing is under way");
            }
            Err(Misuse::Protocol(proto::Misuse::MessageCut)) => assert_ne!(is_open, Ok(true), "{stream:?}"),
            Err(Misuse::NoSuchStream) => panic!("{stream:?} is gone before its last event"),
            Err(misuse) => panic!("{stream:?}: {misuse:?}"),
        }
    }

    /// Holds the engine's answer against its queue; `own` messages were dropped that it had never taken.
    pub(super) fn note_sent(&mut self, stream: StreamId, sent: Sent, length: usize, dropped_before: u64, own: u64) {
        let queued = self.engine.queued_bytes(stream).expect("it is there");
        let dropped = self.engine.counters().messages_dropped - dropped_before;
        let known = self.streams.get_mut(&stream).expect("it is known");
        match sent {
            Sent::Queued { queued_bytes } => {
                known.books.accepted += own;
                assert_eq!((queued_bytes, dropped), (queued, 0), "{stream:?}");
                assert!(queued <= known.queue.high_water_bytes, "{stream:?}");
            }
            Sent::AboveHighWater { queued_bytes } => {
                known.books.accepted += own;
                assert_eq!((queued_bytes, dropped), (queued, 0), "{stream:?}");
                assert!(queued > known.queue.high_water_bytes, "{stream:?}");
                known.above = true;
            }
            Sent::Refused { queued_bytes } | Sent::Dropped { queued_bytes } => {
                let is_dropped = matches!(sent, Sent::Dropped { .. });
                known.books.accepted += u64::from(is_dropped);
                known.books.newest += u64::from(is_dropped);
                known.books.refused += u64::from(!is_dropped);
                assert_eq!((queued_bytes, dropped), (queued, u64::from(is_dropped)), "{stream:?}");
                assert!(queued + length > known.queue.limit_bytes, "{stream:?}");
                // Where nothing waits there is nothing to wait for.
                known.above |= queued > 0;
                known.commanded = true;
            }
            Sent::Closing => {
                known.books.accepted += own;
                known.above = true;
                self.note_discarded(stream, dropped - own, "a slow reader is closed");
                let side = self.streams[&stream].side;
                self.pair(stream).half(side).closed_with = Some((Some(1013), String::new()));
            }
        }
    }

    /// The engine dropped what waited: so many messages, with the one of which chunks were being sent.
    pub(super) fn note_discarded(&mut self, stream: StreamId, count: u64, why: &'static str) {
        let known = self.streams.get_mut(&stream).expect("it is known");
        let under_way = known.under_way.take().is_some();
        let side = known.side;
        let pair = self.pair(stream);
        pair.unsay(side, count as usize, under_way);
        pair.trouble.get_or_insert(why);
    }

    /// Learns what became of a command: whatever was sent within the poll was sent by it.
    pub(super) fn note_command(&mut self, events: &Events, sent_before: u64, dropped_before: u64) {
        let counters = self.engine.counters();
        let (sent, dropped) = (
            counters.messages_sent - sent_before,
            counters.messages_dropped - dropped_before,
        );
        let failed = events
            .notices()
            .any(|notice| matches!(notice, Notice::CommandFailed { .. }));
        let Some(command) = self.command.take() else {
            // A Close of the other's ends a message that is being sent in chunks.
            let begun = self
                .streams
                .values()
                .filter(|known| known.under_way.is_some() && known.begun);
            assert!(dropped <= begun.count() as u64, "{dropped} messages were dropped");
            return assert_eq!((sent, failed), (0, false), "nobody gave a command");
        };
        if self.verbose {
            eprintln!("    a command: {sent} sent, {dropped} dropped, failed: {failed}");
        }
        match command {
            Command::Send(stream, whole) => {
                assert!(sent + dropped == 0 || !failed);
                let Some(known) = self.streams.get_mut(&stream) else {
                    return assert!(failed, "{stream:?} is gone, and the command did not fail");
                };
                known.commanded = true;
                known.books.accepted += u64::from(sent + dropped > 0);
                known.books.refused += u64::from(!failed && sent + dropped == 0);
                let closes = known.queue.slow_reader == SlowReader::Close;
                known.books.newest += u64::from(dropped > 0 && !closes);
                let (side, closes) = (known.side, known.queue.slow_reader == SlowReader::Close);
                if sent == 1 {
                    self.pair(stream).say(side, whole);
                } else if dropped > 0 && closes {
                    self.note_discarded(stream, dropped - 1, "a slow reader is closed");
                    self.pair(stream).half(side).closed_with = Some((Some(1013), String::new()));
                }
            }
            Command::Close(stream) if !failed => {
                let side = self.streams[&stream].side;
                self.streams.get_mut(&stream).expect("it is known").under_way = None;
                self.pair(stream).half(side).closed_with = Some((Some(4000), "from afar".to_owned()));
            }
            Command::Close(_) => {}
        }
    }
}
