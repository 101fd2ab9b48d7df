//! Messages in chunks, sent and received, without the engine.

use proptest::prelude::*;
use wsloop::proto::{Chunk, CloseCode, Connection, Event, Failure, MessageKind, Misuse, Side, Violation};

use super::proto_world::{Counting, NOW, open, pair, read, written};

/// A connection that delivers chunks.
fn chunked(side: Side) -> Connection {
    let mut connection = open(side);
    connection.deliver_chunks(true);
    connection
}

fn chunk_of(event: &Event<'static>) -> Chunk<'static> {
    match event {
        Event::Chunk(chunk) => chunk.clone(),
        other => panic!("{other:?}"),
    }
}

fn send(connection: &mut Connection, chunk: &[u8], last: bool) -> Result<(), Misuse> {
    connection.send_chunk(chunk, last, &mut Counting::default())
}

proptest! {
    #[test]
    fn chunks_joined_are_the_message_however_it_is_sent_and_cut(
        text in "\\PC{0,300}",
        is_text: bool,
        sent in 1usize..40,
        piece in 1usize..60,
        ping: bool,
    ) {
        let (mut client, mut server) = pair();
        server.deliver_chunks(true);
        let kind = if is_text { MessageKind::Text } else { MessageKind::Binary };
        client.begin_message(kind, true).unwrap();
        for chunk in text.as_bytes().chunks(sent) {
            send(&mut client, chunk, false).unwrap();
            if ping {
                client.ping(b"now", &mut Counting::default()).unwrap();
            }
        }
        send(&mut client, b"", true).unwrap();
        let mut got = Vec::new();
        for piece in written(&mut client).chunks(piece) {
            got.extend(read(&mut server, piece));
        }
        let pings = got.iter().filter(|event| matches!(event, Event::Ping(_))).count();
        prop_assert_eq!(pings, if ping { text.len().div_ceil(sent) } else { 0 });
        let chunks: Vec<Chunk<'_>> = got.iter().filter(|event| !matches!(event, Event::Ping(_))).map(chunk_of).collect();
        let joined: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.as_bytes().to_vec()).collect();
        prop_assert_eq!(joined, text.as_bytes());
        for (index, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(chunk.kind(), kind);
            prop_assert_eq!(chunk.is_first(), index == 0);
            prop_assert_eq!(chunk.is_last(), index + 1 == chunks.len());
            prop_assert!(chunk.is_last() || !chunk.as_bytes().is_empty());
        }
    }
}

