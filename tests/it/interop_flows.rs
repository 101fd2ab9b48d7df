//! Interoperation of services run by the program, with the certificate that `wsloop cert` makes.

use super::cli_support::{Running, folder, run};
use super::interop::{Kind, Peer};

/// What a client can ask of an echo service (`pinged` and `closed_first` need a server that does more).
const CASES: [&str; 7] = [
    "text",
    "binary",
    "empty",
    "mebibyte",
    "fragmented",
    "ping",
    "close_first",
];

const SERVER: &str = r#"
define flow echo
flow
  use tremor::pipelines;
  define connector server from ws_server
  with codec = "binary", config = {"url": "127.0.0.1:0", TLS}
  end;
  create connector server;
  create pipeline back from pipelines::passthrough;
  connect /connector/server to /pipeline/back;
  connect /pipeline/back to /connector/server;
end;
deploy flow echo;
"#;

const CLIENT: &str = r#"
define flow cat
flow
  use tremor::{connectors, pipelines};
  define connector ws from ws_client
  with codec = "string", config = {"url": "URL", TLS}
  end;
  create connector ws;
  create connector tty from connectors::console;
  create pipeline up from pipelines::passthrough;
  create pipeline down from pipelines::passthrough;
  connect /connector/tty to /pipeline/up;  connect /pipeline/up to /connector/ws;
  connect /connector/ws to /pipeline/down; connect /pipeline/down to /connector/tty;
end;
deploy flow cat
"#;

/// A folder with a flow and a fresh certificate for localhost.
fn service(flow: &str) -> tempfile::TempDir {
    let dir = folder(&[("flow.troy", flow)]);
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    dir
}

fn serve(kind: Kind, secure: bool) {
    let tls = r#""tls": {"cert": "before/localhost.cert", "key": "before/localhost.key"}"#;
    let dir = service(&SERVER.replace(", TLS", &if secure { format!(", {tls}") } else { String::new() }));
    let mut service = Running::flow(dir.path(), "flow.troy");
    let address = service.listening();
    let port = address.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
    let certificate = dir.path().join("before/localhost.cert");
    let (url, roots) = if secure {
        (format!("wss://localhost:{port}/"), certificate.to_str().unwrap())
    } else {
        (format!("ws://127.0.0.1:{port}/"), "-")
    };
    let Some(peer) = Peer::start(kind, "client", &[&[url.as_str(), roots][..], &CASES].concat()) else {
        return;
    };
    for case in CASES {
        assert_eq!(peer.line(), format!("ok {case}"), "{kind:?} as client of a flow");
    }
}

fn dial(kind: Kind, secure: bool) {
    let dir = service("");
    let path = |name: &str| dir.path().join("before").join(name).to_str().unwrap().to_owned();
    let files = [path("localhost.cert"), path("localhost.key")];
    let files: Vec<_> = files.iter().map(String::as_str).filter(|_| secure).collect();
    let Some(peer) = Peer::start(kind, "server", &files) else {
        return;
    };
    let line = peer.line();
    let port = line.strip_prefix("listening ").unwrap();
    let flow = if secure {
        let tls = r#", "tls": {"cafile": "before/localhost.cert"}"#;
        CLIENT
            .replace("URL", &format!("wss://localhost:{port}/"))
            .replace(", TLS", tls)
    } else {
        CLIENT
            .replace("URL", &format!("ws://127.0.0.1:{port}/"))
            .replace(", TLS", "")
    };
    std::fs::write(dir.path().join("flow.troy"), flow).unwrap();
    let mut service = Running::flow(dir.path(), "flow.troy");
    service.write("Grüße\nfragment me\nping me\n");
    for answer in ["Grüße", "one zwei üç", "pong seen"] {
        assert_eq!(
            service.stdout_line("").trim_end(),
            answer,
            "{kind:?} as server of a flow"
        );
    }
    service.signal("TERM");
    assert_eq!(peer.line(), "closed 1000", "a stop closes the connection in good order");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn python_websockets_as_client_of_a_flow() {
    serve(Kind::Python, false);
}

#[test]
fn python_websockets_as_client_of_a_flow_with_tls() {
    serve(Kind::Python, true);
}

#[test]
fn python_websockets_as_server_of_a_flow() {
    dial(Kind::Python, false);
}

#[test]
fn python_websockets_as_server_of_a_flow_with_tls() {
    dial(Kind::Python, true);
}

#[test]
fn node_ws_as_client_of_a_flow() {
    serve(Kind::Node, false);
}

#[test]
fn node_ws_as_client_of_a_flow_with_tls() {
    serve(Kind::Node, true);
}

#[test]
fn node_ws_as_server_of_a_flow() {
    dial(Kind::Node, false);
}

#[test]
fn node_ws_as_server_of_a_flow_with_tls() {
    dial(Kind::Node, true);
}
