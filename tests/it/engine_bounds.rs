//! Slow readers: how much waits for them, who is told, and what becomes of the rest.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use wsloop::engine::{
    ConnectOptions, Event, Events, Failure, ListenOptions, QueueOptions, Sent, SlowReader, SocketOptions, StreamId,
};
use wsloop::proto::{CloseCode, MessageKind, Misuse};

use super::engine_support::{BINARY, CLOSE, RawClient, Rig, TEXT, frame, serve};

const CHUNK: &[u8] = &[7; 10_000];

/// Small buffers in the system, so that a queue fills soon.
fn small_buffers() -> SocketOptions {
    SocketOptions {
        send_buffer_bytes: Some(4096),
        ..SocketOptions::default()
    }
}

fn bounded(slow_reader: SlowReader) -> ListenOptions {
    let queue = QueueOptions {
        high_water_bytes: 100_000,
        low_water_bytes: 20_000,
        limit_bytes: 200_000,
        slow_reader,
    };
    ListenOptions::new("127.0.0.1:0").socket(small_buffers()).queue(queue)
}

/// A loop with one client that does not read.
fn with_slow_reader(options: ListenOptions) -> (Rig, StreamId, RawClient) {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(options);
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
    let stream = rig.opened();
    rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
    assert!(client.read_head().contains("101"));
    (rig, stream, client)
}

/// Sends, a chunk a turn, until `stop`; gives how many were queued.
fn fill(rig: &mut Rig, stream: StreamId, mut stop: impl FnMut(Sent) -> bool) -> usize {
    for sent in 0..10_000 {
        let answer = rig.event_loop.send(stream, CHUNK).unwrap();
        if stop(answer) {
            return sent;
        }
        rig.event_loop.flush(stream).unwrap();
    }
    panic!("the queue has no end");
}

#[test]
fn a_full_queue_gives_the_message_back_and_tells_when_there_is_room() {
    let (mut rig, stream, mut client) = with_slow_reader(bounded(SlowReader::Refuse));
    let mut above = None;
    let sent = fill(&mut rig, stream, |answer| match answer {
        Sent::Queued { queued_bytes } => {
            assert!(queued_bytes <= 100_000);
            false
        }
        Sent::AboveHighWater { queued_bytes } => {
            assert!((100_001..=200_100).contains(&queued_bytes));
            above = above.or(Some(queued_bytes));
            false
        }
        Sent::Refused { queued_bytes } => {
            assert!((190_000..=200_100).contains(&queued_bytes));
            true
        }
        Sent::Dropped { .. } | Sent::Closing => panic!("{answer:?}"),
    });
    assert!(above.is_some_and(|bytes| bytes < 111_000), "{above:?}");
    rig.until(|_, _, event| match event {
        Event::HighWater { queued_bytes } => {
            assert!(queued_bytes > 100_000);
            Some(())
        }
        _ => None,
    });
    let reader = std::thread::spawn(move || {
        for _ in 0..sent {
            assert_eq!(client.receive(), (BINARY, CHUNK.to_vec()));
        }
        client
    });
    let low = rig.until(|_, _, event| match event {
        Event::LowWater { queued_bytes } => Some(queued_bytes),
        Event::HighWater { .. } => panic!("told twice"),
        _ => None,
    });
    assert!(low <= 20_000, "{low}");
    rig.until_true(|event_loop, _| event_loop.queued_bytes(stream) == Ok(0));
    let mut client = reader.join().unwrap();
    assert!(matches!(rig.event_loop.send(stream, "again"), Ok(Sent::Queued { .. })));
    rig.event_loop.flush(stream).unwrap();
    assert_eq!(client.receive(), (TEXT, b"again".to_vec()));
}

#[test]
fn a_chunk_without_room_is_given_back_until_the_stream_is_closed() {
    for slow_reader in [SlowReader::Refuse, SlowReader::DropNewest] {
        let (mut rig, stream, _client) = with_slow_reader(bounded(slow_reader));
        rig.event_loop.begin_message(stream, MessageKind::Binary, true).unwrap();
        while rig.event_loop.send_chunk(stream, CHUNK, false).unwrap().is_queued() {}
        let refused = rig.event_loop.send_chunk(stream, CHUNK, false);
        assert!(matches!(refused, Ok(Sent::Refused { .. })), "{refused:?}");
        assert_eq!(rig.event_loop.counters().messages_dropped, 0);
        rig.event_loop.close(stream, None, "").unwrap();
        let late = rig.event_loop.send_chunk(stream, CHUNK, false);
        assert_eq!(late, Err(Misuse::NotOpen.into()));
    }
}

