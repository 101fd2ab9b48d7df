use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use wsloop::engine::{Config, Engine, Event, Events, Failure, ListenOptions};
use wsloop::proto::{self, CloseCode, Instant, Phase};
use wsloop::sim::naive::{Act, Client, Frame, Heard, REQUEST, Reading};
use wsloop::sim::{Faults, SimSys, Status};

const OPENING: Duration = Duration::from_secs(11);
const CLOSING: Duration = Duration::from_secs(7);
const LINGER: Duration = Duration::from_secs(3);

/// What happened, and when.
struct Story {
    opened: Option<Instant>,
    failed: Option<(Instant, Failure)>,
    /// When the engine closed the socket.
    released: Instant,
    heard: Rc<RefCell<Heard>>,
}

/// One client with a plan in a world without faults; the server closes the stream if it is told to, once it is open.
fn tell(acts: Vec<Act>, reading: Reading, close: bool) -> Story {
    let sys: SimSys = SimSys::new(0, Faults::none());
    let mut engine = Engine::with_sys(
        sys,
        Config {
            linger_timeout: LINGER,
            ..Config::default()
        },
    );
    let protocol = proto::Config {
        opening_timeout: OPENING,
        closing_timeout: CLOSING,
        ..proto::Config::default()
    };
    let listener = engine
        .listen(ListenOptions::new("127.0.0.1:0").protocol(Arc::new(protocol)))
        .unwrap();
    let addr = engine.local_addr(listener).unwrap();
    let heard = Rc::new(RefCell::new(Heard::default()));
    let start = engine.now();
    let client = Client::new(addr, acts, reading, Rc::clone(&heard)).unanswering();
    engine.sys_mut().net_mut().add_peer(client, start);
    let mut story = Story {
        opened: None,
        failed: None,
        released: start,
        heard,
    };
    let mut events = Events::with_capacity(4096);
    let mut seen = false;
    loop {
        engine.poll(&mut events, Some(Duration::from_secs(60))).unwrap();
        let now = engine.now();
        for (stream, event) in &events {
            match event {
                Event::Opened(_) => {
                    story.opened = Some(now);
                    if close {
                        engine.close(stream, Some(CloseCode::NORMAL), "").unwrap();
                    }
                }
                Event::Failed(failure) => story.failed = Some((now, failure.clone())),
                Event::Closed(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let sockets = engine.sys().net().engine_sockets();
        seen |= sockets > 0;
        if seen && sockets == 0 {
            story.released = now;
            return story;
        }
        assert!(now - start < Duration::from_secs(600), "the socket is never closed");
    }
}

/// Within a thousandth of a second, which the polls themselves may cost.
#[track_caller]
fn assert_after(later: Instant, earlier: Instant, span: Duration) {
    let passed = later - earlier;
    assert!(
        passed >= span && passed < span + Duration::from_millis(1),
        "{passed:?} is not {span:?}"
    );
}

const START: Instant = Instant::from_nanos(1_000_000_000);

#[test]
fn a_request_that_is_never_finished_is_given_up() {
    let story = tell(vec![Act::Write(b"GET / HTTP/1.1\r\n".to_vec())], Reading::Prompt, false);
    let (when, failure) = story.failed.expect("it has failed");
    assert_eq!(failure, Failure::Protocol(proto::Failure::TimedOut(Phase::Opening)));
    assert_after(when, START, OPENING);
    let (status, when) = story.heard.borrow().end.expect("the client has heard of the end");
    assert_eq!(status, Status::Ended);
    assert_after(when, START, OPENING);
}

#[test]
fn a_close_that_is_never_answered_is_given_up() {
    let acts = vec![Act::Write(REQUEST.as_bytes().to_vec())];
    let story = tell(acts, Reading::Prompt, true);
    let (when, failure) = story.failed.expect("it has failed");
    assert_eq!(failure, Failure::Protocol(proto::Failure::TimedOut(Phase::Closing)));
    assert_after(when, story.opened.expect("it was open"), CLOSING);
    let heard = story.heard.borrow();
    assert_eq!(heard.close, Some((Some(1000), String::new())));
    assert_after(
        heard.end.expect("the client has heard of the end").1,
        when,
        Duration::ZERO,
    );
}

#[test]
fn a_peer_that_has_closed_but_keeps_its_socket_is_waited_for_a_while() {
    let acts = vec![
        Act::Write(REQUEST.as_bytes().to_vec()),
        Act::Close(Frame::close(Some(1000), "")),
    ];
    let story = tell(acts, Reading::Never, false);
    assert!(story.failed.is_none(), "{:?}", story.failed);
    assert_after(story.released, story.opened.expect("it was open"), LINGER);
}

#[test]
fn a_peer_that_has_closed_and_ends_its_side_is_not_waited_for() {
    let acts = vec![
        Act::Write(REQUEST.as_bytes().to_vec()),
        Act::Close(Frame::close(Some(1000), "")),
    ];
    let story = tell(acts, Reading::Prompt, false);
    let (status, when) = story.heard.borrow().end.expect("the client has heard of the end");
    assert_eq!(status, Status::Ended);
    assert_after(when, story.opened.expect("it was open"), Duration::ZERO);
}
