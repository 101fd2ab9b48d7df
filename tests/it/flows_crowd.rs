//! Very many clients of one flow at once: every reply goes to its own sender, in order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use wsloop::EventLoop;
use wsloop::engine::{Config, ConnectOptions, Event, Events, StreamId};

use super::cli_support::{PATIENCE, Running, documented, folder};

const CLIENTS: usize = 1000;
const MESSAGES: usize = 20;
/// How many messages of a client are on their way at once.
const IN_FLIGHT: usize = 4;

/// One of the crowd.
struct Client {
    number: usize,
    sent: usize,
    received: usize,
}

impl Client {
    fn text(&self, message: usize) -> String {
        format!(r#"{{"client":{},"message":{message}}}"#, self.number)
    }

    fn send_next(&mut self, stream: StreamId, engine: &mut EventLoop) {
        let _queued = engine.send(stream, self.text(self.sent).as_str()).unwrap();
        self.sent += 1;
    }
}

#[test]
fn a_thousand_clients_each_get_their_own_replies_in_order() {
    // Each client is a socket here, and one in the program, which raises its own limit.
    rlimit::increase_nofile_limit(8 * CLIENTS as u64).unwrap();
    let flow = documented("json_echo.troy").replace("127.0.0.1:4711", "127.0.0.1:0");
    let dir = folder(&[("config.troy", &flow)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let address = running.listening();

    let mut engine = EventLoop::new(Config::default()).unwrap();
    let mut events = Events::with_capacity(1 << 20);
    let mut clients: HashMap<StreamId, Client> = (0..CLIENTS)
        .map(|number| {
            let options = ConnectOptions::from_url(&format!("ws://{address}/")).unwrap();
            let client = Client {
                number,
                sent: 0,
                received: 0,
            };
            (engine.connect(options).unwrap(), client)
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let (mut open, mut done) = (0, 0);
    while done < CLIENTS {
        assert!(
            Instant::now() < deadline,
            "{open} are open, {done} have all of their replies"
        );
        engine.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
        for (stream, event) in &events {
            let client = clients.get_mut(&stream).unwrap();
            match event {
                Event::Opened(_) => open += 1,
                Event::Message(message) => {
                    let wanted = client.text(client.received);
                    assert_eq!(String::from_utf8_lossy(message.as_bytes()), wanted);
                    client.received += 1;
                    if client.sent < MESSAGES {
                        client.send_next(stream, &mut engine);
                    }
                    done += usize::from(client.received == MESSAGES);
                }
                other => panic!("client {}: {other:?}", client.number),
            }
        }
        // All of them are connected before the first one speaks.
        if open == CLIENTS {
            open += 1;
            for (stream, client) in &mut clients {
                for _ in 0..IN_FLIGHT {
                    client.send_next(*stream, &mut engine);
                }
            }
        }
    }
}