#[test]
fn a_chunk_without_room_closes_the_stream_and_its_message_is_counted_once() {
    let (mut rig, stream, _client) = with_slow_reader(bounded(SlowReader::Close));
    for _ in 0..10 {
        assert!(rig.event_loop.send(stream, CHUNK).unwrap().is_queued());
    }
    rig.event_loop.begin_message(stream, MessageKind::Binary, true).unwrap();
    while rig.event_loop.send_chunk(stream, CHUNK, false).unwrap() != Sent::Closing {}
    assert_eq!(rig.event_loop.counters().messages_dropped, 11);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it() {
    let (mut rig, stream, mut client) = with_slow_reader(bounded(SlowReader::DropNewest));
    let mut dropped = 0;
    let sent = fill(&mut rig, stream, |answer| {
        dropped += u64::from(matches!(answer, Sent::Dropped { .. }));
        dropped == 5
    });
    let arrived = sent - 4;
    assert_eq!(rig.event_loop.counters().messages_dropped, 5);
    assert_eq!(rig.event_loop.counters().messages_sent, arrived as u64);
    rig.event_loop.close(stream, None, "").unwrap();
    let reader = std::thread::spawn(move || {
        for _ in 0..arrived {
            assert_eq!(client.receive(), (BINARY, CHUNK.to_vec()));
        }
        assert_eq!(client.receive(), (CLOSE, vec![]));
        client.send(CLOSE, &[]);
        assert!(client.at_end());
    });
    rig.until(|_, _, event| matches!(event, Event::Closed(_)).then_some(()));
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    reader.join().unwrap();
}

#[test]
fn a_full_queue_is_given_up_and_the_reader_closed() {
    let (mut rig, stream, mut client) = with_slow_reader(bounded(SlowReader::Close));
    let sent = fill(&mut rig, stream, |answer| answer == Sent::Closing);
    assert!(
        rig.event_loop.queued_bytes(stream).unwrap() < 11_000,
        "the queue is dropped behind the frame under way"
    );
    let reader = std::thread::spawn(move || {
        let mut received = 0;
        loop {
            match client.receive() {
                (BINARY, payload) => assert_eq!(payload, CHUNK),
                (CLOSE, payload) => {
                    assert_eq!(payload, 1013_u16.to_be_bytes());
                    break;
                }
                other => panic!("{other:?}"),
            }
            received += 1;
        }
        assert!(received < sent);
        client.send(CLOSE, &1000_u16.to_be_bytes());
        assert!(client.at_end());
    });
    rig.until(|_, _, event| match event {
        Event::Closed(closed) => Some(closed.code == Some(CloseCode::NORMAL)),
        Event::Failed(failure) => panic!("{failure}"),
        _ => None,
    });
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    reader.join().unwrap();
}

#[test]
fn a_reader_that_takes_nothing_is_reset_when_its_close_is_not_written_in_time() {
    let (mut rig, stream, client) = with_slow_reader(bounded(SlowReader::Refuse));
    fill(&mut rig, stream, |answer| matches!(answer, Sent::Refused { .. }));
    rig.event_loop
        .close_now(stream, CloseCode::TRY_AGAIN_LATER, "", Duration::from_millis(50))
        .unwrap();
    let failure = rig.until(|_, _, event| match event {
        Event::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure, Failure::Aborted);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
    drop(client);
}

/// An echo that pauses whoever does not read holds little, however much is sent.
#[test]
fn a_flood_that_nobody_reads_is_bounded_by_back_pressure() {
    let (report, queued): (_, Receiver<usize>) = channel();
    let server = serve(
        bounded(SlowReader::Refuse),
        Events::with_capacity(64 << 10),
        move |event_loop, stream, event| {
            let keeps_up = match event {
                Event::Message(message) => matches!(event_loop.send(stream, message), Ok(Sent::Queued { .. })),
                Event::LowWater { .. } => event_loop.resume(stream).is_ok(),
                _ => true,
            };
            if !keeps_up {
                event_loop.pause(stream).unwrap();
                report.send(event_loop.queued_bytes(stream).unwrap()).unwrap();
            }
        },
    );
    let mut client = RawClient::open(server.addr);
    let message = frame(BINARY, &[1; 1000]);
    client
        .socket
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut written = 0;
    while std::io::Write::write_all(&mut client.socket, &message.repeat(100)).is_ok() {
        written += 100;
        assert!(written < 1_000_000, "no back-pressure");
    }
    let most = queued.try_iter().max().unwrap();
    assert!(most < 200_000, "{most}");
    for _ in 0..written {
        assert_eq!(client.receive(), (BINARY, vec![1; 1000]));
    }
}

#[test]
fn a_paused_stream_is_not_read_until_it_is_resumed() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    let client = rig
        .event_loop
        .connect(ConnectOptions::new("127.0.0.1", addr.port(), "/"))
        .unwrap();
    let mut opened = Vec::new();
    rig.until(|_, stream, event| {
        opened.extend(matches!(event, Event::Opened(_)).then_some(stream));
        (opened.len() == 2).then_some(())
    });
    let server = *opened.iter().find(|stream| **stream != client).unwrap();
    rig.event_loop.pause(server).unwrap();
    let _ = rig.event_loop.send(client, "held back").unwrap();
    for _ in 0..10 {
        rig.event_loop
            .poll(&mut rig.events, Some(Duration::from_millis(5)))
            .unwrap();
        assert!(rig.events.is_empty());
    }
    rig.event_loop.resume(server).unwrap();
    rig.until(|_, stream, event| (stream == server && matches!(event, Event::Message(_))).then_some(()));
}

/// A peer that pings and never reads makes nothing grow: only the latest of its pings waits for an answer.
#[test]
fn a_flood_of_pings_that_nobody_reads_is_bounded() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").socket(small_buffers()));
    let mut client = RawClient::connect(addr);
    std::io::Write::write_all(&mut client.socket, super::engine_support::request().as_bytes()).unwrap();
    let stream = rig.opened();
    let flood = std::thread::spawn(move || {
        let pings = frame(super::engine_support::PING, &[b'p'; 125]).repeat(1000);
        for _ in 0..100 {
            std::io::Write::write_all(&mut client.socket, &pings).unwrap();
        }
        client
    });
    let mut most = 0;
    rig.until_true(|event_loop, _| {
        most = most.max(event_loop.queued_bytes(stream).unwrap());
        flood.is_finished()
    });
    assert!((1..=4096 + 200).contains(&most), "{most}");
    drop(flood.join().unwrap());
}
