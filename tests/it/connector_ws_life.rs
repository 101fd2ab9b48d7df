//! What `ws_server` tells of its connections, and what events can ask of them: to be closed, to reach everybody.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};
use wsloop::connector::{Event, Origins, Outcome, Value, value::json};

use super::connector_router::Between;
use super::connector_ws::{SERVER, Service};

const PATIENCE: Duration = Duration::from_secs(20);

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn text(peer: &mut WebSocket<TcpStream>) -> String {
    match peer.read().unwrap() {
        Message::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The Close that comes next; the socket is read to its end.
fn closed(peer: &mut WebSocket<TcpStream>) -> (u16, String) {
    match peer.read().unwrap() {
        Message::Close(Some(frame)) => {
            while peer.read().is_ok() {}
            (frame.code.into(), frame.reason.to_string())
        }
        other => panic!("{other:?}"),
    }
}

/// What a client sends is the value to answer with and what its metadata is to say: `[value, {…}]`.
fn as_asked() -> Between {
    Box::new(|mut event: Event| {
        let Value::Array(parts) = &event.value else {
            panic!("{event:?}")
        };
        let (answer, asked) = (parts[0].clone(), parts[1].clone());
        let mut connection = event.meta.field("ws_server").unwrap().clone();
        for (key, asked) in asked.as_record().unwrap().iter() {
            connection.set_field(key.as_str(), asked.clone());
        }
        event.meta.set_field("ws_server", connection);
        event.value = answer;
        vec![event]
    })
}

#[test]
fn a_connection_is_told_of_when_it_begins_and_when_it_ends() {
    let (told, events) = mpsc::channel();
    let service = Service::defined(SERVER, true, move || {
        Box::new(move |event: Event| {
            told.send(event.clone()).unwrap();
            vec![event]
        })
    });
    let mut peer = service.client();
    // The event itself finds its way to the connection that it is about.
    assert_eq!(text(&mut peer), r#"{"event":"connected"}"#);
    peer.send(Message::text("[1]")).unwrap();
    assert_eq!(text(&mut peer), "[1]");
    let code = CloseCode::Library(4001);
    peer.close(Some(CloseFrame {
        code,
        reason: "enough".into(),
    }))
    .unwrap();
    while peer.read().is_ok() {}
    let next = || -> Event { events.recv_timeout(PATIENCE).unwrap() };
    let (connected, message, disconnected) = (next(), next(), next());
    assert_eq!(message.value, value("[1]"));
    let expected = r#"{"event":"disconnected","by":"peer","code":4001,"reason":"enough",
        "counts":{"messages_in":1,"bytes_in":3,"messages_out":2,"bytes_out":28,"dropped":0}}"#;
    assert_eq!(disconnected.value, value(expected));
    for event in [&connected, &disconnected] {
        assert_eq!((&event.meta, &event.origins), (&message.meta, &message.origins));
    }
    // What tells of the end reaches nobody, and makes no error event that would come here.
    assert_eq!(service.stop().0, Outcome::Done);
    assert!(events.recv_timeout(PATIENCE).is_err(), "nothing more is told");
}

#[test]
fn a_connection_that_breaks_is_told_of_once() {
    let (told, events) = mpsc::channel();
    let service = Service::defined(SERVER, true, move || {
        Box::new(move |event: Event| {
            told.send(event.value).unwrap();
            Vec::new()
        })
    });
    let peer = service.client();
    // The bare end of the stream, without a Close (RFC 6455 section 7.1.5 calls that 1006).
    drop(peer.get_ref().try_clone().unwrap());
    peer.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
    let connected: Value = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(connected, value(r#"{"event":"connected"}"#));
    let ended: Value = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(ended.field("by").and_then(Value::as_str), Some("error"));
    assert_eq!(ended.field("code"), Some(&Value::Null));
    service.stop();
    assert!(events.recv_timeout(PATIENCE).is_err());
}

#[test]
fn an_event_closes_its_connection_behind_its_message() {
    let service = Service::defined(SERVER, false, as_asked);
    let mut peer = service.client();
    let mut other = service.client();
    peer.send(Message::text(r#"["last",{"close":{"code":4000,"reason":"bye"}}]"#))
        .unwrap();
    assert_eq!(text(&mut peer), "\"last\"");
    assert_eq!(closed(&mut peer), (4000, "bye".into()));
    other
        .send(Message::text(r#"["not sent",{"close":{"only":true}}]"#))
        .unwrap();
    assert_eq!(closed(&mut other), (1000, String::new()));
    assert_eq!(service.stop().0, Outcome::Done);
}

#[test]
fn what_can_not_be_asked_is_told_on_err_and_costs_nobody_the_connection() {
    let service = Service::defined(SERVER, false, as_asked);
    let mut peer = service.client();
    for wrong in [
        r#"{"close":{"code":1005}}"#,
        r#"{"close":7}"#,
        r#"{"broadcast":{"topic":1}}"#,
    ] {
        peer.send(Message::text(format!("[1,{wrong}]"))).unwrap();
    }
    peer.send(Message::text("[2,{}]")).unwrap();
    assert_eq!(text(&mut peer), "2");
    let reader = std::thread::spawn(move || closed(&mut peer));
    assert_eq!(service.stop().0, Outcome::Done);
    assert_eq!(reader.join().unwrap(), (1001, String::new()));
}

#[test]
fn a_broadcast_reaches_whom_it_is_meant_for() {
    let definition = r#"{"codec":"json","config":{"url":"127.0.0.1:0","subprotocols":["chat","news"]}}"#;
    let service = Service::defined(definition, false, as_asked);
    let mut a = service.client_at("/a", Some("chat"));
    let mut b = service.client_at("/b", Some("chat"));
    let mut c = service.client_at("/a", Some("news"));
    // Each has been answered, and so is open.
    for peer in [&mut a, &mut b, &mut c] {
        peer.send(Message::text("[0,{}]")).unwrap();
        assert_eq!(text(peer), "0");
    }
    let everybody = [true, true, true];
    for (number, asked, reached) in [
        (1, "true", everybody),
        (2, r#"{"path":"/a"}"#, [true, false, true]),
        (3, r#"{"subprotocol":"chat"}"#, [true, true, false]),
        (4, r#"{"path":"/a","subprotocol":"news"}"#, [false, false, true]),
        (5, r#"{"path":"/nowhere"}"#, [false, false, false]),
    ] {
        b.send(Message::text(format!(r#"[{number},{{"broadcast":{asked}}}]"#)))
            .unwrap();
        b.send(Message::text(format!(r#"["end of {number}",{{"broadcast":true}}]"#)))
            .unwrap();
        for (peer, is_reached) in [&mut a, &mut b, &mut c].into_iter().zip(reached) {
            if is_reached {
                assert_eq!(text(peer), number.to_string(), "{asked}");
            }
            assert_eq!(text(peer), format!("\"end of {number}\""), "{asked}");
        }
    }
    b.send(Message::text(
        r#"["good night",{"broadcast":true,"close":{"code":1012}}]"#,
    ))
    .unwrap();
    for peer in [&mut a, &mut b, &mut c] {
        assert_eq!(text(peer), "\"good night\"");
        assert_eq!(closed(peer), (1012, String::new()));
        assert!(matches!(
            peer.read(),
            Err(Error::ConnectionClosed | Error::AlreadyClosed)
        ));
    }
    assert_eq!(service.stop().0, Outcome::Done);
}

#[test]
fn a_broadcast_keeps_the_type_of_the_frame() {
    let service = Service::defined(SERVER, false, || {
        Box::new(|mut event: Event| {
            event.meta.set_field("ws_server", value(r#"{"broadcast":true}"#));
            event.origins = Origins::None;
            vec![event]
        })
    });
    let (mut one, mut two) = (service.client(), service.client());
    two.send(Message::text("0")).unwrap();
    assert_eq!(two.read().unwrap(), Message::text("0"));
    one.send(Message::binary("[1]")).unwrap();
    assert_eq!(two.read().unwrap(), Message::binary("[1]"));
    service.stop();
}

/// Frames of bytes that aren't text: an error event by default, a binary frame if so configured; the connection stays.
#[test]
fn what_is_no_text_is_an_error_or_a_binary_frame() {
    const ERRING: &str = r#"{"codec":"json","postprocessors":[{"name":"compress","config":{"algorithm":"zstd"}}],
        "config":{"url":"127.0.0.1:0"}}"#;
    const SENDING: &str = r#"{"codec":"json","postprocessors":[{"name":"compress","config":{"algorithm":"zstd"}}],
        "config":{"url":"127.0.0.1:0","not_text":"binary"}}"#;
    let service = Service::defined(ERRING, false, || Box::new(|event| vec![event]));
    let mut peer = service.client();
    // An event that came by a binary frame says so.
    for message in [Message::text("[1]"), Message::binary("[2]")] {
        peer.send(message).unwrap();
    }
    let Message::Binary(answer) = peer.read().unwrap() else {
        panic!("binary")
    };
    assert_eq!(zstd::decode_all(&answer[..]).unwrap(), b"[2]");
    service.stop();
    let service = Service::defined(SENDING, false, || Box::new(|event| vec![event]));
    let mut peer = service.client();
    peer.send(Message::text("[1]")).unwrap();
    let Message::Binary(answer) = peer.read().unwrap() else {
        panic!("binary")
    };
    assert_eq!(zstd::decode_all(&answer[..]).unwrap(), b"[1]");
    service.stop();
}

/// What streaming postprocessors hold back leaves before the last Close: the peer's, our own by an event, and that of a stop.
#[test]
fn what_is_held_back_leaves_before_the_close() {
    const COLLECTING: &str =
        r#"{"codec":"json","postprocessors":["separate","collect"],"config":{"url":"127.0.0.1:0"}}"#;
    let service = Service::defined(COLLECTING, false, as_asked);
    let (mut one, mut two, mut three) = (service.client(), service.client(), service.client());
    for peer in [&mut one, &mut two, &mut three] {
        for text in [r#"[1,{}]"#, r#"[2,{}]"#] {
            peer.send(Message::text(text)).unwrap();
        }
    }
    one.close(None).unwrap();
    two.send(Message::text(r#"[3,{"close":true}]"#)).unwrap();
    assert_eq!(text(&mut one), "1\n2\n");
    assert_eq!(text(&mut two), "1\n2\n3\n");
    assert_eq!(closed(&mut two), (1000, String::new()));
    let reader = std::thread::spawn(move || (text(&mut three), closed(&mut three)));
    // The third one's messages may still be on their way: what waits is read before the end.
    assert_eq!(service.stop().0, Outcome::Done);
    assert_eq!(reader.join().unwrap(), ("1\n2\n".into(), (1001, String::new())));
}
