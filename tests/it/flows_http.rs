//! HTTP on a server's own port: health, metrics, files, and no way out of their folder.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::cli_support::{PATIENCE, Running, folder, run};

const FLOW: &str = r#"
define flow f
flow
  define connector s from ws_server
  with codec = "string", config = {"url": "127.0.0.1:0", "path": "/socket", "http": HTTP}
  end;
  define pipeline same pipeline select event from in into out end;
  create connector s; create pipeline same;
  connect /connector/s to /pipeline/same; connect /pipeline/same to /connector/s;
end;
deploy flow f
"#;

const ALL: &str = r#"{"health": "/healthz", "metrics": "/metrics", "files": {"folder": "www", "path": "/demo"}}"#;

fn flow(http: &str) -> String {
    FLOW.replace("HTTP", http)
}

/// What the server sends until it closes.
fn exchange(address: &str, request: &str) -> (String, Vec<u8>) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is no concern of these tests.
    let _ = socket.read_to_end(&mut answer);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    (String::from_utf8_lossy(head).into_owned(), body.to_vec())
}

fn request(address: &str, method: &str, target: &str, headers: &str) -> (u16, String, Vec<u8>) {
    let (head, body) = exchange(
        address,
        &format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n"),
    );
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{target}: {head:?}")), head, body)
}

fn get(address: &str, target: &str) -> (u16, String, Vec<u8>) {
    request(address, "GET", target, "")
}

fn site() -> tempfile::TempDir {
    let dir = folder(&[
        ("secret.txt", "secret"),
        ("www/index.html", "<p>hello</p>"),
        ("www/a b.txt", "blank"),
        ("www/inner/index.html", "inner"),
        ("www/inner/x.js", "1"),
    ]);
    std::os::unix::fs::symlink(dir.path().join("secret.txt"), dir.path().join("www/link.txt")).unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("www/up")).unwrap();
    fs::write(dir.path().join("config.troy"), flow(ALL)).unwrap();
    dir
}

fn start(dir: &Path) -> (Running, String) {
    let mut running = Running::flow(dir, "config.troy");
    let address = running.listening();
    (running, address)
}

#[test]
fn health_metrics_and_files_are_answered_beside_the_socket() {
    let dir = site();
    let (running, address) = start(dir.path());
    let (status, head, body) = get(&address, "/healthz");
    assert_eq!((status, body.as_slice()), (200, &b"ok\n"[..]), "{head}");
    let (mut peer, _) = tungstenite::connect(format!("ws://{address}/socket")).unwrap();
    peer.send("hello".into()).unwrap();
    assert_eq!(peer.read().unwrap(), "hello".into());
    let (status, head, body) = get(&address, "/metrics");
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, 200);
    assert!(
        head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{head}"
    );
    for line in [
        "# TYPE wsloop_connections gauge",
        "wsloop_connections{connector=\"f::s\"} 1",
        "wsloop_messages_received_total{connector=\"f::s\"} 1",
        "wsloop_received_bytes_total{connector=\"f::s\"} 5",
        "wsloop_messages_sent_total{connector=\"f::s\"} 1",
        "wsloop_loop_accepted_total 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("wsloop_") && value.parse::<f64>().is_ok(), "{line}");
    }
    for (target, content_type, expected) in [
        ("/demo/", "text/html; charset=utf-8", "<p>hello</p>"),
        ("/demo/index.html?x", "text/html; charset=utf-8", "<p>hello</p>"),
        ("/demo/a%20b.txt", "text/plain; charset=utf-8", "blank"),
        ("/demo/inner/", "text/html; charset=utf-8", "inner"),
        ("/demo/inner/x.js", "text/javascript; charset=utf-8", "1"),
    ] {
        let (status, head, body) = get(&address, target);
        assert_eq!(
            (status, String::from_utf8(body).unwrap().as_str()),
            (200, expected),
            "{target}"
        );
        assert!(
            head.contains(&format!("Content-Type: {content_type}\r\n")),
            "{target}: {head}"
        );
        assert!(head.contains("X-Content-Type-Options: nosniff\r\n"), "{target}: {head}");
    }
    drop(running);
}

#[test]
fn nothing_outside_of_the_folder_can_be_reached() {
    let dir = site();
    let (_running, address) = start(dir.path());
    for target in [
        "/demo/../secret.txt",
        "/demo/%2e%2e/secret.txt",
        "/demo/..%2fsecret.txt",
        "/demo/%2e%2e%2fsecret.txt",
        "/demo/..%5csecret.txt",
        "/demo/..\\secret.txt",
        "/demo/inner/../../secret.txt",
        "/demo//secret.txt",
        "/demo/./index.html",
        "/demo/%252e%252e/secret.txt",
        "/demo/link.txt",
        "/demo/up/secret.txt",
        "/demo/index.html%00",
        "/demo/%",
        "/demo/%ff",
        "/secret.txt",
        "/demo",
        "/demo/inner",
        "/nowhere",
        "http://other/demo/../secret.txt",
    ] {
        let (status, _, body) = get(&address, target);
        assert!(matches!(status, 400 | 404), "{target}: {status}");
        assert!(!String::from_utf8_lossy(&body).contains("secret"), "{target}");
    }
}

