//! `gelf-chunking`: messages of Graylog's extended log format, put together of their chunks.

use std::boxed::Box;
use std::collections::VecDeque;
use std::format;
use std::vec::Vec;

use super::super::config::{ConfigError, Segment};
use super::super::doc::{Example, Page};
use super::super::registry::{Factory, plain};
use super::super::stage::{Out, Piece, Stage, StageError};
use super::super::value::Value;

/// A message has at most so many chunks.
const MAX_CHUNKS: u8 = 128;

/// A message whose chunks are not all there after this time is dropped.
const MAX_AGE_NS: u64 = 5_000_000_000;

/// Messages that wait for chunks at once; the oldest is dropped when another begins.
const MAX_MESSAGES: usize = 256;

/// What all of them may hold.
const MAX_BYTES: usize = 16 << 20;

pub(super) const PAGE: Page = Page {
    summary: "Puts GELF messages together of their chunks",
    text: "
A chunk begins with the bytes `1e 0f`, the 8 bytes of its message's id, its number and how many there are; chunks of a
message may come in any order, and a second time. A piece that begins with `1f 3c` is a whole message behind these two bytes;
one that begins with `{`, or is compressed (gzip, zlib), is a whole message as it is. Anything else is an error event.

A message whose chunks are not all there after 5 seconds is dropped, and an event on `err` says so; so is the oldest one
when more than 256 messages, or 16 MiB, wait. Put `decompress` behind it for messages that are compressed.
",
    options: &[],
    examples: &[Example::In {
        title: "A message in two chunks, the second one first",
        definition: r#"{"codec": "string", "preprocessors": ["gelf-chunking"]}"#,
        messages: &[b"\x1e\x0f12345678\x01\x02lo", b"\x1e\x0f12345678\x00\x02hel", b"?"],
        events: &[r#""hello""#, "error"],
    }],
};

pub(super) fn make(path: &[Segment], config: Option<&Value>) -> Result<Factory<dyn Stage>, ConfigError> {
    plain(path, config, || Box::new(GelfChunking::default()))
}

#[derive(Default)]
struct GelfChunking {
    /// The oldest first.
    messages: VecDeque<Message>,
    bytes: usize,
}

struct Message {
    id: [u8; 8],
    began_ns: u64,
    chunks: Vec<Option<Vec<u8>>>,
    missing: u8,
    bytes: usize,
}

impl GelfChunking {
    fn chunk(&mut self, id: [u8; 8], number: u8, count: u8, piece: Piece<'_>, out: &mut Out<'_>) {
        if count == 0 || count > MAX_CHUNKS || number >= count {
            let text = format!("gelf-chunking: chunk {number} of {count}, where 1 to {MAX_CHUNKS} chunks count from 0");
            return out(Err(text.into()));
        }
        let index = match self.messages.iter().position(|message| message.id == id) {
            Some(index) => index,
            None => {
                self.make_room(MAX_MESSAGES - 1, MAX_BYTES, out);
                self.messages.push_back(Message {
                    id,
                    began_ns: piece.ingest_ns,
                    chunks: vec![None; count.into()],
                    missing: count,
                    bytes: 0,
                });
                self.messages.len() - 1
            }
        };
        let message = &mut self.messages[index];
        if message.chunks.len() != usize::from(count) {
            let text = format!(
                "gelf-chunking: a chunk says that there are {count} of them, an earlier one {}",
                message.chunks.len()
            );
            return out(Err(text.into()));
        }
        let slot = &mut message.chunks[usize::from(number)];
        if slot.is_some() {
            return;
        }
        *slot = Some(piece.bytes.to_vec());
        message.bytes += piece.bytes.len();
        message.missing -= 1;
        self.bytes += piece.bytes.len();
        if message.missing == 0 {
            if let Some(message) = self.messages.remove(index) {
                self.bytes -= message.bytes;
                let whole: Vec<u8> = message.chunks.into_iter().flatten().flatten().collect();
                out(Ok(Piece { bytes: &whole, ..piece }));
            }
        } else {
            self.make_room(MAX_MESSAGES, MAX_BYTES, out);
        }
    }

    /// Drops the oldest messages until no more than so many, and so many bytes, wait.
    fn make_room(&mut self, messages: usize, bytes: usize, out: &mut Out<'_>) {
        while self.messages.len() > messages || self.bytes > bytes {
            self.drop_oldest("too many messages wait for chunks", out);
        }
    }

    fn drop_oldest(&mut self, why: &str, out: &mut Out<'_>) {
        if let Some(message) = self.messages.pop_front() {
            self.bytes -= message.bytes;
            let (missing, all) = (message.missing, message.chunks.len());
            out(Err(StageError(format!(
                "gelf-chunking: a message was dropped, {missing} of whose {all} chunks did not come: {why}"
            ))));
        }
    }
}

impl Stage for GelfChunking {
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>) {
        while self
            .messages
            .front()
            .is_some_and(|message| piece.ingest_ns.saturating_sub(message.began_ns) > MAX_AGE_NS)
        {
            self.drop_oldest("the time is up", out);
        }
        match piece.bytes {
            [0x1e, 0x0f, rest @ ..] => match rest.split_first_chunk::<8>() {
                Some((id, [number, count, bytes @ ..])) => {
                    self.chunk(*id, *number, *count, Piece { bytes, ..piece }, out);
                }
                _ => out(Err("gelf-chunking: a chunk of less than 12 bytes".into())),
            },
            [0x1f, 0x3c, bytes @ ..] => out(Ok(Piece { bytes, ..piece })),
            [b'{', ..] | [0x1f, 0x8b, ..] | [0x78, ..] => out(Ok(piece)),
            _ => out(Err("gelf-chunking: neither a chunk nor a message".into())),
        }
    }

    fn finish(&mut self, _ingest_ns: u64, out: &mut Out<'_>) {
        while !self.messages.is_empty() {
            self.drop_oldest("the stream has ended", out);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString as _};

    use proptest::prelude::*;

    use super::super::super::testing::{read_all, reader, shown, write_all};
    use super::*;

    const READ: &str = r#"{"codec":"string","preprocessors":["gelf-chunking"]}"#;

    fn chunk(id: u8, number: u8, count: u8, text: &str) -> Vec<u8> {
        [&[0x1e, 0x0f, id, 0, 0, 0, 0, 0, 0, 0, number, count], text.as_bytes()].concat()
    }

    #[test]
    fn chunks_come_in_any_order_and_twice() {
        let messages = [
            chunk(1, 2, 3, "c"),
            chunk(2, 0, 1, "whole"),
            chunk(1, 0, 3, "a"),
            chunk(1, 0, 3, "x"),
            chunk(1, 1, 3, "b"),
        ];
        assert_eq!(read_all(READ, messages), [r#""whole""#, r#""abc""#]);
    }

    #[test]
    fn what_is_no_chunk_is_told_of() {
        for wrong in [
            chunk(1, 0, 0, "a"),
            chunk(1, 3, 3, "a"),
            chunk(1, 0, 129, "a"),
            b"\x1e\x0f123".to_vec(),
            b"?".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(read_all(READ, [&wrong]), ["error"], "{wrong:?}");
        }
        assert_eq!(
            read_all(READ, [chunk(1, 0, 3, "a"), chunk(1, 1, 2, "b")]),
            ["error", "error"]
        );
    }

    #[test]
    fn messages_as_they_are_pass() {
        assert_eq!(
            read_all(READ, [&b"\x1f\x3chello"[..], b"{}"]),
            [r#""hello""#, r#""{}""#]
        );
    }

    #[test]
    fn a_message_that_is_not_whole_after_five_seconds_is_dropped() {
        let mut reader = reader(READ);
        let mut emitted = Vec::new();
        let mut read = |bytes: &[u8], ns| reader.read(bytes, &Value::Null, ns, &mut emitted);
        read(&chunk(1, 0, 2, "a"), 10);
        read(&chunk(2, 0, 2, "a"), 20);
        read(&chunk(2, 1, 2, "b"), MAX_AGE_NS + 15);
        read(&chunk(1, 1, 2, "b"), MAX_AGE_NS + 16);
        assert_eq!(shown(&emitted), ["error", r#""ab""#]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stage = GelfChunking::default();
        let mut errors = 0;
        let big = "x".repeat(1 << 20);
        for id in 0..=u8::MAX {
            let bytes = chunk(id, 0, 2, &big);
            stage.process(
                Piece {
                    bytes: &bytes,
                    ingest_ns: 0,
                },
                &mut |result| errors += u32::from(result.is_err()),
            );
            assert!(stage.bytes <= MAX_BYTES && stage.messages.len() <= MAX_MESSAGES);
        }
        assert_eq!(errors, 256 - 16);
    }

    proptest! {
        #[test]
        fn what_is_cut_is_put_together(
            texts in proptest::collection::vec("[a-z]{0,20}", 1..4),
            fill in 0..30_000_usize,
            seed in any::<u64>(),
        ) {
            let out = r#"{"codec":"string","postprocessors":["gelf-chunking"]}"#;
            let mut writer = super::super::super::testing::writer(out);
            let mut chunks: Vec<Vec<u8>> = Vec::new();
            let texts: Vec<String> = texts.iter().map(|text| text.clone() + &"x".repeat(fill)).collect();
            for text in &texts {
                writer.write(&Value::from(text.as_str()), &Value::Null, 5, &mut |chunk| chunks.push(chunk.to_vec())).unwrap();
            }
            prop_assert!(chunks.iter().all(|chunk| chunk.len() <= 8192));
            // Any order: sorted by a number that the seed gives each.
            let mut order: Vec<usize> = (0..chunks.len()).collect();
            order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1));
            let mut read = read_all(READ, order.iter().map(|index| &chunks[*index]));
            let mut expected: Vec<String> = texts.iter().map(|text| Value::from(text.as_str()).to_string()).collect();
            read.sort();
            expected.sort();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_bytes_are_survived(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20)) {
            let messages = messages.iter().map(|bytes| [&[0x1e, 0x0f][..], bytes].concat());
            read_all(READ, messages);
        }
    }

    #[test]
    fn a_message_that_needs_too_many_chunks_is_an_error() {
        let out = r#"{"codec":"string","postprocessors":["gelf-chunking"]}"#;
        let longest = "x".repeat(128 * 8180);
        assert_eq!(write_all(out, &Value::from(longest.as_str())).unwrap().len(), 128);
        let error = write_all(out, &Value::from((longest + "x").as_str())).unwrap_err();
        assert_eq!(
            error,
            "gelf-chunking: 1047041 bytes would need 129 chunks, and 128 are allowed"
        );
    }
}
