//! Messages in chunks through the engine, on real sockets.

use wsloop::engine::{ConnectOptions, Event, ListenOptions, Sent};
use wsloop::proto::MessageKind;

use super::engine_support::Rig;

/// Longer than the limits on frames and messages, and than what the queue holds.
const MESSAGE_BYTES: usize = 80 << 20;
const CHUNK_BYTES: usize = 64 << 10;

#[test]
fn a_message_longer_than_every_bound_passes_and_pings_with_it() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").chunks(true).control_events(true));
    let options = ConnectOptions::from_url(&format!("ws://{addr}/")).unwrap();
    let client = rig.event_loop.connect(options).unwrap();
    let chunk = [7; CHUNK_BYTES];
    let (mut sent, mut got, mut pings) = (0, 0, 0);
    rig.until(|event_loop, stream, event| {
        let mut may_send = false;
        match event {
            Event::Opened(_) if stream == client => {
                event_loop.begin_message(client, MessageKind::Binary, true).unwrap();
                may_send = true;
            }
            Event::LowWater { .. } if stream == client => may_send = true,
            Event::Ping(_) => {
                // It overtook most of the message.
                assert!(got < MESSAGE_BYTES);
                pings += 1;
            }
            Event::Chunk(chunk) => {
                assert_eq!((chunk.is_first, chunk.kind), (got == 0, MessageKind::Binary));
                assert!(chunk.bytes.iter().all(|&byte| byte == 7));
                got += chunk.bytes.len();
                if chunk.is_last {
                    return Some(());
                }
            }
            Event::Message(message) => panic!("{} bytes", message.len()),
            _ => {}
        }
        while may_send && sent < MESSAGE_BYTES {
            sent += CHUNK_BYTES;
            may_send = match event_loop.send_chunk(client, &chunk, sent == MESSAGE_BYTES).unwrap() {
                Sent::Queued { .. } => true,
                Sent::AboveHighWater { .. } => false,
                other => panic!("{other:?}"),
            };
            if sent % (16 << 20) == 0 && sent < MESSAGE_BYTES {
                event_loop.ping(client, b"").unwrap();
            }
        }
        None
    });
    assert_eq!((sent, got, pings), (MESSAGE_BYTES, MESSAGE_BYTES, 4));
}

#[test]
fn chunks_are_chosen_by_stream() {
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0"));
    for chunks in [false, true] {
        let options = ConnectOptions::from_url(&format!("ws://{addr}/")).unwrap();
        let client = rig.event_loop.connect(options).unwrap();
        let came_in_chunks = rig.until(|event_loop, stream, event| {
            match event {
                Event::Opened(_) if stream == client => {
                    let _ = event_loop.send(client, "hello").unwrap();
                }
                Event::Opened(_) => event_loop.deliver_chunks(stream, chunks).unwrap(),
                Event::Message(message) => {
                    assert_eq!(message.as_bytes(), b"hello");
                    return Some(false);
                }
                Event::Chunk(chunk) if chunk.is_last => {
                    assert!(chunk.is_first);
                    assert_eq!((chunk.bytes, chunk.kind), (&b"hello"[..], MessageKind::Text));
                    return Some(true);
                }
                _ => {}
            }
            None
        });
        assert_eq!(came_in_chunks, chunks);
    }
}