#[test]
fn chunks_lie_where_they_were_read() {
    let mut connection = chunked(Side::Client);
    let mut bytes = *b"\x02\x03abc\x89\x00\x80\x02de\x82\x05cut";
    let base = bytes.as_ptr() as usize;
    let mut input = connection.handle_bytes(NOW, &mut bytes);
    for (text, end) in [("abc", 5), ("", 7), ("de", 11), ("cut", 16)] {
        let event = connection.poll_event(&mut input, &mut Counting::default());
        assert_eq!(input.consumed(), end);
        match event {
            Some(Event::Chunk(chunk)) => {
                assert!(chunk.is_borrowed());
                assert_eq!(chunk.as_bytes(), text.as_bytes());
                assert_eq!(chunk.as_bytes().as_ptr() as usize, base + end - text.len());
                assert_eq!(chunk.is_last(), text == "de");
            }
            Some(Event::Ping(_)) => assert_eq!(text, ""),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(connection.poll_event(&mut input, &mut Counting::default()), None);
}

#[test]
fn a_host_may_change_its_mind_between_messages() {
    let mut connection = open(Side::Client);
    assert!(matches!(read(&mut connection, b"\x81\x01a")[..], [Event::Message(_)]));
    assert_eq!(read(&mut connection, b"\x01\x01a"), []);
    connection.deliver_chunks(true);
    // The message under way stays whole.
    assert!(matches!(read(&mut connection, b"\x80\x01b")[..], [Event::Message(_)]));
    assert!(matches!(read(&mut connection, b"\x01\x01a")[..], [Event::Chunk(_)]));
    connection.deliver_chunks(false);
    assert!(matches!(read(&mut connection, b"\x80\x01b")[..], [Event::Chunk(_)]));
    assert!(matches!(read(&mut connection, b"\x81\x01a")[..], [Event::Message(_)]));
}

#[test]
fn a_bad_byte_of_a_text_fails_after_the_chunks_before_it() {
    for (bytes, good) in [
        (&b"\x01\x02a\xc3\x80\x01\x28"[..], &b"a\xc3"[..]),
        // The text ends within a character.
        (b"\x01\x01a\x80\x01\xc3", b"a\xc3"),
        (b"\x81\x04ab\xc3\x28", b"ab\xc3"),
        (b"\x81\x02\xff\x28", b""),
    ] {
        let mut connection = chunked(Side::Client);
        let events = read(&mut connection, bytes);
        let chunks = events[..events.len() - 1].iter().map(chunk_of);
        let joined: Vec<u8> = chunks
            .inspect(|chunk| assert!(!chunk.is_last()))
            .flat_map(|chunk| chunk.as_bytes().to_vec())
            .collect();
        assert_eq!(joined, good, "{bytes:x?}");
        assert_eq!(
            events.last(),
            Some(&Event::Failed(Failure::Violation(Violation::TextNotUtf8)))
        );
    }
}

#[test]
fn a_host_that_closes_on_a_chunk_closes_however_the_fault_behind_it_is_cut() {
    let bytes = *b"\x81\x03ab\xff";
    let outputs: Vec<Vec<u8>> = [4, 5]
        .into_iter()
        .map(|cut| {
            let mut connection = chunked(Side::Client);
            let mut events = Vec::new();
            for mut piece in [bytes[..cut].to_vec(), bytes[cut..].to_vec()] {
                let mut input = connection.handle_bytes(NOW, &mut piece);
                while let Some(event) = connection.poll_event(&mut input, &mut Counting::default()) {
                    if let Event::Chunk(_) = event {
                        let code = Some(CloseCode::NORMAL);
                        connection.close(NOW, code, "", &mut Counting::default()).unwrap();
                    }
                    events.push(event.into_owned());
                }
            }
            assert!(matches!(
                events[..],
                [
                    Event::Chunk(_),
                    Event::Failed(Failure::Violation(Violation::TextNotUtf8))
                ]
            ));
            assert!(connection.is_finished());
            written(&mut connection)
        })
        .collect();
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn a_message_longer_than_every_limit_passes_in_chunks() {
    let mut connection = chunked(Side::Client);
    let mut bytes = b"\x02\x7f\x00\x00\x00\x10\x00\x00\x00\x00".to_vec();
    let mut total = 0u64;
    for _ in 0..100 {
        bytes.resize(1 << 20, 7);
        for event in read(&mut connection, &bytes) {
            total += chunk_of(&event).as_bytes().len() as u64;
        }
        bytes.clear();
    }
    assert_eq!(total, (100 << 20) - 10);
    assert_eq!(connection.reclaim_input(), None, "nothing is held");
}

#[test]
fn chunks_at_the_wrong_time_are_misuse_and_change_nothing() {
    let mut connection = open(Side::Server);
    let mut entropy = Counting::default();
    assert_eq!(send(&mut connection, b"x", true), Err(Misuse::NoMessageUnderWay));
    connection.begin_message(MessageKind::Text, false).unwrap();
    assert_eq!(
        connection.begin_message(MessageKind::Text, false),
        Err(Misuse::MessageUnderWay)
    );
    assert_eq!(
        connection.send("whole".into(), &mut entropy),
        Err(Misuse::MessageUnderWay)
    );
    assert_eq!(send(&mut connection, b"\xff", false), Err(Misuse::NotUtf8));
    send(&mut connection, b"\xc3", false).unwrap();
    assert_eq!(send(&mut connection, b"", true), Err(Misuse::NotUtf8));
    assert_eq!(send(&mut connection, b"\xc3", false), Err(Misuse::NotUtf8));
    send(&mut connection, b"\xa9", true).unwrap();
    assert_eq!(written(&mut connection), b"\x01\x01\xc3\x80\x01\xa9");
    connection.send("whole".into(), &mut entropy).unwrap();
    connection.begin_message(MessageKind::Binary, false).unwrap();
    connection
        .close(NOW, Some(CloseCode::NORMAL), "", &mut entropy)
        .unwrap();
    assert_eq!(send(&mut connection, b"late", true), Err(Misuse::NotOpen));
    assert_eq!(connection.begin_message(MessageKind::Text, false), Err(Misuse::NotOpen));
}

#[test]
fn a_message_that_was_cut_by_dropping_the_queue_is_followed_by_a_close_alone() {
    let mut connection = open(Side::Server);
    let mut entropy = Counting::default();
    connection.begin_message(MessageKind::Binary, false).unwrap();
    send(&mut connection, b"begin", false).unwrap();
    assert_eq!(written(&mut connection), b"\x02\x05begin");
    send(&mut connection, b"end", true).unwrap();
    assert_eq!(connection.discard_queued(), 1);
    assert_eq!(connection.discard_queued(), 0, "it was counted");
    assert_eq!(connection.send("next".into(), &mut entropy), Err(Misuse::MessageCut));
    assert_eq!(send(&mut connection, b"x", true), Err(Misuse::MessageCut));
    connection.close(NOW, None, "", &mut entropy).unwrap();
    assert_eq!(written(&mut connection), b"\x88\x00");
}
