//! permessage-deflate between two connections: agreeing on it, messages both ways, and what becomes of it without memory.

use std::sync::Arc;

use wsloop::proto::{
    Accept, Agreed, BadRequest, ClientRequest, Config, Connection, Contexts, Deflate, Event, Failure, Message,
    MessageKind, Side, Violation,
};

use crate::proto_world::{Counting, NOW, read, written};

pub(crate) fn config(deflate: Deflate) -> Arc<Config> {
    Arc::new(Config {
        deflate: Some(deflate),
        ..Config::default()
    })
}

/// Opens a connection between two ends; gives what each says was agreed on.
pub(crate) fn open(client: Arc<Config>, server: Arc<Config>) -> ([Connection; 2], [Option<Agreed>; 2]) {
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(client, &request, NOW, &mut Counting::default()).unwrap();
    let mut server = Connection::server(server, NOW);
    read(&mut server, &written(&mut client));
    server.accept(&Accept::new()).unwrap();
    let agreed = |events: Vec<Event<'static>>| match &events[..] {
        [Event::Opened(opened)] => opened.deflate,
        _ => panic!("{events:?}"),
    };
    let theirs = agreed(read(&mut server, &[]));
    let ours = agreed(read(&mut client, &written(&mut server)));
    ([client, server], [ours, theirs])
}

/// Sends `message`; gives how many bytes that took on the wire.
fn send(from: &mut Connection, to: &mut Connection, message: &[u8]) -> usize {
    from.send(message.into(), &mut Counting::default()).unwrap();
    let wire = written(from);
    let events = read(to, &wire);
    match &events[..] {
        [Event::Message(came)] => assert_eq!(came.as_message(), Message::from(message)),
        _ => panic!("{events:?}"),
    }
    wire.len()
}

