//! Allocations for each message once the buffers are there: none.

use wsloop::proto::{Connection, Event, Side};

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
    output: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
}

impl Host {
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
    let mut host = Host {
        entropy: Numbers::default(),
        output: Some(Vec::with_capacity(1 << 18)),
        input: Some(Vec::with_capacity(1 << 18)),
    };
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
