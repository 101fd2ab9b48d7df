//! Each cause of a published advisory about another WebSocket implementation, by name, and that it isn't here. Two are
//! elsewhere: `one_slow_handshake_in_front_of_all_others` is about many connections (`tests/it/hostile_server.rs`), and
//! what only floods show is measured in `floods`, which the tests here name.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use wsloop::proto::{
    Accept, BadRequest, ClientRequest, CloseCode, Config, Connection, Event, Failure, Message, Misuse, Side, Violation,
};

use super::world::{
    BINARY, CLOSE, FIRST, LAST, MIDDLE, NOW, Numbers, PING, TEXT, echo, frame, open, peak_bytes, read, violation,
    written,
};

/// `floods::an_echo_flood_that_nobody_reads` measures it.
#[test]
fn unbounded_outgoing_buffer_to_a_slow_reader() {
    let mut server = open(Side::Server, |limits| limits.queued_bytes = 1000);
    let mut send = |length: usize| server.send(Message::Binary(&vec![1; length]), &mut Numbers::default());
    assert_eq!(send(496), Ok(()));
    assert_eq!(send(497), Err(Misuse::QueueFull));
    assert_eq!(send(496), Ok(()));
    assert_eq!(send(0), Err(Misuse::QueueFull));
    assert_eq!(server.ping(b"", &mut Numbers::default()), Err(Misuse::QueueFull));
    assert_eq!(server.queued_bytes(), 1000);
    server.transmitted(NOW, 2);
    assert_eq!(server.ping(b"", &mut Numbers::default()), Ok(()));
}

/// `floods::lengths_that_are_only_declared` does it two hundred times.
#[test]
fn reserving_a_declared_length() {
    for first in [BINARY, FIRST] {
        let mut server = open(Side::Server, |_| {});
        let mut head = frame(Side::Server, first, &vec![0; 15 << 20]);
        head.truncate(14);
        let peak = peak_bytes("a header that declares 15 MiB", || {
            assert_eq!(violation(&mut server, &mut head), None);
        });
        assert_eq!(peak, 0);
    }
    // A client's answer with a long body, too.
    let (mut client, _) = connecting(&ClientRequest::new("a", "/"));
    let mut head = b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000000\r\n\r\nab".to_vec();
    let peak = peak_bytes("a refusal that declares 1 GB", || {
        assert_eq!(violation(&mut client, &mut head), None);
    });
    assert!(peak < 10_000, "{peak}");
}

/// A connection that waits for a server's answer, and the request it sent.
fn connecting(request: &ClientRequest) -> (Connection, String) {
    let mut client = Connection::client(Arc::new(Config::default()), request, NOW, &mut Numbers::default()).unwrap();
    let request = String::from_utf8(written(&mut client)).unwrap();
    (client, request)
}

/// How a connection ended.
fn end(connection: &mut Connection, bytes: &mut [u8]) -> Option<Failure> {
    let mut end = None;
    read(connection, bytes, |_, event| {
        if let Event::Failed(failure) = event {
            end = Some(failure);
        }
    });
    end
}

#[test]
fn header_accumulation_without_a_cap() {
    let mut server = Connection::server(Arc::new(Config::default()), NOW);
    let mut refused = None;
    let peak = peak_bytes("an endless request", || {
        let mut head = b"GET / HTTP/1.1\r\n".to_vec();
        for _ in 0..1000 {
            refused = refused.take().or_else(|| end(&mut server, &mut head));
            head = b"X-More: 0123456789012345678901234567890123456789\r\n".to_vec();
        }
    });
    assert!(
        matches!(&refused, Some(Failure::Refused(refusal)) if refusal.cause == Some(BadRequest::HeadTooBig)),
        "{refused:?}"
    );
    assert!(peak < 60_000, "{peak}");

    let (mut client, _) = connecting(&ClientRequest::new("a", "/"));
    let mut failed = None;
    let peak = peak_bytes("an endless answer", || {
        let mut head = b"HTTP/1.1 101 Yes\r\n".to_vec();
        for _ in 0..1000 {
            failed = failed.take().or_else(|| end(&mut client, &mut head));
            head = b"X-More: 0123456789012345678901234567890123456789\r\n".to_vec();
        }
    });
    assert_eq!(failed, Some(Failure::Violation(Violation::ResponseTooBig)));
    assert!(peak < 60_000, "{peak}");
}

