//! Log records: of what happens to connections, and none of messages.

use std::cell::RefCell;
use std::sync::Once;
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use wsloop::engine::{Event, ListenOptions};
use wsloop::proto::CloseCode;

use super::engine_support::{CLOSE, RawClient, Rig, TEXT, request};

thread_local! {
    static RECORDS: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the records of the thread that makes them: other tests have loops as well.
struct Keeper;

impl Log for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wsloop"
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            RECORDS.with_borrow_mut(|records| records.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

fn take() -> Vec<(Level, String)> {
    RECORDS.take()
}

#[test]
fn connections_are_told_of_and_messages_are_not() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").connections_max(1));
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.until_true(|event_loop, _| event_loop.counters().accepts_waited == 1);
    let records = take();
    assert!(
        records.contains(&(Level::Debug, format!("{stream:?} is open"))),
        "{records:?}"
    );
    assert!(records.iter().any(|(_, text)| text.contains("no room")), "{records:?}");
    assert!(client.read_head().contains("101"));
    for _ in 0..100 {
        client.send(TEXT, b"message");
    }
    let mut messages = 0;
    rig.until(|event_loop, stream, event| {
        assert!(matches!(event, Event::Message(_)));
        let _ = event_loop.send(stream, "answer").unwrap();
        messages += 1;
        (messages == 100).then_some(())
    });
    rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
    assert_eq!(take(), []);
    rig.event_loop.close(stream, Some(CloseCode::NORMAL), "").unwrap();
    client.send(CLOSE, &1000_u16.to_be_bytes());
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    rig.event_loop.drain(Duration::from_secs(1));
    let records = take();
    assert_eq!(records[0].0, Level::Debug);
    assert!(
        records[0].1.starts_with(&format!("{stream:?} is closed with 1000")),
        "{records:?}"
    );
    assert_eq!(records[1].0, Level::Info);
    assert!(records[1].1.starts_with("draining"), "{records:?}");
    // One that failed says why.
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let mut broken = RawClient::connect(addr);
    std::io::Write::write_all(&mut broken.socket, b"nonsense\r\n\r\n").unwrap();
    rig.until(|_, _, event| matches!(event, Event::Failed(_)).then_some(()));
    let records = take();
    assert!(
        records.iter().any(|(_, text)| text.contains("has ended: ")),
        "{records:?}"
    );
    assert_eq!(rig.event_loop.counters().handshakes_refused, 1);
}
