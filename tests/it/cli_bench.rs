//! `wsloop bench` against a good server, and against servers each of which does one thing wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use wsloop::EventLoop;
use wsloop::engine::{Config, Event, Events, Handle, ListenOptions, StreamId};
use wsloop::proto::{CloseCode, Message};

use super::cli_support::{Output, Running, folder, run, until, wsloop};

/// A server on a thread; it ends when this is dropped.
pub(super) struct Server {
    pub(super) url: String,
    /// Messages that have come.
    pub(super) count: Arc<AtomicU64>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `answer` is given each message and its number, from 0 on, counted over all connections.
    pub(super) fn start(mut answer: impl FnMut(&mut EventLoop, StreamId, u64, Message<'_>) + Send + 'static) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let options = ListenOptions::new("127.0.0.1:0");
        let mut server = Self::host(options, move |event_loop, stream, event| {
            if let Event::Message(message) = event {
                answer(event_loop, stream, counter.fetch_add(1, Ordering::Relaxed), message);
            }
        });
        server.count = count;
        server
    }

    /// `handle_event` is given every event.
    pub(super) fn host(
        options: ListenOptions,
        mut handle_event: impl FnMut(&mut EventLoop, StreamId, Event<'_>) + Send + 'static,
    ) -> Self {
        let mut event_loop = EventLoop::new(Config::default()).unwrap();
        let listener = event_loop.listen(options).unwrap();
        let url = format!("ws://{}", event_loop.local_addr(listener).unwrap());
        let handle = event_loop.handle();
        let thread = thread::spawn(move || {
            let mut events = Events::default();
            while !event_loop.is_drained() {
                event_loop.poll(&mut events, None).unwrap();
                for (stream, event) in &events {
                    handle_event(&mut event_loop, stream, event);
                }
            }
        });
        Self {
            url,
            count: Arc::default(),
            handle,
            thread: Some(thread),
        }
    }

    /// One that does as it should.
    pub(super) fn echo() -> Self {
        Self::start(|event_loop, stream, _, message| echo(event_loop, stream, message))
    }

    /// Runs the tool against it, and gives its JSON.
    pub(super) fn bench(&self, arguments: &[&str]) -> (Output, Value) {
        let dir = folder(&[]);
        let mut all = vec!["bench", &self.url, "--warm-up", "0s", "--json", "-"];
        all.extend(arguments);
        let output = run(dir.path(), &all);
        let json = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output, json)
    }

