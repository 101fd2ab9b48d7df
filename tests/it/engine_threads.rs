//! The loop and other threads: handles, the waker.

use std::time::Duration;

use wsloop::engine::{
    AdoptOptions, Config, Event, Events, Failure, HandleError, ListenOptions, Misuse, Notice, QueueOptions, Sent,
    StreamId,
};
use wsloop::proto::{Accept, CloseCode, Response};

use super::engine_support::{BINARY, CLOSE, PATIENCE, PING, PONG, RawClient, Rig, TEXT, has_notice};

#[test]
fn another_thread_sends_and_closes_through_a_handle() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
    let stream = rig.opened();
    let handle = rig.event_loop.handle();
    let other = std::thread::spawn(move || {
        client.read_head();
        handle.send(stream, "from elsewhere").unwrap();
        assert_eq!(client.receive(), (TEXT, b"from elsewhere".to_vec()));
        handle.close(stream, Some(CloseCode::GOING_AWAY), "bye").unwrap();
        assert_eq!(
            client.receive(),
            (CLOSE, [&1001_u16.to_be_bytes()[..], b"bye"].concat())
        );
        client.send(CLOSE, &1001_u16.to_be_bytes());
        assert!(client.at_end());
        handle
    });
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    let handle = other.join().unwrap();
    handle.send(stream, "too late").unwrap();
    rig.until_true(|_, events| {
        has_notice(
            events,
            &Notice::CommandFailed {
                stream,
                misuse: Misuse::NoSuchStream,
            },
        )
    });
    drop(rig);
    assert_eq!(handle.send(stream, "nobody is there"), Err(HandleError::Closed));
}

#[test]
fn a_wake_ends_a_poll_that_would_wait_for_ever() {
    let mut rig = Rig::with(Config::default(), Events::default());
    let handle = rig.event_loop.handle();
    let other = std::thread::spawn(move || handle.wake());
    rig.event_loop.poll(&mut rig.events, None).unwrap();
    assert!(has_notice(&rig.events, &Notice::Woken));
    other.join().unwrap();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert!(rig.events.is_empty());
    assert_eq!(rig.event_loop.next_timeout(), None);
}

#[test]
fn a_stop_from_another_thread_ends_the_loop() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let _client = RawClient::connect(addr);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 1);
    rig.event_loop.handle().stop().unwrap();
    while !rig.event_loop.is_drained() {
        rig.event_loop.poll(&mut rig.events, None).unwrap();
    }
}

/// A stream of `rig`'s that is open, and its client.
fn opened(rig: &mut Rig, options: ListenOptions) -> (StreamId, RawClient) {
    let (_, addr) = rig.listen(options);
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    client.read_head();
    (stream, client)
}

#[test]
fn many_threads_send_through_a_short_queue_and_nothing_is_lost() {
    const THREADS: u32 = 4;
    const MESSAGES: u32 = 3000;
    let config = Config {
        handle_queue_len: 16,
        handle_queue_bytes: 100,
        ..Config::default()
    };
    let mut rig = Rig::with(config, Events::default());
    let (stream, mut client) = opened(&mut rig, ListenOptions::new("127.0.0.1:0"));
    let handle = rig.event_loop.handle();
    let senders: Vec<_> = (0..THREADS)
        .map(|thread| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                let mut full = 0;
                for number in 0..MESSAGES {
                    let message = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                    while let Err(error) = handle.send(stream, message.as_slice()) {
                        assert_eq!(error, HandleError::Full);
                        full += 1;
                        handle.wait_for_room(PATIENCE).unwrap();
                    }
                }
                full
            })
        })
        .collect();
    let reader = std::thread::spawn(move || {
        let mut next = [0; THREADS as usize];
        for _ in 0..THREADS * MESSAGES {
            let (first, payload) = client.receive();
            assert_eq!(first, BINARY);
            let thread = u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
            let number = u32::from_be_bytes(payload[4..].try_into().unwrap());
            assert_eq!(number, next[thread], "each thread's messages come in its order");
            next[thread] += 1;
        }
        handle.stop().unwrap();
    });
    // For ever: whatever the threads want must wake the loop.
    while !rig.event_loop.is_drained() {
        rig.event_loop.poll(&mut rig.events, None).unwrap();
    }
    reader.join().unwrap();
    let full: u32 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
    assert!(full > 0, "the queue is never full");
}

#[test]
fn a_thread_that_waits_for_room_hears_of_the_end() {
    let config = Config {
        handle_queue_len: 1,
        ..Config::default()
    };
    let mut rig = Rig::with(config, Events::default());
    let handle = rig.event_loop.handle();
    assert_eq!(handle.wait_for_room(PATIENCE), Ok(true), "there is room");
    handle.drain(PATIENCE).unwrap();
    assert_eq!(handle.drain(PATIENCE), Err(HandleError::Full));
    assert_eq!(handle.wait_for_room(Duration::ZERO), Ok(false));
    let waiting = std::thread::spawn(move || {
        loop {
            match handle.wait_for_room(PATIENCE) {
                Ok(true) => {}
                other => return other,
            }
        }
    });
    drop(std::mem::replace(&mut rig, Rig::new()));
    assert_eq!(waiting.join().unwrap(), Err(HandleError::Closed));
}

