//! What became of each message: accepted is sent, queued and dropped, whatever happens; and the counters of the loop.

use std::io::Write;
use std::time::Duration;

use wsloop::engine::{
    Account, Event, Failure, ListenOptions, Misuse, QueueOptions, Sent, SlowReader, SocketOptions, StreamId,
};
use wsloop::proto::{self, CloseCode, MessageKind};

use super::engine_support::{BINARY, CLOSE, PING, RawClient, Rig, TEXT, request};

const CHUNK: &[u8] = &[7; 10_000];
/// A server's frame of it: its header is four bytes.
const FRAME_BYTES: u64 = 10_004;

fn bounded(slow_reader: SlowReader) -> ListenOptions {
    let queue = QueueOptions {
        high_water_bytes: 100_000,
        low_water_bytes: 20_000,
        limit_bytes: 200_000,
        slow_reader,
    };
    let socket = SocketOptions {
        send_buffer_bytes: Some(4096),
        ..SocketOptions::default()
    };
    ListenOptions::new("127.0.0.1:0")
        .socket(socket)
        .queue(queue)
        .account(true)
}

fn opened(options: ListenOptions) -> (Rig, StreamId, RawClient) {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(options);
    let mut client = RawClient::connect(addr);
    client.socket.write_all(request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
    assert!(client.read_head().contains("101"));
    (rig, stream, client)
}

fn balanced(account: &Account) {
    let mut sum = account.sent;
    sum += account.queued;
    sum += account.dropped.total();
    assert_eq!(sum, account.accepted, "{account:?}");
}

/// Sends and flushes until an answer is `stop`; gives how many were sent before.
fn fill(rig: &mut Rig, stream: StreamId, stop: impl Fn(Sent) -> bool) -> u64 {
    for sent in 0..10_000 {
        if stop(rig.event_loop.send(stream, CHUNK).unwrap()) {
            return sent;
        }
        rig.event_loop.flush(stream).unwrap();
        balanced(&rig.event_loop.account(stream).unwrap());
    }
    panic!("the queue has no end");
}

#[test]
fn all_is_sent_to_a_peer_that_reads() {
    let (mut rig, stream, mut client) = opened(bounded(SlowReader::Refuse));
    let _ = rig.event_loop.send(stream, "one").unwrap();
    rig.event_loop.ping(stream, b"no message").unwrap();
    rig.event_loop.begin_message(stream, MessageKind::Text, false).unwrap();
    let begun = rig.event_loop.account(stream).unwrap();
    assert_eq!((begun.accepted.messages, begun.accepted.bytes), (1, 5));
    assert_eq!((begun.queued, begun.sent.messages), (begun.accepted, 0));
    let _ = rig.event_loop.send_chunk(stream, b"two", false).unwrap();
    rig.event_loop.flush(stream).unwrap();
    let under_way = rig.event_loop.account(stream).unwrap();
    assert_eq!((under_way.accepted.messages, under_way.accepted.bytes), (2, 10));
    assert_eq!((under_way.queued.messages, under_way.queued.bytes), (1, 0));
    balanced(&under_way);
    let _ = rig.event_loop.send_chunk(stream, b"!", true).unwrap();
    rig.event_loop.flush(stream).unwrap();
    let account = rig.event_loop.account(stream).unwrap();
    assert_eq!(account.sent, account.accepted);
    assert_eq!((account.sent.messages, account.sent.bytes), (2, 13));
    assert_eq!(client.receive(), (TEXT, b"one".to_vec()));
    assert_eq!(client.receive(), (PING, b"no message".to_vec()));
    assert_eq!(client.receive(), (0x01, b"two".to_vec()));
    assert_eq!(client.receive(), (0x80, b"!".to_vec()));
    client.send(TEXT, b"bye");
    client.send(CLOSE, &[]);
    let last = rig.until(|event_loop, stream, event| match event {
        Event::Closed(_) => Some(event_loop.account(stream).unwrap()),
        _ => None,
    });
    assert_eq!(last, account);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    assert_eq!(rig.event_loop.account(stream), Err(Misuse::NoSuchStream));
    let counters = rig.event_loop.counters();
    assert_eq!((counters.messages_sent, counters.messages_received), (2, 1));
    assert_eq!((counters.opened, counters.ended, counters.messages_lost), (1, 1, 0));
    // Frames of masked `bye` and of the two Closes.
    assert_eq!(counters.bytes_received, request().len() as u64 + 9 + 6);
}

#[test]
fn a_stream_without_an_account_says_so() {
    let (mut rig, stream, _client) = opened(bounded(SlowReader::Refuse).account(false));
    let _ = rig.event_loop.send(stream, "x").unwrap();
    assert_eq!(rig.event_loop.account(stream), Err(Misuse::NoAccount));
}

#[test]
fn what_a_slow_reader_is_refused_or_loses_is_told_by_cause() {
    let (mut rig, stream, mut client) = opened(bounded(SlowReader::Refuse));
    let sent = fill(&mut rig, stream, |answer| matches!(answer, Sent::Refused { .. }));
    let account = rig.event_loop.account(stream).unwrap();
    balanced(&account);
    assert_eq!(
        (account.accepted.messages, account.accepted.bytes),
        (sent, sent * FRAME_BYTES)
    );
    assert_eq!((account.refused.messages, account.refused.bytes), (1, 10_000));
    assert_eq!(account.dropped.total().messages, 0);
    assert_eq!(
        account.queued.bytes,
        rig.event_loop.queued_bytes(stream).unwrap() as u64
    );
    // It is what the client finds.
    for _ in 0..sent {
        rig.event_loop.poll(&mut rig.events, Some(Duration::ZERO)).unwrap();
        let mut client = RawClient {
            socket: client.socket.try_clone().unwrap(),
        };
        let reading = std::thread::spawn(move || client.receive());
        rig.until_true(|_, _| reading.is_finished());
        assert_eq!(reading.join().unwrap(), (BINARY, CHUNK.to_vec()));
    }
    assert_eq!(rig.event_loop.account(stream).unwrap().sent.messages, sent);
    client.send(CLOSE, &[]);

    let (mut rig, stream, _client) = opened(bounded(SlowReader::DropNewest));
    let sent = fill(&mut rig, stream, |answer| matches!(answer, Sent::Dropped { .. }));
    let account = rig.event_loop.account(stream).unwrap();
    balanced(&account);
    assert_eq!(account.accepted.messages, sent + 1);
    assert_eq!(
        (account.dropped.newest.messages, account.dropped.newest.bytes),
        (1, 10_000)
    );
    assert_eq!(account.dropped.total(), account.dropped.newest);

    let (mut rig, stream, _client) = opened(bounded(SlowReader::Close));
    let sent = fill(&mut rig, stream, |answer| answer == Sent::Closing);
    let account = rig.event_loop.account(stream).unwrap();
    balanced(&account);
    assert_eq!(account.accepted.messages, sent + 1);
    assert_eq!(account.dropped.total(), account.dropped.slow_reader);
    assert!(account.queued.messages <= 1, "the frame under way");
    assert_eq!(
        rig.event_loop.counters().messages_dropped,
        account.dropped.slow_reader.messages
    );
}

#[test]
fn what_a_close_drops_and_what_a_lost_connection_drops_are_told_apart() {
    let (mut rig, stream, client) = opened(bounded(SlowReader::Refuse));
    let sent = fill(&mut rig, stream, |answer| matches!(answer, Sent::Refused { .. }));
    rig.event_loop
        .close_now(stream, CloseCode::NORMAL, "", Duration::from_secs(30))
        .unwrap();
    let account = rig.event_loop.account(stream).unwrap();
    balanced(&account);
    assert_eq!(account.accepted.messages, sent);
    assert_eq!(account.dropped.total(), account.dropped.closed);
    let closed = account.dropped.closed;
    assert!(closed.messages > 10 && account.queued.messages <= 1);
    // The frame under way is lost with the connection, if there is one.
    drop(client);
    let account = rig.until(|event_loop, stream, event| match event {
        Event::Failed(_) => Some(event_loop.account(stream).unwrap()),
        _ => None,
    });
    balanced(&account);
    assert_eq!(account.queued.messages, 0);
    assert_eq!(account.dropped.closed, closed);

    let (mut rig, stream, client) = opened(bounded(SlowReader::Refuse));
    let sent = fill(&mut rig, stream, |answer| matches!(answer, Sent::Refused { .. }));
    drop(client);
    let (failure, account) = rig.until(|event_loop, stream, event| match event {
        Event::Failed(failure) => Some((failure.clone(), event_loop.account(stream).unwrap())),
        _ => None,
    });
    // Which of the two depends on whether a write or a read met the reset first.
    let lost = Failure::Protocol(proto::Failure::Lost);
    assert!(matches!(failure, Failure::Io(_)) || failure == lost, "{failure}");
    balanced(&account);
    assert_eq!((account.accepted.messages, account.queued.messages), (sent, 0));
    assert!(account.dropped.lost.messages > 10 && account.dropped.total() == account.dropped.lost);
    assert_eq!(rig.event_loop.counters().messages_lost, account.dropped.lost.messages);

    // A message in chunks whose end never comes.
    let (mut rig, stream, _client) = opened(bounded(SlowReader::Refuse));
    rig.event_loop
        .begin_message(stream, MessageKind::Binary, false)
        .unwrap();
    let _ = rig.event_loop.send_chunk(stream, b"half", false).unwrap();
    rig.event_loop.flush(stream).unwrap();
    rig.event_loop.close(stream, None, "").unwrap();
    let account = rig.event_loop.account(stream).unwrap();
    balanced(&account);
    assert_eq!((account.accepted.messages, account.sent.messages), (1, 0));
    assert_eq!(account.dropped.closed.messages, 1);
    rig.event_loop.abort(stream).unwrap();
    balanced(&rig.event_loop.account(stream).unwrap());
}
