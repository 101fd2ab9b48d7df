//! Sockets that somebody else has agreed on compression for.
#![allow(clippy::disallowed_types)]

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use wsloop::engine::{AdoptOptions, ListenOptions};
use wsloop::proto::{Agreed, Config, Connection, Deflate, Entropy, Event, Instant, Side};

use super::engine_adopt::{pairs, serve, server};
use super::engine_support::{Rig, request};

struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

fn protocol() -> Arc<Config> {
    Arc::new(Config {
        deflate: Some(Deflate::default()),
        ..Config::default()
    })
}

/// The bytes that the peer would send.
fn compressed(agreed: Agreed, text: &str) -> Vec<u8> {
    let mut peer = Connection::opened_compressed(Side::Client, protocol(), agreed).unwrap();
    peer.send(text.into(), &mut Fixed).unwrap();
    peer.poll_transmit(Instant::ZERO, &mut Fixed).to_vec()
}

#[test]
fn what_was_agreed_elsewhere_is_spoken() {
    let text = "again and ".repeat(1000);
    for header in [
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
    ] {
        let agreed = Agreed::from_answer(header).unwrap();
        let bytes = compressed(agreed, &text);
        assert!(bytes.len() < 200);
        for read in [0, 5, bytes.len()] {
            let (near, mut far) = pairs().swap_remove(0);
            let mut rig = Rig::new();
            let options = AdoptOptions::server(ListenOptions::default().protocol(protocol()));
            let options = options.deflate(agreed).received(&bytes[..read]);
            rig.event_loop.adopt(near, options).unwrap();
            far.write_all(&bytes[read..]).unwrap();
            serve(&mut rig, 1);
            let mut answer = vec![0; 1000];
            let count = far.read(&mut answer).unwrap();
            assert_eq!(answer[0], 0xc1, "a compressed text");
            let mut peer = Connection::opened_compressed(Side::Client, protocol(), agreed).unwrap();
            let mut input = peer.handle_bytes(Instant::ZERO, &mut answer[..count]);
            let event = peer.poll_event(&mut input, &mut Fixed);
            let Some(Event::Message(message)) = event else {
                panic!("{event:?}")
            };
            assert!(message.as_message().as_bytes() == text.as_bytes());
        }
    }
}

/// What a server writes into its answer is read as what it has agreed on.
#[test]
fn an_answer_is_read_as_it_was_meant() {
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=11",
        "permessage-deflate; server_max_window_bits=10; client_no_context_takeover",
    ] {
        for (own, peer) in [(false, 15), (true, 15), (false, 9)] {
            let deflate = Deflate {
                own_no_context_takeover: own,
                peer_max_window_bits: peer,
                ..Deflate::default()
            };
            let config = Config {
                deflate: Some(deflate),
                ..Config::default()
            };
            let mut server = Connection::server(Arc::new(config), Instant::ZERO);
            let line = format!("Sec-WebSocket-Extensions: {offer}\r\n\r\n");
            let mut request = request().trim_end().to_owned().into_bytes();
            request.extend_from_slice(format!("\r\n{line}").as_bytes());
            let mut input = server.handle_bytes(Instant::ZERO, &mut request);
            assert!(matches!(
                server.poll_event(&mut input, &mut Fixed),
                Some(Event::Request(_))
            ));
            server.accept(&wsloop::proto::Accept::new()).unwrap();
            let Some(Event::Opened(opened)) = server.poll_event(&mut input, &mut Fixed) else {
                panic!("it is open")
            };
            let answer = String::from_utf8(server.poll_transmit(Instant::ZERO, &mut Fixed).to_vec()).unwrap();
            let header = answer
                .lines()
                .find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
                .unwrap();
            assert_eq!(Agreed::from_answer(header), opened.deflate, "{offer}: {header}");
        }
    }
}

#[test]
fn answers_that_agree_on_nothing_are_none() {
    for header in [
        "",
        "x-other",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
    ] {
        assert_eq!(Agreed::from_answer(header), None, "{header}");
    }
}

#[test]
fn compression_without_its_configuration_is_an_error() {
    let (near, _far) = UnixStream::pair().unwrap();
    let agreed = Agreed::from_answer("permessage-deflate").unwrap();
    let refused = Rig::new()
        .event_loop
        .adopt(near.into(), server().deflate(agreed))
        .unwrap_err();
    assert!(refused.to_string().contains("compression"), "{refused}");
}
