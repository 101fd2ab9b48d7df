//! Whom an event reaches: what its metadata names, or who it came from; the vectors of that, by their number.
//!
//! Two servers in one flow stand for what a script would do to metadata: events of the one go to the other, where a
//! connection may have the same peer.

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};
use tungstenite::Message;

use super::cli_support::{PATIENCE, Running, folder};
use super::flows_peers::{Peer, ask, client};

/// What comes in at `one` goes out at `two`; what reaches nobody there is shown.
const BRIDGE: &str = r#"define flow main
flow
  use tremor::{connectors, pipelines};
  define connector server from ws_server with codec = "json", config = {"url": "127.0.0.1:0"} end;
  create connector one from server; create connector two from server;
  create connector tty from connectors::console;
  create pipeline across from pipelines::passthrough;
  create pipeline back from pipelines::passthrough;
  create pipeline err from pipelines::passthrough;
  connect /connector/one to /pipeline/across; connect /pipeline/across to /connector/two;
  connect /connector/two to /pipeline/back;   connect /pipeline/back to /connector/two;
  connect /connector/two/err to /pipeline/err; connect /pipeline/err to /connector/tty;
end;
deploy flow main"#;

/// The bridge at work, its folder, and where its two servers listen.
fn bridge() -> (Running, tempfile::TempDir, String, String) {
    let dir = folder(&[("config.troy", BRIDGE)]);
    let mut running = Running::flow(dir.path(), "config.troy");
    let lines = [running.stderr_line(" listens on "), running.stderr_line(" listens on ")];
    let of = |name: &str| {
        let line = lines.iter().find(|line| line.contains(name)).unwrap();
        line.trim_end().split_once("://").unwrap().1.to_owned()
    };
    let (one, two) = (of("main::one"), of("main::two"));
    (running, dir, one, two)
}

/// A client with a port of our choice, which may be another connection's as well.
fn client_from(own: SocketAddr, address: &str) -> Peer {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&address.parse::<SocketAddr>().unwrap().into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    tungstenite::client(format!("ws://{address}/"), stream).unwrap().0
}

#[test]
fn vector_16_metadata_names_one_connection_and_no_other_gets_the_event() {
    let (_running, _dir, one, two) = bridge();
    let mut sender = client_from(SocketAddr::from(([127, 0, 0, 1], 0)), &one);
    let mut named = client_from(sender.get_ref().local_addr().unwrap(), &two);
    let mut other = client(&two);
    // Both are known to the second server once each has been answered.
    assert_eq!(ask(&mut named, "1"), Message::text("1"));
    assert_eq!(ask(&mut other, "2"), Message::text("2"));
    sender.send(Message::text("3")).unwrap();
    assert_eq!(named.read().unwrap(), Message::text("3"));
    assert_eq!(ask(&mut other, "4"), Message::text("4"), "the other one got it too");
    sender.send(Message::Ping("5".into())).unwrap();
    assert_eq!(
        sender.read().unwrap(),
        Message::Pong("5".into()),
        "the sender got it too"
    );
}

#[test]
fn vector_17_a_peer_that_is_gone_is_no_target_and_the_event_goes_to_nobody_else() {
    let (mut running, _dir, one, two) = bridge();
    let mut sender = client_from(SocketAddr::from(([127, 0, 0, 1], 0)), &one);
    let mut other = client(&two);
    assert_eq!(ask(&mut other, "1"), Message::text("1"));
    // Nothing at the second server has ever had the sender's address; then something has had it, and is gone.
    for gone in [false, true] {
        if gone {
            let mut named = client_from(sender.get_ref().local_addr().unwrap(), &two);
            assert_eq!(ask(&mut named, "2"), Message::text("2"));
            named.close(None).unwrap();
            while named.read().is_ok() {}
        }
        sender.send(Message::text("3")).unwrap();
        let line = running.stdout_line("no open connection");
        assert!(line.contains(r#""source":"main::two""#), "{line}");
        assert_eq!(ask(&mut other, "4"), Message::text("4"), "another connection got it");
    }
    sender.send(Message::Ping("5".into())).unwrap();
    assert_eq!(
        sender.read().unwrap(),
        Message::Pong("5".into()),
        "the sender was answered by the wrong server"
    );
}
