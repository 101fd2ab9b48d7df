//! Allocations for each message once the buffers are there: none.

use wsloop::proto::{Connection, Event, MessageKind, OutputBuffer, Side};

use super::world::{BINARY, FIRST, LAST, MIDDLE, NOW, Numbers, PING, PONG, TEXT, frame, open, read};

/// A connection, what is sent to it, and how it is cut.
struct Case {
    name: &'static str,
    reader: Side,
    bytes: Vec<u8>,
    /// Bytes of each read.
    cut: usize,
    messages: usize,
}

/// A host that lends its buffers and takes them back.
struct Host {
    entropy: Numbers,
    output: Option<OutputBuffer>,
    input: Option<Vec<u8>>,
    wire: Vec<u8>,
}

impl Host {
    fn new() -> Self {
        Self {
            entropy: Numbers::default(),
            output: Some(OutputBuffer::with_capacity(1 << 18)),
            input: Some(Vec::with_capacity(1 << 18)),
            wire: Vec::new(),
        }
    }

    /// Sends every message back; gives how many there were.
    fn turn(&mut self, connection: &mut Connection, bytes: &mut [u8]) -> usize {
        connection.lend_output(self.output.take().unwrap());
        // It is not there while the connection gathers a message in it.
        if let Some(buffer) = self.input.take() {
            connection.lend_input(buffer);
        }
        let mut count = 0;
        read(connection, bytes, |connection, event| {
            if let Event::Message(message) = event {
                count += 1;
                connection.send(message.as_message(), &mut self.entropy).unwrap();
                if let Some(buffer) = message.into_owned_buffer() {
                    connection.lend_input(buffer);
                }
            }
        });
        let waits = connection.poll_transmit(NOW, &mut self.entropy).len();
        connection.transmitted(NOW, waits);
        self.output = connection.reclaim_output();
        self.input = connection.reclaim_input();
        count
    }
}

fn check(case: &Case) {
    let mut connection = open(case.reader, |_| {});
    let mut host = Host::new();
    // Unmasking changes nothing, since the key is zero: the same bytes can be read again.
    let mut bytes = case.bytes.clone();
    let mut round = || {
        let turns = bytes.chunks_mut(case.cut);
        turns.map(|piece| host.turn(&mut connection, piece)).sum::<usize>()
    };
    round();
    let mut messages = 0;
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            messages += round();
        }
    });
    println!(
        "{}: {} allocations for {messages} messages",
        case.name, info.count_total
    );
    assert_eq!(messages, 100 * case.messages, "{}", case.name);
    assert_eq!(info.count_total, 0, "{}", case.name);
}

#[test]
fn no_allocations_for_a_message() {
    for reader in [Side::Server, Side::Client] {
        let text = "grüß dich ".repeat(100);
        let whole = [
            frame(reader, TEXT, text.as_bytes()),
            frame(reader, BINARY, &[7; 70_000]),
            frame(reader, TEXT, b""),
            frame(reader, BINARY, &[1; 20]),
        ]
        .concat();
        let fragmented = [
            frame(reader, FIRST, &[1; 100]),
            frame(reader, MIDDLE, b""),
            frame(reader, MIDDLE, &[2; 5000]),
            frame(reader, LAST, &[3; 70_000]),
        ]
        .concat();
        let with_control = [
            frame(reader, PING, b"are you there"),
            frame(reader, TEXT, b"yes"),
            frame(reader, PONG, b"I am"),
            frame(reader, PING, &[9; 125]),
            frame(reader, PING, b""),
        ]
        .concat();
        let cases = [
            ("text and binary, whole", &whole, usize::MAX, 4),
            ("text and binary, cut", &whole, 1000, 4),
            ("fragmented", &fragmented, usize::MAX, 1),
            ("fragmented and cut", &fragmented, 777, 1),
            ("pings, pongs and text", &with_control, usize::MAX, 1),
        ];
        for (name, bytes, cut, messages) in cases {
            check(&Case {
                name,
                reader,
                bytes: bytes.clone(),
                cut,
                messages,
            });
        }
    }
}