#[test]
fn http_is_held_to_its_rules() {
    let dir = site();
    let (_running, address) = start(dir.path());
    let (status, head, body) = request(&address, "HEAD", "/demo/", "");
    assert_eq!((status, body.len()), (200, 0));
    assert!(
        head.contains("Content-Length: 12\r\n") && head.contains("Connection: close\r\n"),
        "{head}"
    );
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("ETag: "))
        .unwrap()
        .to_string();
    let (status, _, body) = request(&address, "GET", "/demo/", &format!("If-None-Match: \"x\", {etag}\r\n"));
    assert_eq!((status, body.len()), (304, 0));
    for (method, headers, expected) in [
        ("POST", "Content-Length: 0\r\n", 405),
        ("DELETE", "", 405),
        ("GET", "Content-Length: 5\r\n", 400),
        ("GET", "Transfer-Encoding: chunked\r\n", 400),
        ("GET", "Host: twice\r\n", 400),
        // It asks to open a connection, at a path that has none.
        (
            "GET",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            404,
        ),
    ] {
        let (status, head, _) = request(&address, method, "/demo/", headers);
        assert_eq!(status, expected, "{method} {headers}: {head}");
    }
    let (status, head, _) = get(&address, "/socket");
    assert_eq!(status, 426);
    assert!(head.contains("Upgrade: websocket\r\n"), "{head}");
    // HTTP/1.0 needs no host; one request each, whatever follows.
    let (head, body) = exchange(&address, "GET /healthz HTTP/1.0\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && body == b"ok\n", "{head}");
    let (head, _) = exchange(&address, &format!("GET /{} HTTP/1.1\r\n", "x".repeat(20_000)));
    assert!(head.starts_with("HTTP/1.1 414 "), "{head}");
}

#[test]
fn a_long_file_reaches_a_slow_reader() {
    let dir = site();
    let long: Vec<u8> = (0..8_000_000_u32).map(|number| number as u8).collect();
    fs::write(dir.path().join("www/long.bin"), &long).unwrap();
    let (_running, address) = start(dir.path());
    let (status, _, body) = get(&address, "/demo/long.bin");
    assert_eq!(status, 200);
    assert!(body == long, "{} of {} bytes", body.len(), long.len());
}

#[test]
fn without_the_option_there_is_no_http() {
    let dir = folder(&[("config.troy", &flow("{}"))]);
    let (_running, address) = start(dir.path());
    assert_eq!(get(&address, "/healthz").0, 426);
    assert_eq!(request(&address, "HEAD", "/", "").0, 405);
}

#[test]
fn the_folder_is_read_again_upon_a_hang_up() {
    let dir = site();
    let (mut running, address) = start(dir.path());
    fs::write(dir.path().join("www/index.html"), "new").unwrap();
    assert_eq!(get(&address, "/demo/").2, b"<p>hello</p>");
    running.signal("HUP");
    running.stderr_line("SIGHUP");
    crate::cli_support::until(|| get(&address, "/demo/").2 == b"new");
}

#[test]
fn mistakes_are_found_by_the_check() {
    for (http, says) in [
        (r#"{"health": "healthz"}"#, "`health` must begin with `/`"),
        (
            r#"{"metrics": "/m?x"}"#,
            "`metrics` must begin with `/` and hold no query",
        ),
        (
            r#"{"health": "/socket"}"#,
            "`/socket` is the path of the WebSocket as well",
        ),
        (r#"{"health": "/x", "metrics": "/x"}"#, "have the same path"),
        (r#"{"files": {"folder": "nowhere"}}"#, "can't read the folder /"),
        (
            r#"{"files": {"folder": "www", "path": "x"}}"#,
            "`path` must begin with `/`",
        ),
        (
            r#"{"files": {"folder": "www", "max_files": 2}}"#,
            "there are more than 2 files in it",
        ),
        (
            r#"{"files": {"folder": "www", "max_bytes": 5}}"#,
            "have more than 5 bytes together",
        ),
        (r#"{"files": {}}"#, "lacks the key `folder`"),
        (r#"{"helth": "/x"}"#, "did you mean `health`?"),
    ] {
        let dir = site();
        fs::write(dir.path().join("config.troy"), flow(http)).unwrap();
        let output = run(dir.path(), &["check", "config.troy"]);
        assert_eq!(output.code, Some(78), "{http}");
        assert!(output.stderr.contains(says), "{http}:\n{}", output.stderr);
        assert!(output.stderr.contains("config.troy:5:"), "{http}:\n{}", output.stderr);
    }
}
