//! How streams end: both sides, in good order or not, with no last frame lost and one last event each.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Config, ConnectOptions, Event, Events, Failure, ListenOptions, Misuse};
use wsloop::proto::{self, CloseCode, Side};

use super::engine_support::{BINARY, CLOSE, RawClient, Rig, TEXT, frame, request, serve};

fn local() -> ListenOptions {
    ListenOptions::new("127.0.0.1:0")
}

fn impatient(opening_ms: u64, closing_ms: u64) -> ListenOptions {
    let config = proto::Config {
        opening_timeout: Duration::from_millis(opening_ms),
        closing_timeout: Duration::from_millis(closing_ms),
        ..proto::Config::default()
    };
    local().protocol(Arc::new(config))
}

/// The peer's Close comes in one read with a message before it: the host can still answer the message.
#[test]
fn a_message_right_before_a_close_is_answered_before_the_close_is() {
    let server = serve(local(), Events::default(), |event_loop, stream, event| match event {
        Event::Message(message) => {
            assert!(event_loop.send(stream, message).unwrap().is_queued());
            // Were the Close answered by this, the next message would come too late.
            event_loop.flush(stream).unwrap();
        }
        Event::Closed(closed) => {
            assert_eq!(closed.initiator, Side::Client);
            let _ = event_loop.send(stream, "and one from the end").unwrap();
            event_loop.flush(stream).unwrap();
        }
        _ => {}
    });
    let mut client = RawClient::open(server.addr);
    let mut bytes = frame(TEXT, b"last words");
    bytes.extend(frame(CLOSE, &1000_u16.to_be_bytes()));
    client.socket.write_all(&bytes).unwrap();
    assert_eq!(client.receive(), (TEXT, b"last words".to_vec()));
    assert_eq!(client.receive(), (TEXT, b"and one from the end".to_vec()));
    assert_eq!(client.receive(), (CLOSE, 1000_u16.to_be_bytes().to_vec()));
    assert!(client.at_end());
}

/// The client goes on sending after the server's Close, which would turn a plain close of the socket into a reset.
#[test]
fn the_last_frames_are_not_lost_to_a_reset() {
    const LAST: usize = 2 << 20;
    let server = serve(local(), Events::default(), |event_loop, stream, event| {
        if let Event::Opened(_) = event {
            let _ = event_loop.send(stream, &[9; LAST][..]).unwrap();
            event_loop.close(stream, Some(CloseCode::NORMAL), "done").unwrap();
        }
    });
    let mut client = RawClient::open(server.addr);
    for _ in 0..100 {
        client.send(BINARY, &[1; 10_000]);
    }
    client.send(CLOSE, &1000_u16.to_be_bytes());
    // These come after the closing handshake, when nobody wants them any more.
    for _ in 0..100 {
        client.send(BINARY, &[1; 1000]);
    }
    assert_eq!(client.receive(), (BINARY, vec![9; LAST]));
    assert_eq!(
        client.receive(),
        (CLOSE, [&1000_u16.to_be_bytes()[..], b"done"].concat())
    );
    assert!(client.at_end());
}

/// What is looked at twice must not be unmasked twice: masked as it came, this text would be one.
#[test]
fn a_text_that_is_valid_only_while_it_is_masked_is_refused() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut client = RawClient::connect(addr);
    client.socket.write_all(request().as_bytes()).unwrap();
    rig.opened();
    // 0xFF, masked with 0x9E: the letter a.
    client.socket.write_all(&[TEXT, 0x81, 0x9E, 0, 0, 0, b'a']).unwrap();
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        other => panic!("{other:?}"),
    });
    let not_text = proto::Failure::Violation(proto::Violation::TextNotUtf8);
    assert_eq!(failure, Failure::Protocol(not_text));
}

#[test]
fn a_peer_that_breaks_the_protocol_is_told_and_the_host_too() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    let stream = rig.opened();
    let reader = std::thread::spawn(move || {
        client.read_head();
        client.send(TEXT, b"good");
        client.send(0x83, b"reserved");
        assert_eq!(client.receive(), (CLOSE, 1002_u16.to_be_bytes().to_vec()));
        assert!(client.at_end());
    });
    let mut messages = 0;
    let failure = rig.until(|_, _, event| match event {
        Event::Message(_) => {
            messages += 1;
            None
        }
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(messages, 1);
    assert_eq!(
        failure,
        Failure::Protocol(proto::Failure::Violation(proto::Violation::ReservedOpcode(3)))
    );
    // The id is good as long as the host looks at its last event, and stale after that.
    assert!(rig.event_loop.peer_addr(stream).is_ok());
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert_eq!(rig.event_loop.peer_addr(stream), Err(Misuse::NoSuchStream));
    assert_eq!(rig.event_loop.send(stream, "x"), Err(Misuse::NoSuchStream));
    assert_eq!(rig.event_loop.close(stream, None, ""), Err(Misuse::NoSuchStream));
    assert_eq!(rig.event_loop.abort(stream), Err(Misuse::NoSuchStream));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    reader.join().unwrap();
}

#[test]
fn a_stale_id_does_not_name_the_stream_that_took_its_place() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut stale = Vec::new();
    for _ in 0..5 {
        let mut client = RawClient::connect(addr);
        client
            .socket
            .write_all(super::engine_support::request().as_bytes())
            .unwrap();
        let stream = rig.opened();
        for old in &stale {
            assert_eq!(rig.event_loop.send(*old, "not for you"), Err(Misuse::NoSuchStream));
        }
        stale.push(stream);
        drop(client);
        rig.until(|_, ended, event| (ended == stream && matches!(event, Event::Failed(_))).then_some(()));
        rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    }
    stale.sort();
    stale.dedup();
    assert_eq!(stale.len(), 5);
}

