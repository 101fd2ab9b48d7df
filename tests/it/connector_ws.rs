//! `ws_server` and `ws_client` on real sockets, with peers of another make.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};
use wsloop::connector::api::StopRequest;
use wsloop::connector::{Event, Origins, Outcome, Value};
use wsloop::engine::Handle;

use super::connector_router::{Between, router_telling, router_with, run};

/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const SERVER: &str = r#"{"codec":"json","config":{"url":"127.0.0.1:0"}}"#;

/// A service on a thread of its own, whose first connector is a `ws_server`.
pub(crate) struct Service {
    addr: SocketAddr,
    handle: Handle,
    stop: Sender<()>,
    thread: Option<JoinHandle<(Outcome, Vec<String>)>>,
}

impl Service {
    /// A `ws_server` linked to itself.
    fn answering(between: impl FnOnce() -> Between + Send + 'static) -> Self {
        Self::defined(SERVER, false, between)
    }

    /// The same with a definition of its own, and maybe with its port `connections` linked as `out` is.
    pub(crate) fn defined(
        definition: &'static str,
        connections: bool,
        between: impl FnOnce() -> Between + Send + 'static,
    ) -> Self {
        let (ready, starting) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut router = router_telling(&[("ws_server", definition)], &[(0, 0)], between(), connections);
            router.turn(Some(Duration::ZERO)).unwrap();
            let addr = router.listeners().next().unwrap().addr;
            ready.send((addr, router.engine().handle())).unwrap();
            while stopped.try_recv().is_err() {
                router.turn(Some(PATIENCE)).unwrap();
            }
            router.stop(StopRequest { graceful: true });
            run(router)
        });
        let (addr, handle) = starting.recv_timeout(PATIENCE).unwrap();
        Self {
            addr,
            handle,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn client(&self) -> WebSocket<TcpStream> {
        self.client_at("/chat?x=1", None)
    }

    /// A client that asks for a path, and offers a subprotocol.
    pub(crate) fn client_at(&self, target: &str, subprotocol: Option<&str>) -> WebSocket<TcpStream> {
        let socket = TcpStream::connect(self.addr).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://{}{target}", self.addr).into_client_request().unwrap();
        if let Some(name) = subprotocol {
            let name = name.parse().unwrap();
            request.headers_mut().insert("Sec-WebSocket-Protocol", name);
        }
        tungstenite::client(request, socket).unwrap().0
    }

    pub(crate) fn stop(mut self) -> (Outcome, Vec<String>) {
        self.stop.send(()).unwrap();
        self.handle.wake();
        self.thread.take().unwrap().join().unwrap()
    }
}

/// The peer's Close and nothing before it.
fn read_close(peer: &mut WebSocket<TcpStream>) -> Option<CloseCode> {
    match peer.read().unwrap() {
        Message::Close(frame) => {
            // Reading on sends our answer.
            while peer.read().is_ok() {}
            frame.map(|frame| frame.code)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_echo_keeps_the_type_of_the_frame() {
    let service = Service::answering(|| Box::new(|event| vec![event]));
    let mut peer = service.client();
    for message in [Message::text("{\"a\":1}"), Message::binary("[2]"), Message::text("3")] {
        peer.send(message.clone()).unwrap();
        assert_eq!(peer.read().unwrap(), message);
    }
    let reader = std::thread::spawn(move || read_close(&mut peer));
    assert_eq!(service.stop().0, Outcome::Done);
    assert_eq!(reader.join().unwrap(), Some(CloseCode::Away));
}

#[test]
fn events_tell_of_their_connection() {
    let service = Service::answering(|| {
        Box::new(|mut event| {
            event.value = event.meta.clone();
            vec![event]
        })
    });
    let mut peer = service.client();
    let me = peer.get_ref().local_addr().unwrap();
    peer.send(Message::binary("null")).unwrap();
    let meta: serde_json::Value = serde_json::from_slice(&peer.read().unwrap().into_data()).unwrap();
    let connection = &meta["ws_server"];
    assert_eq!(meta["binary"], true);
    assert_eq!(connection["tls"], false);
    assert_eq!(
        connection["peer"],
        serde_json::json!({"host": "127.0.0.1", "port": me.port()})
    );
    assert!(connection["stream"].is_u64());
    let request = &connection["request"];
    assert_eq!((&request["path"], &request["query"]), (&"/chat".into(), &"x=1".into()));
    assert_eq!(request["headers"]["upgrade"], serde_json::json!(["websocket"]));
}

#[test]
fn an_event_of_two_connections_is_answered_to_both_and_to_no_third() {
    // Two events become one, which carries no metadata of its own, as a window's does.
    let service = Service::answering(|| {
        let mut first: Option<Event> = None;
        Box::new(move |event| {
            let Some(mut merged) = first.take() else {
                first = Some(event);
                return Vec::new();
            };
            merged.origins.merge(&event.origins);
            assert!(matches!(merged.origins, Origins::Many(_)));
            merged.value = Value::array([merged.value, event.value]);
            merged.meta = Value::Null;
            vec![merged]
        })
    });
    let (mut one, mut two, three) = (service.client(), service.client(), service.client());
    one.send(Message::text("1")).unwrap();
    two.send(Message::text("2")).unwrap();
    let answer = one.read().unwrap();
    assert!(["[1,2]", "[2,1]"].contains(&answer.to_text().unwrap()), "{answer:?}");
    assert_eq!(two.read().unwrap(), answer);
    let readers = [one, two, three].map(|mut peer| std::thread::spawn(move || read_close(&mut peer)));
    assert_eq!(service.stop().0, Outcome::Done);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), Some(CloseCode::Away));
    }
}

