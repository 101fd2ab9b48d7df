//! The loop and other threads: handles, the waker.

use std::time::Duration;

use wsloop::engine::{Config, Event, Events, HandleError, ListenOptions, Misuse, Notice};
use wsloop::proto::CloseCode;

use super::engine_support::{CLOSE, RawClient, Rig, TEXT, has_notice};

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