/// Two ends that talk, each with a host of its own.
struct Pair {
    ends: [(Connection, Host); 2],
}

impl Pair {
    fn new(connections: [Connection; 2]) -> Self {
        Self {
            ends: connections.map(|connection| (connection, Host::new())),
        }
    }

    /// One end does `send`, the other reads what comes of it in pieces: how many bytes of messages or chunks came, and how
    /// many there were on the wire.
    fn pass(&mut self, from: usize, cut: usize, send: impl FnOnce(&mut Connection, &mut Numbers)) -> (usize, usize) {
        let [client, server] = &mut self.ends;
        let ((sender, sending), (reader, reading)) = if from == 0 { (client, server) } else { (server, client) };
        sender.lend_output(sending.output.take().unwrap());
        send(sender, &mut sending.entropy);
        // The wire: a copy, since unmasking is done in place.
        let mut bytes = std::mem::take(&mut sending.wire);
        bytes.extend_from_slice(sender.poll_transmit(NOW, &mut sending.entropy));
        sender.transmitted(NOW, usize::MAX);
        sending.output = sender.reclaim_output();
        let mut count = 0;
        for piece in bytes.chunks_mut(cut) {
            if let Some(buffer) = reading.input.take() {
                reader.lend_input(buffer);
            }
            read(reader, piece, |reader, event| {
                let buffer = match event {
                    Event::Message(message) => {
                        count += message.as_message().len();
                        message.into_owned_buffer()
                    }
                    Event::Chunk(chunk) => {
                        count += chunk.as_bytes().len();
                        chunk.into_owned_buffer()
                    }
                    other => panic!("{other:?}"),
                };
                if let Some(buffer) = buffer {
                    reader.lend_input(buffer);
                }
            });
            reading.input = reader.reclaim_input();
        }
        let sent = bytes.len();
        bytes.clear();
        sending.wire = bytes;
        (count, sent)
    }

    /// Messages whole and in chunks, both ways, at once and cut. None of it allocates the third time.
    fn check(&mut self, name: &str, compress: bool) {
        let text = "Nothing is new under the sun, but this is said often. ".repeat(400);
        let mut round = || {
            for from in [0, 1] {
                for cut in [usize::MAX, 1000] {
                    let (whole, sent) = self.pass(from, cut, |sender, entropy| {
                        sender.send(text.as_str().into(), entropy).unwrap();
                        sender.send("short".into(), entropy).unwrap();
                    });
                    assert_eq!((whole, sent < text.len() / 2), (text.len() + 5, compress));
                    let (chunks, sent) = self.pass(from, cut, |sender, entropy| {
                        sender.begin_message(MessageKind::Text, compress).unwrap();
                        for chunk in text.as_bytes().chunks(3000) {
                            sender.send_chunk(chunk, false, entropy).unwrap();
                        }
                        sender.send_chunk(b"", true, entropy).unwrap();
                    });
                    assert_eq!((chunks, sent < text.len() / 2), (text.len(), compress));
                }
            }
        };
        round();
        round();
        let info = allocation_counter::measure(|| (0..20).for_each(|_| round()));
        println!(
            "{name}: {} allocations for 160 whole messages and 80 in chunks",
            info.count_total
        );
        assert_eq!((info.count_total, info.bytes_current), (0, 0), "{name}");
    }
}

#[test]
fn no_allocations_for_a_message_in_chunks() {
    for in_chunks in [false, true] {
        let mut ends = [Side::Client, Side::Server].map(|side| open(side, |_| {}));
        ends.iter_mut().for_each(|end| end.deliver_chunks(in_chunks));
        Pair::new(ends).check(&format!("sent in chunks, received in chunks: {in_chunks}"), false);
    }
}

#[cfg(feature = "deflate")]
#[test]
fn no_allocations_for_a_compressed_message() {
    use super::world::agreed;

    for (no_takeover, in_chunks) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut ends = agreed(no_takeover, |_| {});
        ends.iter_mut().for_each(|end| end.deliver_chunks(in_chunks));
        let name = format!("compressed, each by itself: {no_takeover}, in chunks: {in_chunks}");
        Pair::new(ends).check(&name, true);
    }
}