/// Two million bytes of a head, one by one: looked at once each they take a moment; from the start each time, an hour.
#[test]
fn header_reparsed_quadratically() {
    let (done, waits) = mpsc::channel();
    std::thread::spawn(move || {
        let mut config = Config::default();
        config.limits.head_bytes = 2_000_000;
        let mut server = Connection::server(Arc::new(config), NOW);
        let mut failure = None;
        for byte in b"GET / HTTP/1.1\r\n"
            .iter()
            .chain(b"A: b\r\n".iter().cycle())
            .take(2_000_000)
        {
            failure = end(&mut server, &mut [*byte]);
        }
        done.send(failure).unwrap();
    });
    let failure = waits
        .recv_timeout(Duration::from_secs(120))
        .expect("each byte is looked at once");
    assert!(matches!(failure, Some(Failure::Refused(_))), "{failure:?}");
}

/// `floods::fragments_of_one_byte` sends two million of them.
#[test]
fn per_fragment_wrapper_objects_larger_than_their_payload() {
    let mut server = open(Side::Server, |_| {});
    server.lend_input(Vec::with_capacity(10_000));
    let mut bytes = [
        frame(Side::Server, FIRST, b"x"),
        frame(Side::Server, MIDDLE, b"y").repeat(9_999),
    ]
    .concat();
    let peak = peak_bytes("10,000 fragments into a buffer of 10,000 bytes", || {
        assert_eq!(violation(&mut server, &mut bytes), None);
    });
    assert_eq!(peak, 0);
}

#[test]
fn empty_fragments_not_counted() {
    let mut server = open(Side::Server, |limits| limits.fragments = 5);
    let fragments = |count: usize| {
        let empty = frame(Side::Server, MIDDLE, b"").repeat(count);
        [frame(Side::Server, FIRST, b""), empty, frame(Side::Server, LAST, b"")].concat()
    };
    let mut count = 0;
    read(&mut server, &mut fragments(3), |_, event| {
        count += usize::from(matches!(event, Event::Message(_)));
    });
    assert_eq!(count, 1);
    assert_eq!(
        violation(&mut server, &mut fragments(4)),
        Some(Violation::TooManyFragments)
    );
}

/// `tests/bomb.rs` does it with a GiB.
#[cfg(feature = "deflate")]
#[test]
fn limits_before_inflation_but_not_after_it() {
    use super::world::agreed;

    let [mut client, mut server] = agreed(false, |limits| limits.message_bytes = 100_000);
    let entropy = &mut Numbers::default();
    for length in [100_000, 100_001] {
        client.send(Message::Binary(&vec![7; length]), entropy).unwrap();
        let mut bytes = written(&mut client);
        assert!(bytes.len() < 200, "{}", bytes.len());
        let mut found = None;
        let peak = peak_bytes("an inflated message of 100,000 bytes or one more", || {
            found = violation(&mut server, &mut bytes);
        });
        assert_eq!(found, (length > 100_000).then_some(Violation::MessageTooBig));
        // The inflater, and the buffer while it moves.
        assert!(peak < 300_000, "{peak}");
    }
}

#[test]
fn a_negotiation_answer_not_validated_by_the_client() {
    let request = ClientRequest::new("a", "/").subprotocol("chat").subprotocol("chess");
    let answers = [
        ("Sec-WebSocket-Protocol: chat\r\n", None),
        ("Sec-WebSocket-Protocol: Chat\r\n", Some(Violation::ResponseSubprotocol)),
        ("Sec-WebSocket-Protocol: go\r\n", Some(Violation::ResponseSubprotocol)),
        (
            "Sec-WebSocket-Protocol: chat, chess\r\n",
            Some(Violation::ResponseSubprotocol),
        ),
        (
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chess\r\n",
            Some(Violation::ResponseSubprotocol),
        ),
        (
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            Some(Violation::ResponseExtension),
        ),
        (
            "Sec-WebSocket-Extensions: x-mux\r\n",
            Some(Violation::ResponseExtension),
        ),
    ];
    for (header, wanted) in answers {
        let (mut client, sent) = connecting(&request);
        let mut server = Connection::server(Arc::new(Config::default()), NOW);
        read(&mut server, &mut sent.into_bytes(), |server, event| {
            if let Event::Request(_) = event {
                server.accept(&Accept::new()).unwrap();
            }
        });
        let answer = String::from_utf8(written(&mut server)).unwrap();
        let answer = answer.replacen("\r\n\r\n", &format!("\r\n{header}\r\n"), 1);
        assert_eq!(violation(&mut client, &mut answer.into_bytes()), wanted, "{header:?}");
    }
}