#[test]
fn lost_connections_end_once_and_say_how() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    for reset in [false, true] {
        let mut client = RawClient::connect(addr);
        client
            .socket
            .write_all(super::engine_support::request().as_bytes())
            .unwrap();
        let stream = rig.opened();
        rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
        if reset {
            // What lies unread in a socket that is closed makes a reset of the close.
            let _ = rig.event_loop.send(stream, "unread").unwrap();
            rig.event_loop.flush(stream).unwrap();
            while client.socket.peek(&mut [0; 1000]).unwrap() < 130 {}
            drop(client);
        } else {
            client.read_head();
            client.send(TEXT, b"before the end");
            client.socket.shutdown(Shutdown::Write).unwrap();
        }
        let mut seen = Vec::new();
        rig.until(|_, _, event| {
            match event {
                Event::Message(_) => seen.push("message".to_string()),
                Event::Failed(failure) => seen.push(failure.to_string()),
                other => panic!("{other:?}"),
            }
            matches!(event, Event::Failed(_)).then_some(())
        });
        if reset {
            assert!(seen[0].contains("reset"), "{seen:?}");
        } else {
            assert_eq!(seen.len(), 2);
            assert!(seen[1].contains("without a Close"), "{seen:?}");
        }
        for _ in 0..5 {
            rig.event_loop
                .poll(&mut rig.events, Some(Duration::from_millis(2)))
                .unwrap();
            assert!(rig.events.is_empty());
        }
        assert_eq!(rig.event_loop.stream_count(), 0);
    }
}

#[test]
fn a_peer_that_never_answers_the_close_is_left_when_time_is_up() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(impatient(10_000, 50));
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    let stream = rig.opened();
    rig.event_loop.close(stream, Some(CloseCode::NORMAL), "").unwrap();
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(
        failure,
        Failure::Protocol(proto::Failure::TimedOut(proto::Phase::Closing))
    );
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn a_peer_that_does_not_end_its_side_is_left_when_the_lingering_is_over() {
    let config = Config {
        linger_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let mut rig = Rig::with(config, Events::default());
    let (_, addr) = rig.listen(local());
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    rig.opened();
    client.send(CLOSE, &[]);
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    client.read_head();
    assert_eq!(client.receive(), (CLOSE, vec![]));
    assert!(client.at_end());
}

/// RFC 6455 section 7.1.1: the server ends the transport, and a client waits for that.
#[test]
fn a_client_leaves_the_end_of_the_transport_to_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        assert!(socket.read().unwrap().is_close());
        // Its answer has left; it calls that an error.
        socket.flush().unwrap_err();
        let socket = socket.get_mut();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        // Neither an end nor a reset: nothing.
        std::io::Read::read(socket, &mut [0]).unwrap_err().kind()
    });
    let mut rig = Rig::new();
    let options = ConnectOptions::new("127.0.0.1", port, "/");
    let client = rig.event_loop.connect(options).unwrap();
    rig.opened();
    rig.event_loop.close(client, Some(CloseCode::NORMAL), "").unwrap();
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    assert_eq!(rig.event_loop.stream_count(), 1);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    let kind = server.join().unwrap();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind}");
}

#[test]
fn an_abort_ends_the_stream_once_and_resets_the_peer() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    let stream = rig.opened();
    rig.event_loop.abort(stream).unwrap();
    rig.event_loop.abort(stream).unwrap();
    let mut ends = 0;
    rig.until_true(|event_loop, events| {
        ends += events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Failed(Failure::Aborted)))
            .count();
        event_loop.stream_count() == 0
    });
    assert_eq!(ends, 1);
    assert!(std::io::Read::read(&mut client.socket, &mut [0; 1000]).is_err());
}

#[test]
fn a_drain_says_going_away_and_waits_for_the_answers() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = RawClient::connect(addr);
        client
            .socket
            .write_all(super::engine_support::request().as_bytes())
            .unwrap();
        rig.opened();
        clients.push(client);
    }
    // One that is still opening is cut at once.
    let mut late = RawClient::connect(addr);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 4);
    rig.event_loop.drain(Duration::from_secs(20));
    assert!(!rig.event_loop.is_drained());
    assert!(rig.event_loop.listen(local()).is_err());
    let reader = std::thread::spawn(move || {
        for client in &mut clients {
            client.read_head();
            assert_eq!(client.receive(), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
            client.send(CLOSE, &1001_u16.to_be_bytes());
            assert!(client.at_end());
        }
        assert!(std::io::Read::read(&mut late.socket, &mut [0]).is_err());
    });
    let mut closed = 0;
    rig.until_true(|event_loop, events| {
        closed += events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Closed(_)))
            .count();
        event_loop.is_drained()
    });
    assert_eq!(closed, 3);
    reader.join().unwrap();
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(local());
    let mut client = RawClient::connect(addr);
    client
        .socket
        .write_all(super::engine_support::request().as_bytes())
        .unwrap();
    rig.opened();
    rig.event_loop.drain(Duration::from_millis(50));
    let mut failures = 0;
    rig.until_true(|event_loop, events| {
        failures += events
            .iter()
            .filter(|(_, event)| matches!(event, Event::Failed(Failure::Aborted)))
            .count();
        event_loop.is_drained()
    });
    assert_eq!(failures, 1);
}