#[test]
fn messages_go_compressed_both_ways() {
    let ([mut client, mut server], agreed) = open(config(Deflate::default()), config(Deflate::default()));
    let plain = Agreed {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    assert_eq!(agreed, [Some(plain), Some(plain)]);
    let message =
        br#"{"id":12345,"name":"something to say","tags":["a","b","c"]}, and the same once more, in other words"#;
    let first = send(&mut client, &mut server, message);
    let second = send(&mut client, &mut server, message);
    // The second refers to the first; six bytes of each are header and mask.
    assert!(first < 6 + message.len() && second < 20, "{first}, {second}");
    let first = send(&mut server, &mut client, message);
    assert!(first < 2 + message.len(), "{first}");
    // Too short to gain anything.
    assert_eq!(send(&mut server, &mut client, b"aaaaaaaaaaaaaaaaaaaa"), 22);
}

#[test]
fn both_must_want_it() {
    let plain = Arc::new(Config::default());
    for (client, server) in [
        (config(Deflate::default()), plain.clone()),
        (plain.clone(), config(Deflate::default())),
    ] {
        let ([mut client, mut server], agreed) = open(client, server);
        assert_eq!(agreed, [None, None]);
        assert_eq!(send(&mut client, &mut server, &[b'a'; 100]), 106);
    }
}

#[test]
fn without_memory_messages_go_as_they_are() {
    // An inflater is 48 KiB, a compressor of this shape 162 KiB.
    let shaped = |kib: usize| Deflate {
        own_max_window_bits: 12,
        contexts: Contexts::new(kib << 10),
        ..Deflate::default()
    };
    let small = shaped(300);
    let contexts = small.contexts.clone();
    let (small, large) = (config(small), config(shaped(9999)));
    // There is room for a compressor and two inflaters; the second connection knows that it has none of its own.
    let (first, agreed) = open(small.clone(), large.clone());
    assert!(agreed[0].is_some_and(|agreed| !agreed.client_no_context_takeover));
    let [mut client, mut server] = first;
    assert!(send(&mut client, &mut server, &[b'a'; 100]) < 30);
    let (second, agreed) = open(small.clone(), large.clone());
    assert!(agreed[0].is_some_and(|agreed| agreed.client_no_context_takeover));
    let [mut second_client, mut second_server] = second;
    assert_eq!(send(&mut second_client, &mut second_server, &[b'a'; 100]), 106);
    // What it gets may be compressed all the same.
    assert!(send(&mut second_server, &mut second_client, &[b'a'; 100]) < 30);
    // There is no room for a third.
    let (_, agreed) = open(small, large);
    assert_eq!(agreed, [None, None]);
    assert!(contexts.used_bytes() <= contexts.budget_bytes());
    // What the first had waits to be used again.
    drop((client, server));
    assert!(send(&mut second_client, &mut second_server, &[b'a'; 100]) < 30);
}

#[test]
fn a_connection_that_is_over_holds_no_context_for_its_last_bytes() {
    let large = config(Deflate::default());
    let no_room = |config: &Arc<Config>| open(large.clone(), config.clone()).1 == [None, None];
    let close = |from: &mut Connection| from.close(NOW, None, "", &mut Counting::default()).unwrap();
    type End = fn(&mut Connection, &mut Connection, &dyn Fn(&mut Connection));
    let ends: [End; 3] = [
        // The client closes first, and the server's answer is queued.
        |client, server, close| {
            close(client);
            read(server, &written(client));
            server.poll_transmit(NOW, &mut Counting::default());
        },
        // The server closes first.
        |client, server, close| {
            close(server);
            read(client, &written(server));
            read(server, &written(client));
        },
        // The client breaks a rule, in the middle of a message that the server is sending.
        |_, server, _| {
            server.begin_message(MessageKind::Binary, true).unwrap();
            server.send_chunk(b"a", false, &mut Counting::default()).unwrap();
            read(server, b"\xff");
            server.poll_transmit(NOW, &mut Counting::default());
        },
    ];
    for end in ends {
        // Room for one connection, and a compressor.
        let one = config(Deflate {
            contexts: Contexts::new((48 << 10) + (274 << 10)),
            ..Deflate::default()
        });
        let ([mut client, mut server], agreed) = open(large.clone(), one.clone());
        assert!(agreed[1].is_some());
        send(&mut client, &mut server, &[b'a'; 100]);
        send(&mut server, &mut client, &[b'a'; 100]);
        assert!(no_room(&one));
        end(&mut client, &mut server, &close);
        assert!(server.is_finished() && !no_room(&one));
    }
}

#[test]
fn a_connection_that_has_closed_holds_no_compressor() {
    let deflate = Deflate {
        contexts: Contexts::new((96 << 10) + (274 << 10)),
        ..Deflate::default()
    };
    let both = config(deflate);
    let ([_, mut first], _) = open(config(Deflate::default()), both.clone());
    let ([mut client, mut second], _) = open(config(Deflate::default()), both);
    first.begin_message(MessageKind::Binary, true).unwrap();
    assert_eq!(send(&mut second, &mut client, &[b'a'; 100]), 102);
    first.close(NOW, None, "", &mut Counting::default()).unwrap();
    assert!(send(&mut second, &mut client, &[b'a'; 100]) < 30);
}

#[test]
fn what_may_come_compressed_is_known_before_the_answer() {
    let request = ClientRequest::new("localhost", "/");
    for (deflate, inflates) in [(None, false), (Some(Deflate::default()), true)] {
        let config = Arc::new(Config {
            deflate,
            ..Config::default()
        });
        let client = Connection::client(config.clone(), &request, NOW, &mut Counting::default()).unwrap();
        let server = Connection::server(config, NOW);
        assert_eq!([client.inflates(), server.inflates()], [inflates; 2]);
    }
    let ([client, server], _) = open(config(Deflate::default()), Config::default().into());
    assert_eq!([client.inflates(), server.inflates()], [false; 2]);
}

#[test]
fn what_was_not_agreed_on_fails_the_handshake() {
    for (extensions, violation) in [
        ("x", Violation::ResponseExtension),
        ("permessage-deflate, permessage-deflate", Violation::ResponseExtension),
        (
            "permessage-deflate\r\nSec-WebSocket-Extensions:",
            Violation::ResponseExtension,
        ),
        ("permessage-deflate; x", Violation::ResponseExtensionParameters),
        (
            "permessage-deflate; client_max_window_bits=16",
            Violation::ResponseExtensionParameters,
        ),
    ] {
        let request = ClientRequest::new("localhost", "/");
        let mut client =
            Connection::client(config(Deflate::default()), &request, NOW, &mut Counting::default()).unwrap();
        let mut server = Connection::server(Config::default().into(), NOW);
        read(&mut server, &written(&mut client));
        server.accept(&Accept::new()).unwrap();
        let answer = String::from_utf8(written(&mut server)).unwrap();
        let end = format!("\r\nSec-WebSocket-Extensions: {extensions}\r\n\r\n");
        let events = read(&mut client, answer.replace("\r\n\r\n", &end).as_bytes());
        assert_eq!(events, [Event::Failed(Failure::Violation(violation))], "{extensions}");
    }
}

#[test]
fn a_header_that_is_no_list_is_a_bad_request() {
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config(Deflate::default()), &request, NOW, &mut Counting::default()).unwrap();
    let head = String::from_utf8(written(&mut client)).unwrap();
    let mut server = Connection::server(config(Deflate::default()), NOW);
    assert_eq!(server.side(), Side::Server);
    let events = read(
        &mut server,
        head.replace("permessage-deflate;", "permessage-deflate;;").as_bytes(),
    );
    match &events[..] {
        [Event::Failed(Failure::Refused(refusal))] => assert_eq!(refusal.cause, Some(BadRequest::Extensions)),
        _ => panic!("{events:?}"),
    }
}