/// Every frame of a client's, whatever made it, has the next four bytes of the host's generator as its key; no key is made
/// of anything else, and none is used twice. That the generator can't be foreseen is `sys`'s to see to.
#[test]
fn a_masking_key_not_fresh_and_unpredictable_for_each_frame() {
    let mut client = open(Side::Client, |_| {});
    let entropy = &mut Numbers::default();
    client.send("same".into(), entropy).unwrap();
    client.send("same".into(), entropy).unwrap();
    client.send(Message::Binary(&[1; 70_000]), entropy).unwrap();
    client.ping(b"ping", entropy).unwrap();
    client.pong(b"pong", entropy).unwrap();
    let mut bytes = frame(Side::Client, PING, b"answer me");
    let mut input = client.handle_bytes(NOW, &mut bytes);
    while client.poll_event(&mut input, entropy).is_some() {}
    client.close(NOW, Some(CloseCode::NORMAL), "", entropy).unwrap();
    let sent = client.poll_transmit(NOW, entropy).to_vec();

    let mut keys = Vec::new();
    let mut rest = &sent[..];
    while let &[_, second, ..] = rest {
        assert_ne!(second & 0x80, 0, "a client's frame is masked");
        let (start, length) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
            127 => (
                10,
                usize::try_from(u64::from_be_bytes(rest[2..10].try_into().unwrap())).unwrap(),
            ),
            short => (2, usize::from(short)),
        };
        keys.push(u32::from_be_bytes(rest[start..start + 4].try_into().unwrap()));
        rest = &rest[start + 4 + length..];
    }
    assert_eq!(keys, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(entropy.0, 7);
}

/// No redirect is followed: the host is told of it, and nothing more is sent.
#[test]
fn credentials_sent_on_after_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let (mut client, request) = connecting(&ClientRequest::new("a", "/").header("Authorization", "Bearer secret"));
        assert!(request.contains("Authorization: Bearer secret\r\n"));
        let mut answer =
            format!("HTTP/1.1 {status} Over there\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n")
                .into_bytes();
        match end(&mut client, &mut answer) {
            Some(Failure::Refused(refusal)) => {
                assert_eq!(
                    (refusal.status, refusal.headers.get("location")),
                    (status, Some("ws://elsewhere/"))
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(written(&mut client), b"");
        assert!(client.is_finished());
    }
}

#[test]
fn a_server_frame_sent_with_a_mask() {
    // Not by us.
    let mut server = open(Side::Server, |_| {});
    let entropy = &mut Numbers::default();
    server.send("text".into(), entropy).unwrap();
    server.ping(b"ping", entropy).unwrap();
    server.pong(b"pong", entropy).unwrap();
    read(&mut server, &mut frame(Side::Server, PING, b"answer"), |_, _| {});
    server.close(NOW, Some(CloseCode::NORMAL), "bye", entropy).unwrap();
    assert_eq!(
        written(&mut server),
        b"\x81\x04text\x89\x04ping\x8a\x04pong\x8a\x06answer\x88\x05\x03\xe8bye"
    );
    assert_eq!(entropy.0, 0);
    // Nor is it taken from others.
    let mut client = open(Side::Client, |_| {});
    assert_eq!(
        violation(&mut client, &mut frame(Side::Server, TEXT, b"x")),
        Some(Violation::Masked)
    );
}

/// `floods::pings_that_nobody_reads_answers_of` measures it.
#[test]
fn pongs_queued_without_bound() {
    let mut server = open(Side::Server, |_| {});
    let mut pings = frame(Side::Server, PING, &[1; 125]).repeat(10_000);
    read(&mut server, &mut pings, |_, _| {});
    assert!(
        (4096..4096 + 127).contains(&server.queued_bytes()),
        "{}",
        server.queued_bytes()
    );
}

#[test]
fn valid_messages_dropped_that_came_before_a_bad_frame_in_the_same_read() {
    let mut server = open(Side::Server, |_| {});
    let bad = [0xff; 14];
    let mut bytes = [
        frame(Side::Server, TEXT, b"one"),
        frame(Side::Server, FIRST, b"t"),
        frame(Side::Server, PING, b"ping"),
        frame(Side::Server, LAST, b"wo"),
        bad.to_vec(),
    ]
    .concat();
    let mut seen = Vec::new();
    read(&mut server, &mut bytes, |server, event| {
        assert!(echo(server, &event));
        seen.push(match event {
            Event::Message(message) => String::from_utf8_lossy(message.as_message().as_bytes()).into_owned(),
            Event::Ping(_) => "ping".into(),
            Event::Failed(Failure::Violation(violation)) => format!("{violation:?}"),
            other => panic!("{other:?}"),
        });
    });
    assert_eq!(seen, ["one", "ping", "two", "ReservedBits"]);
    // And the echoes leave before the Close that tells of the fault.
    let sent = written(&mut server);
    assert!(sent.starts_with(b"\x81\x03one\x8a\x04ping\x82\x03two\x88"), "{sent:?}");
    assert_eq!(sent[16] & 0x7f, CLOSE & 0x7f);
}