#[test]
fn metadata_outranks_the_origin_while_it_names_an_open_connection() {
    // The value names the peer's port that the answer goes to.
    let service = Service::answering(|| {
        Box::new(|mut event| {
            let peer = Value::record([("host", Value::from("127.0.0.1")), ("port", event.value.clone())]);
            event.meta = Value::record([("ws_server", Value::record([("peer", peer)]))]);
            vec![event]
        })
    });
    let (mut one, mut two) = (service.client(), service.client());
    let port = two.get_ref().local_addr().unwrap().port();
    // Both are known to the server once each has been answered.
    two.send(Message::text(port.to_string())).unwrap();
    assert_eq!(two.read().unwrap(), Message::text(port.to_string()));
    one.send(Message::text(port.to_string())).unwrap();
    assert_eq!(two.read().unwrap(), Message::text(port.to_string()));
    two.close(None).unwrap();
    while two.read().is_ok() {}
    // Nobody is there any more, so the answer goes to who asked; as it does when the port is no number.
    for text in [port.to_string(), format!("\"{port}\"")] {
        one.send(Message::text(text.as_str())).unwrap();
        assert_eq!(one.read().unwrap(), Message::text(text));
    }
}

#[test]
fn a_client_that_only_reads_notices_that_its_server_is_gone_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.log");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let client = format!(
        r#"{{"codec":"json","preprocessors":["separate"],"config":{{"url":"ws://localhost:{port}/"}},
            "reconnect":{{"retry":{{"interval_ms":1}}}}}}"#
    )
    .replace("localhost", "127.0.0.1");
    let file =
        format!(r#"{{"codec":"json","postprocessors":["separate"],"config":{{"path":{path:?},"mode":"write"}}}}"#);
    let peers = std::thread::spawn(move || {
        // One closes in good order, one just goes, in the middle of a line; the third stays until the client closes.
        let mut closing = tungstenite::accept(server.accept().unwrap().0).unwrap();
        closing.send(Message::text("1\n2")).unwrap();
        closing.close(None).unwrap();
        while closing.read().is_ok() {}
        let mut going = tungstenite::accept(server.accept().unwrap().0).unwrap();
        going.send(Message::text("3\n4")).unwrap();
        going.flush().unwrap();
        drop(going);
        let mut staying = tungstenite::accept(server.accept().unwrap().0).unwrap();
        staying.send(Message::text("5\n")).unwrap();
        read_close(&mut staying)
    });
    let mut router = router_with(
        &[("ws_client", &client), ("file", &file)],
        &[(0, 1)],
        Box::new(|event| vec![event]),
    );
    let begun = Instant::now();
    while std::fs::read_to_string(&path).unwrap_or_default() != "1\n2\n3\n4\n5\n" {
        assert!(begun.elapsed() < PATIENCE, "{:?}", std::fs::read_to_string(&path));
        router.turn(Some(Duration::from_millis(20))).unwrap();
    }
    router.stop(StopRequest { graceful: true });
    let (outcome, log) = run(router);
    assert_eq!(outcome, Outcome::Done, "{log:?}");
    assert_eq!(peers.join().unwrap(), Some(CloseCode::Normal));
}

#[test]
fn a_client_gives_up_when_its_attempts_are_used_up() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let client = format!(
        r#"{{"codec":"json","config":{{"url":"ws://127.0.0.1:{port}/"}},
            "reconnect":{{"retry":{{"interval_ms":1,"max_retries":3}}}}}}"#
    );
    let router = router_with(
        &[("ws_client", &client), ("null", "{}")],
        &[(0, 1)],
        Box::new(|event| vec![event]),
    );
    let (outcome, log) = run(router);
    assert_eq!((outcome, outcome.exit_code()), (Outcome::Failed, 1));
    let attempts = log.iter().filter(|line| line.contains("can't connect")).count();
    assert_eq!(attempts, 3, "{log:?}");
    assert!(
        log.iter().any(|line| line.contains("Max retries exceeded: 3")),
        "{log:?}"
    );
}
