//! What hostile peers cost the echo server, as a process of its own: its resident memory before and after, and at most.
//!
//! `cargo test --release --test it hostile_server -- --nocapture` prints the growth. Each server is warm when it is
//! measured: an honest client has had its arena, its pool and its code touched.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::engine_support::{BINARY, CLOSE, PING, PONG, RawClient, TEXT, frame};

/// What an attack that must cost nothing may cost: the tenth of a megabyte of the best implementations.
const NOTHING_KB: i64 = 100;

/// The example `echo_server`, built as this test was.
struct Server {
    child: Child,
    addr: SocketAddr,
}

/// Memory of a process, in kB.
#[derive(Debug, Clone, Copy)]
struct Memory {
    resident: i64,
    peak: i64,
    mapped: i64,
}

fn features() -> String {
    let all = [
        ("default", cfg!(feature = "default")),
        ("net", cfg!(feature = "net")),
        ("tls", cfg!(feature = "tls")),
        ("deflate", cfg!(feature = "deflate")),
        ("sim", cfg!(feature = "sim")),
        ("connectors", cfg!(feature = "connectors")),
        ("flow", cfg!(feature = "flow")),
        ("cli", cfg!(feature = "cli")),
    ];
    let on: Vec<_> = all.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    on.join(",")
}