#[test]
fn another_thread_pings_pauses_resumes_and_cuts() {
    let mut rig = Rig::new();
    let options = ListenOptions::new("127.0.0.1:0").control_events(true);
    let (stream, mut client) = opened(&mut rig, options);
    let handle = rig.event_loop.handle();
    handle.ping(stream, b"there?").unwrap();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert_eq!(client.receive(), (PING, b"there?".to_vec()));
    client.send(PONG, b"there?");
    rig.until(|_, _, event| matches!(event, Event::Pong(b"there?")).then_some(()));

    handle.pause(stream).unwrap();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    client.send(BINARY, b"while it is paused");
    // Another stream's message is sure to come after.
    let (_, mut other) = opened(&mut rig, ListenOptions::new("127.0.0.1:0"));
    other.send(BINARY, b"?");
    rig.until(|_, from, event| {
        assert!(from != stream, "a paused stream was read");
        matches!(event, Event::Message(_)).then_some(())
    });
    handle.resume(stream).unwrap();
    rig.until(|_, from, event| (from == stream && matches!(event, Event::Message(_))).then_some(()));

    handle.ping(stream, &[0; 126]).unwrap();
    rig.until_true(|_, events| {
        events
            .notices()
            .any(|notice| matches!(notice, Notice::CommandFailed { stream: of, .. } if *of == stream))
    });
    handle.abort(stream).unwrap();
    rig.until(|_, from, event| (from == stream && matches!(event, Event::Failed(Failure::Aborted))).then_some(()));
}

#[test]
fn another_thread_answers_requests() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").requests(true));
    let handle = rig.event_loop.handle();
    for accepts in [true, false] {
        let mut client = RawClient::connect(addr);
        std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
        let stream = rig.until(|_, stream, event| matches!(event, Event::Request(_)).then_some(stream));
        if accepts {
            handle.accept(stream, Accept::new().header("X-By", "another")).unwrap();
            rig.opened();
        } else {
            handle.refuse(stream, Response::new(403).body("no")).unwrap();
            rig.until(|_, _, event| matches!(event, Event::Failed(_)).then_some(()));
        }
        rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
        let head = client.read_head();
        let wanted = if accepts { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
        assert!(head.starts_with(wanted) && head.contains("X-By") == accepts, "{head}");
    }
}

#[test]
fn a_message_that_finds_no_room_is_told_of() {
    let mut rig = Rig::new();
    let queue = QueueOptions {
        limit_bytes: 1000,
        ..QueueOptions::default()
    };
    let (stream, mut client) = opened(&mut rig, ListenOptions::new("127.0.0.1:0").queue(queue));
    let handle = rig.event_loop.handle();
    handle.send(stream, &[0; 2000][..]).unwrap();
    handle.send(stream, "short").unwrap();
    rig.until_true(|_, events| {
        has_notice(
            events,
            &Notice::MessageNotQueued {
                stream,
                sent: Sent::Refused { queued_bytes: 0 },
            },
        )
    });
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert_eq!(client.receive(), (TEXT, b"short".to_vec()));
    let soon = Duration::from_secs(1);
    handle.close_now(stream, CloseCode::GOING_AWAY, "", soon).unwrap();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert_eq!(client.receive(), (CLOSE, 1001_u16.to_be_bytes().to_vec()));
}

/// An acceptor that knows HTTP gives the sockets that want to be WebSockets to the loop's thread: a channel and a wake.
#[test]
fn another_thread_hands_sockets_over() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let mut rig = Rig::new();
    let handle = rig.event_loop.handle();
    let (sender, receiver) = std::sync::mpsc::channel();
    let acceptor = std::thread::spawn(move || {
        for _ in 0..3 {
            let (mut socket, _) = listener.accept().unwrap();
            // The request is read with what stands behind it, and understood here.
            let mut read = vec![0; 4096];
            let mut len = 0;
            while !read[..len].windows(4).any(|end| end == b"\r\n\r\n") {
                len += std::io::Read::read(&mut socket, &mut read[len..]).unwrap();
            }
            read.truncate(len);
            sender.send((socket, read)).unwrap();
            handle.wake();
        }
    });
    let clients: Vec<_> = (0..3_u8)
        .map(|number| {
            std::thread::spawn(move || {
                let mut client = RawClient::connect(addr);
                let request = super::engine_support::request().into_bytes();
                let first = [request, super::engine_support::frame(BINARY, &[number])].concat();
                std::io::Write::write_all(&mut client.socket, &first).unwrap();
                client.read_head();
                assert_eq!(client.receive(), (BINARY, vec![number]));
                client.send(CLOSE, &[0x03, 0xe8]);
            })
        })
        .collect();
    let mut closed = 0;
    rig.until_true(|event_loop, events| {
        while let Ok((socket, read)) = receiver.try_recv() {
            let options = AdoptOptions::server(ListenOptions::default());
            event_loop.adopt(socket.into(), options.received(read)).unwrap();
        }
        for (stream, event) in events {
            super::engine_support::echo(event_loop, stream, event);
            closed += u8::from(matches!(event, Event::Closed(_)));
        }
        closed == 3
    });
    acceptor.join().unwrap();
    for client in clients {
        client.join().unwrap();
    }
}