    /// Runs the tool with 300 messages on three connections; gives the faults that it found, in words.
    fn faults(&self, arguments: &[&str]) -> Vec<String> {
        let mut all = vec!["-c", "3", "-m", "300", "--timeout", "500ms"];
        if !arguments.contains(&"--rate") {
            all.extend(["-i", "4"]);
        }
        all.extend(arguments);
        let (output, json) = self.bench(&all);
        let faults = json["result"]["faults"].as_object().unwrap();
        assert_eq!(output.code, Some(i32::from(!faults.is_empty())), "{output:?}");
        assert_eq!(output.stderr.contains("WRONG"), !faults.is_empty(), "{}", output.stderr);
        assert_eq!(json["result"]["ok"], faults.is_empty());
        let mut names: Vec<_> = faults.keys().cloned().collect();
        names.sort();
        names
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.handle.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

fn echo(event_loop: &mut EventLoop, stream: StreamId, message: Message<'_>) {
    // The tool may be closing meanwhile.
    let _ = event_loop.send(stream, message);
}

fn milliseconds(nanos: &Value) -> u64 {
    nanos.as_u64().unwrap() / 1_000_000
}

#[test]
fn a_good_server_passes_whatever_is_sent() {
    let server = Server::echo();
    for arguments in [
        &["-s", "125"][..],
        &["-s", "0,1,7,8,15,16,17,1000,70K", "-k", "text,binary,unicode"],
        &["--rate", "3000"],
        &["--ramp", "100", "--spin"],
    ] {
        assert_eq!(server.faults(arguments), [""; 0], "{arguments:?}");
    }
    let (output, json) = server.bench(&[
        "-c",
        "3",
        "-m",
        "1000",
        "--label",
        "one",
        "-H",
        "Authorization: Bearer x",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let result = &json["result"];
    assert_eq!(json["version"], 1);
    assert_eq!((&result["sent"], &result["echoes"]), (&1000.into(), &1000.into()));
    assert_eq!(result["latency"]["count"], 1000);
    assert_eq!(result["connections"]["opened"], 3);
    assert_eq!(result["handshake"]["count"], 3);
    assert!(
        !json["command"].as_str().unwrap().contains("Bearer"),
        "{}",
        json["command"]
    );
    assert!(output.stderr.contains("every echo was right"), "{}", output.stderr);
}

#[test]
fn a_server_that_drops_is_found_out() {
    let server = Server::start(|event_loop, stream, number, message| {
        if number % 10 != 5 {
            echo(event_loop, stream, message);
        }
    });
    assert_eq!(server.faults(&[]), ["missing"]);
    assert_eq!(server.faults(&["--rate", "1000"]), ["missing"]);
    assert_eq!(server.faults(&["-s", "2"]), ["missing"]);
    // Then no later one tells: it is time that does.
    let silent = Server::start(|_, _, _, _| {});
    let (output, json) = silent.bench(&["-m", "2", "--timeout", "300ms"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(json["result"]["faults"]["missing"]["count"], 2);
    assert!(output.stderr.contains("no echo came"), "{}", output.stderr);
}

#[test]
fn a_server_that_doubles_is_found_out() {
    let server = Server::start(|event_loop, stream, number, message| {
        echo(event_loop, stream, message);
        if number % 10 == 5 {
            echo(event_loop, stream, message);
        }
    });
    assert_eq!(server.faults(&[]), ["duplicated"]);
    assert_eq!(server.faults(&["-s", "2"]), ["duplicated"]);
}

#[test]
fn a_server_that_repeats_itself_does_not_keep_the_run_from_ending() {
    let mut first = String::new();
    let server = Server::start(move |event_loop, stream, number, message| {
        if number == 0 {
            first = message.as_text().unwrap().as_str().to_owned();
            echo(event_loop, stream, message);
            return;
        }
        let (handle, again) = (event_loop.handle(), first.clone());
        thread::spawn(move || {
            while handle.send(stream, again.as_str()).is_ok() {
                thread::sleep(Duration::from_millis(10));
            }
        });
    });
    let (output, json) = server.bench(&["-m", "2", "--timeout", "300ms"]);
    assert_eq!(output.code, Some(1));
    let faults = json["result"]["faults"].as_object().unwrap();
    assert_eq!(
        faults.keys().collect::<Vec<_>>(),
        ["missing", "duplicated"],
        "{output:?}"
    );
}

#[test]
fn a_server_that_reorders_is_found_out() {
    let mut held: Option<(StreamId, Vec<u8>)> = None;
    let server = Server::start(move |event_loop, stream, number, message| {
        if number % 10 == 5 && held.is_none() {
            held = Some((stream, message.as_bytes().to_vec()));
            return;
        }
        echo(event_loop, stream, message);
        if let Some((_, bytes)) = held.take_if(|(holder, _)| *holder == stream) {
            let _ = event_loop.send(stream, Message::Binary(&bytes));
        }
    });
    assert_eq!(server.faults(&["-k", "binary"]), ["out_of_order"]);
}

#[test]
fn a_server_that_damages_is_found_out() {
    for at in [0, 10, 100] {
        let server = Server::start(move |event_loop, stream, number, message| {
            let mut bytes = message.as_bytes().to_vec();
            if number % 10 == 5 {
                bytes[at] ^= 0x55;
            }
            let _ = event_loop.send(stream, Message::Binary(&bytes));
        });
        assert_eq!(server.faults(&["-k", "binary"]), ["damaged"], "{at}");
    }
    let server = Server::start(|event_loop, stream, number, message| {
        let bytes = message.as_bytes();
        let len = if number % 10 == 5 { bytes.len() - 1 } else { bytes.len() };
        let _ = event_loop.send(stream, Message::Binary(&bytes[..len]));
    });
    assert_eq!(server.faults(&["-k", "binary"]), ["damaged"]);
}

#[test]
fn a_server_that_changes_the_kind_is_found_out() {
    let server = Server::start(|event_loop, stream, _, message| {
        let _ = event_loop.send(stream, Message::Binary(message.as_bytes()));
    });
    assert_eq!(server.faults(&["-k", "text"]), ["wrong_kind"]);
    assert_eq!(server.faults(&["-k", "binary"]), [""; 0]);
}

#[test]
fn a_server_that_crosses_connections_is_found_out() {
    let mut before: Option<StreamId> = None;
    let server = Server::start(move |event_loop, stream, number, message| {
        let other = before.replace(stream).filter(|other| *other != stream);
        echo(event_loop, stream, message);
        if number % 10 == 5
            && let Some(other) = other
        {
            echo(event_loop, other, message);
        }
    });
    // With one message under way, and so no two of a connection one after the other.
    let (output, json) = server.bench(&["-c", "3", "-m", "300", "--timeout", "500ms"]);
    assert_eq!(output.code, Some(1));
    let faults = json["result"]["faults"].as_object().unwrap();
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["crossed"], "{output:?}");
    assert!(output.stderr.contains("of another connection"), "{}", output.stderr);
}

#[test]
fn connections_that_are_refused_or_lost_are_told_by_kind() {
    let server = Server::start(|event_loop, stream, number, message| {
        if number == 50 {
            let _ = event_loop.close(stream, Some(CloseCode::GOING_AWAY), "");
        } else if number == 60 {
            let _ = event_loop.abort(stream);
        } else {
            echo(event_loop, stream, message);
        }
    });
    let (output, json) = server.bench(&["-c", "4", "-m", "300"]);
    assert_eq!(output.code, Some(1));
    assert_eq!(json["result"]["connections"]["lost"], 2, "{output:?}");
    let errors = json["result"]["errors"].as_object().unwrap();
    assert!(errors.keys().any(|text| text.contains("1001")), "{errors:?}");
    assert_eq!(errors.values().filter_map(Value::as_u64).sum::<u64>(), 2, "{errors:?}");
    // The one message that was under way on each.
    let faults = json["result"]["faults"].as_object().unwrap();
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["cut"]);
    assert_eq!(faults["cut"]["count"], 2);

    let url = server.url.clone();
    drop(server);
    let dir = folder(&[]);
    let output = run(dir.path(), &["bench", &url, "-c", "5"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("5 x can't connect"), "{output:?}");
    assert!(output.stdout.contains("0 opened, 5 failed"), "{output:?}");
}

#[test]
fn connections_come_from_the_addresses_named() {
    let (sender, peers) = std::sync::mpsc::channel();
    let server = Server::host(
        ListenOptions::new("127.0.0.1:0"),
        move |event_loop, stream, event| match event {
            Event::Opened(_) => drop(sender.send(event_loop.peer_addr(stream).unwrap().to_string())),
            Event::Message(message) => echo(event_loop, stream, message),
            _ => {}
        },
    );
    let (output, _) = server.bench(&["-c", "3", "-m", "30", "--bind", "127.0.0.2,127.0.0.3"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    drop(server);
    let mut peers: Vec<_> = peers
        .iter()
        .map(|peer| peer.split(':').next().unwrap().to_owned())
        .collect();
    peers.sort();
    assert_eq!(peers, ["127.0.0.2", "127.0.0.2", "127.0.0.3"]);
}

#[test]
fn a_stall_shows_in_all_messages_that_were_due_meanwhile() {
    let server = Server::start(|event_loop, stream, number, message| {
        if number == 100 {
            thread::sleep(Duration::from_millis(200));
        }
        echo(event_loop, stream, message);
    });
    let (output, json) = server.bench(&["--rate", "1000", "-m", "1000"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let latency = &json["result"]["latency"];
    assert_eq!(latency["count"], 1000);
    // 200 messages were due meanwhile, each of which waited for what was left of it: half of them 100 ms or longer.
    assert!(milliseconds(&latency["p90"]) >= 99, "{latency}");
    assert!(milliseconds(&latency["p99"]) >= 180, "{latency}");
    assert!(milliseconds(&latency["max"]) >= 199, "{latency}");
}

#[test]
fn what_could_not_be_sent_in_time_counts_from_when_it_was_due() {
    let server = Server::start(|event_loop, stream, number, message| {
        if number == 20 {
            thread::sleep(Duration::from_millis(500));
        }
        echo(event_loop, stream, message);
    });
    // 25 MiB are due while the server sleeps, of which the system takes a few and the queue one: most of the 100
    // messages leave when it is over.
    let (output, json) = server.bench(&["--rate", "200", "-m", "160", "-s", "256K", "-k", "binary"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let latency = &json["result"]["latency"];
    assert_eq!(latency["count"], 160);
    assert!(milliseconds(&latency["p50"]) >= 99, "{latency}");
}

#[test]
fn above_a_servers_capacity_latencies_grow_with_the_lag() {
    let server = Server::start(|event_loop, stream, _, message| {
        thread::sleep(Duration::from_millis(1));
        echo(event_loop, stream, message);
    });
    // Message k is due k/3 ms from the start, and answered k ms from it, at the earliest.
    let (output, json) = server.bench(&["-c", "2", "--rate", "3000", "-d", "300ms"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let latency = &json["result"]["latency"];
    assert_eq!(latency["count"], 900, "none is skipped");
    assert!(milliseconds(&latency["p50"]) >= 290, "{latency}");
    assert!(milliseconds(&latency["max"]) >= 590, "{latency}");
}

#[test]
fn an_interrupt_ends_it_with_the_report_and_a_second_one_at_once() {
    let server = Server::echo();
    let dir = folder(&[]);
    let start = |url: &str, extra: &[&str]| {
        let mut arguments = vec!["bench", url, "-d", "600s", "--warm-up", "0s"];
        arguments.extend(extra);
        Running::start(wsloop(dir.path(), &arguments))
    };
    let running = start(&server.url, &["-c", "2"]);
    until(|| server.count.load(Ordering::Relaxed) > 1000);
    running.signal("INT");
    let output = running.output();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("measured, interrupted"), "{output:?}");
    assert!(output.stdout.contains("every echo was right"), "{output:?}");

    // It waits for echoes after the first, and is not given any.
    let silent = Server::start(|_, _, _, _| {});
    let mut running = start(&silent.url, &["--timeout", "600s"]);
    until(|| silent.count.load(Ordering::Relaxed) > 0);
    running.signal("INT");
    running.signal("TERM");
    let code = running.wait().code();
    assert!(matches!(code, Some(130 | 143 | 1)), "{code:?}");
}

#[test]
fn the_echo_command_is_a_good_server() {
    let dir = folder(&[]);
    let certs = run(dir.path(), &["cert"]);
    assert_eq!(certs.code, Some(0), "{certs:?}");
    for (server, client) in [
        (
            &["--compress"][..],
            &["--compress", "-k", "text,unicode", "-s", "16K"][..],
        ),
        (
            &["--tls", "localhost.cert", "localhost.key"],
            &["--ca", "localhost.cert"],
        ),
    ] {
        let mut arguments = vec!["echo", "localhost:0"];
        arguments.extend(server);
        let mut echo = Running::start(wsloop(dir.path(), &arguments));
        let line = echo.stdout_line("listening on ");
        let url = line.trim().trim_start_matches("listening on ");
        let mut arguments = vec!["bench", url, "-c", "2", "-i", "4", "-m", "200"];
        arguments.extend(client);
        let output = run(dir.path(), &arguments);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(
            output.stdout.contains("2 compressed"),
            client.contains(&"--compress"),
            "{output:?}"
        );
        echo.signal("TERM");
        assert_eq!(echo.wait().code(), Some(0));
    }
    let mut echo = Running::start(wsloop(dir.path(), &["echo", "unix:echo.sock"]));
    echo.stdout_line("listening on unix:echo.sock");
    let arguments = ["bench", "ws://localhost", "--unix", "echo.sock", "-m", "100"];
    assert_eq!(run(dir.path(), &arguments).code, Some(0));
}

#[test]
fn what_it_cannot_do_it_says() {
    let bench = |arguments: &[&str]| {
        let mut all = vec!["bench"];
        all.extend(arguments);
        let output = run(Path::new("."), &all);
        (output.code, output.stderr)
    };
    for (arguments, text) in [
        (&["http://localhost"][..], "ws"),
        (&["ws://localhost", "-i", "2", "--rate", "5"], "cannot be used with"),
        (&["ws://localhost", "-s", "1G"], "K and M"),
        (&["ws://localhost", "-H", "x"], "NAME: VALUE"),
        (&["ws://localhost", "-c", "0"], "0"),
        (&["ws://localhost", "--rate", "0"], "above 0"),
        (&["wss://localhost", "--ca", "/nowhere.pem"], "/nowhere.pem"),
        (&[], "URL"),
    ] {
        let (code, stderr) = bench(arguments);
        assert_eq!(code, Some(2), "{arguments:?} {stderr}");
        assert!(stderr.contains(text), "{arguments:?} {stderr}");
    }
}
