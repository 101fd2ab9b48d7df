//! Compression through the engine, on real sockets: what a read may become, and what a dial holds.

use std::io::Write;
use std::sync::Arc;

use wsloop::engine::{ConnectOptions, Event, ListenOptions};
use wsloop::proto::{Accept, ClientRequest, Config, Connection, Contexts, Deflate, Message};

use super::engine_support::{RawClient, Rig};
use super::proto_world::{Counting, NOW, read, written};

fn config(contexts: Contexts) -> Arc<Config> {
    let deflate = Deflate {
        contexts,
        ..Deflate::default()
    };
    Arc::new(Config {
        deflate: Some(deflate),
        ..Config::default()
    })
}

/// What comes in one turn stays within what 16 KiB of the wire can become, also if it came with the request.
#[test]
fn compressed_messages_behind_a_request_do_not_come_all_at_once() {
    const MESSAGE_BYTES: usize = 250 << 10;
    let config = config(Contexts::default());
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config.clone(), &request, NOW, &mut Counting::default()).unwrap();
    let mut wire = written(&mut client);
    let mut server = Connection::server(config.clone(), NOW);
    read(&mut server, &wire);
    server.accept(&Accept::new()).unwrap();
    read(&mut client, &written(&mut server));
    let message = vec![0; MESSAGE_BYTES];
    let mut messages = 0;
    while wire.len() < 40 << 10 {
        client
            .send(Message::Binary(&message), &mut Counting::default())
            .unwrap();
        wire.extend(written(&mut client));
        messages += 1;
    }
    let mut rig = Rig::new();
    let (_, addr) = rig.listen(ListenOptions::new("127.0.0.1:0").protocol(config));
    let mut client = RawClient::connect(addr);
    client.socket.write_all(&wire).unwrap();
    let (mut got, mut most_bytes) = (0, 0);
    rig.until_true(|_, events| {
        let lengths = events.iter().filter_map(|(_, event)| match event {
            Event::Message(message) => Some(message.len()),
            _ => None,
        });
        let lengths: Vec<usize> = lengths.collect();
        got += lengths.len();
        most_bytes = most_bytes.max(lengths.iter().sum());
        got == messages
    });
    // DEFLATE makes at most 1,032 bytes of one.
    assert!(most_bytes <= 1032 * (16 << 10), "{most_bytes}");
}

/// A dial holds what one connection takes, not twice that.
#[test]
fn the_last_room_in_the_budget_is_enough_for_a_dial() {
    let one = Contexts::new(50 << 10);
    let mut rig = Rig::new();
    let options = ListenOptions::new("127.0.0.1:0").protocol(config(Contexts::default()));
    let (_, addr) = rig.listen(options);
    let options = ConnectOptions::from_url(&format!("ws://{addr}/")).unwrap();
    let client = rig.event_loop.connect(options.protocol(config(one))).unwrap();
    let agreed = rig.until(|_, stream, event| match event {
        Event::Opened(opened) if stream == client => Some(opened.deflate),
        _ => None,
    });
    assert!(agreed.is_some());
}
