//! permessage-deflate with a browser: headless Chromium, from Debian's packages, as client.
//!
//! `tests/run` installs it where it can, and says where it is by `WSLOOP_CHROMIUM`. The page is
//! `tests/interop/deflate.html`; what it finds it posts back as the lines that the other peers' scripts print.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::interop_agreed::{Setup, check_table, our_setups};
use super::interop_deflate::Serving;
use super::interop_talk::{known, packed};

const PAGE: &str = include_str!("../interop/deflate.html");

/// A web server of three things: the page, the messages, and the runs; it takes the page's reports.
struct Site {
    port: u16,
    reports: Receiver<String>,
}

impl Site {
    fn open(messages: Vec<u8>, runs: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, reports) = mpsc::channel();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                // A browser opens connections that it may never use.
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let Some((path, body)) = request(&stream) else {
                    continue;
                };
                let (kind, content) = match path.as_str() {
                    "/" => ("text/html", PAGE.as_bytes()),
                    "/messages" => ("application/octet-stream", messages.as_slice()),
                    "/runs" => ("text/plain", runs.as_bytes()),
                    "/report" => ("text/plain", &b"noted"[..]),
                    other => panic!("the page has no reason to ask for {other}"),
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    content.len()
                );
                let answer = [head.as_bytes(), content].concat();
                if stream.write_all(&answer).is_err() || path == "/report" && sender.send(body).is_err() {
                    break;
                }
            }
        });
        Self { port, reports }
    }
}

/// A request's path and body.
fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}

/// A browser at work, with a profile of its own; killed when dropped.
struct Browser {
    child: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn show(program: &str, url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--disable-dev-shm-usage",
                "--remote-debugging-port=0",
                "--password-store=basic",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It complains of a system bus that isn't there, and the like.
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Self {
            child,
            _profile: profile,
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn chromium_as_client() {
    let Ok(program) = std::env::var("WSLOOP_CHROMIUM") else {
        println!("left out: WSLOOP_CHROMIUM is not set; tests/run installs Chromium where it can, and sets it");
        return;
    };
    let (setups, known) = (our_setups(""), known());
    let mut serving = Serving::new(&setups, &known);
    let runs: Vec<String> = serving
        .recorders
        .iter()
        .enumerate()
        .map(|(number, recorder)| {
            let closer = if Setup::wsloop_closes(number) { "wsloop" } else { "peer" };
            format!("{} {closer}", recorder.port)
        })
        .collect();
    let site = Site::open(packed(&known), runs.join("\n"));
    let browser = Browser::show(&program, &format!("http://127.0.0.1:{}/", site.port));
    let mut lines = serving.run(|| site.reports.recv_timeout(Duration::ZERO)).into_iter();
    drop(browser);
    println!("{}", lines.next().unwrap());
    let mut rows = Vec::new();
    for outcome in serving.finish("Chromium") {
        let row = outcome.row();
        outcome.check(&known);
        let agreed = outcome.recording.answered.as_deref().unwrap_or("nothing");
        assert_eq!(lines.next().unwrap(), format!("agreed {agreed}"), "{row}");
        assert_eq!(lines.next().unwrap(), "ok", "{row}");
        rows.push(row);
    }
    check_table(&rows);
}