/// Builds the example if it isn't there, and says where it is.
fn executable() -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo tells a test of its package would make the scripts of others run again.
    for (name, _) in std::env::vars_os() {
        let own = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_",
            "CARGO_BIN_",
            "CARGO_PRIMARY_",
        ];
        if own.iter().any(|own| name.to_string_lossy().starts_with(own)) {
            build.env_remove(name);
        }
    }
    build.args([
        "build",
        "--locked",
        "--quiet",
        "--example",
        "echo_server",
        "--message-format=json",
    ]);
    build.args(["--no-default-features", "--features", &features()]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = output.stdout.lines().find_map(|line| {
        let artifact: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let path = artifact.get("executable")?.as_str()?;
        Some(path.to_owned())
    });
    found.expect("cargo names what it built")
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(executable())
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let addr = line.trim().strip_prefix("listening on ws://").unwrap().parse().unwrap();
        Self { child, addr }
    }

    /// One that has served an honest client. What it sent has filled the arena more than once, and little else: memory
    /// that was used and given back would hide what an attack costs.
    fn warm() -> Self {
        let server = Self::start();
        let mut client = server.open();
        let pings = frame(PING, &[2; 125]).repeat(32_000);
        let mut writer = client.socket.try_clone().unwrap();
        let writing = std::thread::spawn(move || {
            writer.write_all(&pings).unwrap();
            writer.write_all(&frame(TEXT, b"done")).unwrap();
        });
        // Only the latest ping of a read may be answered, and that after the messages.
        let message = |client: &mut RawClient| loop {
            match client.receive() {
                (PONG, payload) => assert_eq!(payload, [2; 125]),
                (_, payload) => return payload,
            }
        };
        assert_eq!(message(&mut client), b"done");
        writing.join().unwrap();
        client.send(0x02, b"a");
        client.send(0x80, &[1; 1000]);
        assert_eq!(message(&mut client).len(), 1001);
        client.send(CLOSE, &1000_u16.to_be_bytes());
        assert_eq!(client.receive().0, CLOSE);
        assert!(client.at_end());
        server
    }

    fn open(&self) -> RawClient {
        RawClient::open(self.addr)
    }

    /// The server has had all that was sent before, and serves others.
    fn still_serves(&self) {
        let mut client = self.open();
        client.send(TEXT, b"still there?");
        assert_eq!(client.receive(), (TEXT, b"still there?".to_vec()));
    }

    fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':')
                .trim()
                .trim_end_matches(" kB")
                .parse()
                .unwrap()
        };
        Memory {
            resident: of("VmRSS"),
            peak: of("VmHWM"),
            mapped: of("VmSize"),
        }
    }

    /// What `attack` made the server's memory grow by; `peak` is the most it was meanwhile.
    fn growth<T>(&self, name: &str, attack: impl FnOnce() -> T) -> (Memory, T) {
        // The peak begins anew.
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
        let before = self.memory();
        let kept = attack();
        self.still_serves();
        let after = self.memory();
        let growth = Memory {
            resident: after.resident - before.resident,
            peak: after.peak - before.resident,
            mapped: after.mapped - before.mapped,
        };
        println!(
            "{name}: resident memory grew by {} kB (at most {} kB meanwhile), virtual by {} kB",
            growth.resident, growth.peak, growth.mapped
        );
        (growth, kept)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the same bytes until so many are written, or until the server takes none for a while; how many it took.
fn flood(client: &mut RawClient, bytes: &[u8], total: usize) -> usize {
    client
        .socket
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut written = 0;
    while written < total {
        match client.socket.write(&bytes[written % bytes.len()..]) {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    written
}

#[test]
fn pings_by_a_peer_that_never_reads() {
    let server = Server::warm();
    let mut client = server.open();
    let pings = frame(PING, &[7; 125]).repeat(500);
    let (growth, written) = server.growth("80 MB of pings, never read", || flood(&mut client, &pings, 80_000_000));
    assert!(written >= 80_000_000, "{written}");
    assert!(
        growth.resident < NOTHING_KB && growth.peak < 2 * NOTHING_KB,
        "{growth:?}"
    );
}

#[test]
fn fragments_of_one_byte() {
    let server = Server::warm();
    let mut client = server.open();
    let fragments = frame(0x00, b"x").repeat(1000);
    let (growth, written) = server.growth("2 M fragments of one byte", || {
        client.send(0x02, b"x");
        flood(&mut client, &fragments, 2_000_000 * 7)
    });
    println!("{} fragments were taken", written / 7);
    // The echo server takes 131,072 of them.
    assert!(
        growth.resident < 2 * NOTHING_KB && growth.peak < 3 * NOTHING_KB,
        "{growth:?}"
    );
    assert_eq!(client.receive().1[..2], 1009_u16.to_be_bytes());
}

#[test]
fn lengths_that_are_only_declared() {
    let server = Server::warm();
    let mut clients: Vec<_> = (0..200).map(|_| server.open()).collect();
    for client in &mut clients {
        client.send(TEXT, b"hello");
        assert_eq!(client.receive(), (TEXT, b"hello".to_vec()));
    }
    let mut head = frame(BINARY, &vec![0; 15 << 20]);
    head.truncate(14);
    let (growth, ()) = server.growth("200 x \"15 MiB are coming\"", || {
        for client in &mut clients {
            client.socket.write_all(&head).unwrap();
        }
    });
    assert!(growth.peak <= 16 && growth.mapped == 0, "{growth:?}");
    let (growth, ()) = server.growth("and 1,000 bytes of each", || {
        for client in &mut clients {
            client.socket.write_all(&[0; 1000]).unwrap();
        }
    });
    assert!(growth.peak < 1000, "{growth:?}");
}

/// The echo server does not read on while more waits than its high-water mark, 1 MiB.
#[test]
fn an_echo_flood_that_is_never_read() {
    let server = Server::warm();
    let mut client = server.open();
    let messages = frame(BINARY, &[7; 1000]).repeat(100);
    let (growth, written) = server.growth("200 MB to an echo, never read", || {
        flood(&mut client, &messages, 200_000_000)
    });
    println!("{written} bytes were taken, those in the system's buffers included");
    assert!(written < 100_000_000, "{written}");
    assert!(growth.peak < 3 << 10, "{growth:?}");
    // Nothing is lost once it reads.
    for _ in 0..written / 1008 {
        assert_eq!(client.receive(), (BINARY, vec![7; 1000]));
    }
}

/// The smallest messages there are: what is remembered of each is several times as long as the frame.
#[test]
fn a_flood_of_empty_messages_that_is_never_read() {
    let server = Server::warm();
    let mut client = server.open();
    let messages = frame(BINARY, b"").repeat(1000);
    let (growth, written) = server.growth("80 MB of empty messages to an echo, never read", || {
        flood(&mut client, &messages, 80_000_000)
    });
    println!("{written} bytes were taken, those in the system's buffers included");
    assert!(written < 80_000_000, "{written}");
    assert!(growth.peak < 16 << 10, "{growth:?}");
}

#[test]
fn one_slow_handshake_in_front_of_all_others() {
    let server = Server::warm();
    let slow: Vec<_> = (0..200)
        .map(|_| {
            let mut client = RawClient::connect(server.addr);
            client.socket.write_all(b"GET /slow HTTP/1.1\r\nHost: ").unwrap();
            client
        })
        .collect();
    // Each waits behind two hundred that don't go on.
    for _ in 0..3 {
        server.still_serves();
    }
    for mut client in slow {
        client.socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert!(client.socket.read(&mut [0]).is_err(), "they still wait");
    }
}
