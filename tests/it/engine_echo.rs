//! Messages of all kinds, there and back, with peers of our own and of others.

use std::net::TcpListener;

use tungstenite::Message as TungsteniteMessage;
use wsloop::engine::{ConnectOptions, Event, Events, ListenOptions};
use wsloop::proto::{CloseCode, Message};

use super::engine_support::{BINARY, PING, PONG, RawClient, Rig, TEXT, echo, frame, serve};

fn local() -> ListenOptions {
    ListenOptions::new("127.0.0.1:0")
}

#[test]
fn a_foreign_client_gets_every_kind_back() {
    let server = serve(local(), Events::default(), echo);
    let (mut client, _) = tungstenite::connect(format!("ws://{}/", server.addr)).unwrap();
    let large = vec![0xa5; 1 << 20];
    for message in [
        TungsteniteMessage::text("hello"),
        TungsteniteMessage::text(""),
        TungsteniteMessage::binary(vec![]),
        TungsteniteMessage::binary(vec![0, 1, 254, 255]),
        TungsteniteMessage::text("ö€😀".repeat(10_000)),
        TungsteniteMessage::binary(large),
    ] {
        client.send(message.clone()).unwrap();
        assert!(client.read().unwrap() == message);
    }
    client.close(None).unwrap();
    while client.read().is_ok() {}
    assert!(!client.can_write());
}

#[test]
fn a_fragmented_message_comes_back_as_one_frame_with_pings_answered_in_between() {
    let server = serve(local(), Events::default(), echo);
    let mut client = RawClient::open(server.addr);
    client.send(0x01, "Gr".as_bytes());
    client.send(PING, b"still there?");
    client.send(0x00, &"üße".as_bytes()[..1]);
    client.send(0x80, &"üße".as_bytes()[1..]);
    assert_eq!(client.receive(), (PONG, b"still there?".to_vec()));
    assert_eq!(client.receive(), (TEXT, "Grüße".as_bytes().to_vec()));
}

#[test]
fn a_thousand_messages_in_one_write_come_back_in_order() {
    let server = serve(local(), Events::default(), echo);
    let mut client = RawClient::open(server.addr);
    let mut bytes = Vec::new();
    for number in 0..1000_u32 {
        bytes.extend(frame(BINARY, &number.to_be_bytes().repeat(number as usize % 50)));
    }
    std::io::Write::write_all(&mut client.socket, &bytes).unwrap();
    for number in 0..1000_u32 {
        assert_eq!(
            client.receive(),
            (BINARY, number.to_be_bytes().repeat(number as usize % 50))
        );
    }
}

/// A message of 64 KiB through an arena of 4 KiB, and 300 small ones, many times what the arena holds.
#[test]
fn a_full_arena_loses_nothing() {
    let server = serve(local(), Events::with_capacity(0), echo);
    let mut client = RawClient::open(server.addr);
    let large = vec![7; 64 << 10];
    let mut bytes = frame(BINARY, &large);
    for number in 0..300_u32 {
        bytes.extend(frame(BINARY, &number.to_be_bytes().repeat(20)));
    }
    std::io::Write::write_all(&mut client.socket, &bytes).unwrap();
    assert_eq!(client.receive(), (BINARY, large));
    for number in 0..300_u32 {
        assert_eq!(client.receive(), (BINARY, number.to_be_bytes().repeat(20)));
    }
}

#[test]
fn both_sides_in_one_loop() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local().subprotocols(["b", "a"]));
    let options = ConnectOptions::from_url(&format!("ws://localhost:{}/x", addr.port())).unwrap();
    let client = rig.event_loop.connect(options.subprotocols(["a", "b"])).unwrap();
    rig.event_loop.set_data(client, 42).unwrap();
    let mut opened = 0;
    let mut received = Vec::new();
    let closed = rig.until(|event_loop, stream, event| {
        match event {
            Event::Opened(answer) => {
                opened += 1;
                assert_eq!(answer.subprotocol.as_deref(), Some("b"));
                if stream == client {
                    let _ = event_loop.send(client, "one").unwrap();
                    let _ = event_loop.send(client, &[2; 300_000][..]).unwrap();
                }
            }
            Event::Message(message) if stream == client => {
                received.push((message.is_text(), message.len()));
                if received.len() == 2 {
                    event_loop.close(client, CloseCode::new(4000), "enough").unwrap();
                }
            }
            Event::Message(_) => echo(event_loop, stream, event),
            Event::Closed(closed) if stream != client => return Some(closed.clone()),
            Event::Failed(failure) => panic!("{failure}"),
            _ => {}
        }
        None
    });
    assert_eq!(opened, 2);
    assert_eq!(received, [(true, 3), (false, 300_000)]);
    assert_eq!((closed.code, closed.reason.as_str()), (CloseCode::new(4000), "enough"));
    assert_eq!(rig.event_loop.data(client), Ok(42));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn a_foreign_server_is_spoken_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(socket).unwrap();
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).unwrap();
            }
        }
    });
    let mut rig = Rig::new();
    let client = rig
        .event_loop
        .connect(ConnectOptions::new("127.0.0.1", addr.port(), "/"))
        .unwrap();
    assert_eq!(rig.opened(), client);
    assert_eq!(rig.event_loop.peer_addr(client), Ok(addr));
    let text = "ж".repeat(40_000);
    let _ = rig.event_loop.send(client, text.as_str()).unwrap();
    rig.until(|event_loop, _, event| {
        let Event::Message(Message::Text(echoed)) = event else {
            return None;
        };
        assert!(echoed.as_str() == text);
        event_loop.close(client, Some(CloseCode::NORMAL), "").unwrap();
        Some(())
    });
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    server.join().unwrap();
}

#[test]
fn many_listeners_of_both_families_share_a_loop() {
    let mut rig = Rig::new();
    let listeners: Vec<_> = ["127.0.0.1:0", "[::1]:0", "localhost:0", "127.0.0.1:0"]
        .map(|address| rig.listen(ListenOptions::new(address)))
        .into();
    let streams: Vec<_> = listeners
        .iter()
        .map(|(_, addr)| {
            assert_ne!(addr.port(), 0);
            let options = ConnectOptions::new(addr.ip().to_string(), addr.port(), "/");
            rig.event_loop.connect(options).unwrap()
        })
        .collect();
    let mut seen = Vec::new();
    rig.until(|event_loop, stream, event| {
        if let Event::Opened(_) = event
            && let Some(listener) = event_loop.listener_of(stream).unwrap()
        {
            let addr = event_loop.local_addr_of(stream).unwrap();
            assert_eq!(event_loop.local_addr(listener), Ok(addr));
            seen.push(listener);
        }
        (seen.len() == streams.len()).then_some(())
    });
    seen.sort();
    assert_eq!(
        seen,
        listeners.iter().map(|(listener, _)| *listener).collect::<Vec<_>>()
    );
}
