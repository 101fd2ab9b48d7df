//! TLS with another implementation, the system's `openssl`: sessions are resumed, names chosen, protocols agreed on and
//! clients known, on both sides.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use wsloop::engine::{Event, Events, Failure, ListenOptions};
use wsloop::tls::{
    ClientAuth, ClientConfig, ClientOptions, ErrorKind, Identity, ServerConfig, ServerOptions, Session, UnknownName,
    Version,
};

use super::engine_support::{PATIENCE, Serving, serve};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A certificate and its key, both PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn for_names(names: &[&str]) -> Pair {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

/// An authority of the name `name`, and a certificate that it signed.
fn signed_by(name: &str) -> (String, Pair) {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["client.example".into()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let pair = Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    };
    (authority.pem(), pair)
}

fn options(pair: &Pair) -> ServerOptions<'_> {
    ServerOptions {
        certificate_pem: pair.certificate.as_bytes(),
        key_pem: pair.key.as_bytes(),
        ..ServerOptions::default()
    }
}

/// What a server saw of one client: an opened stream's `TlsInfo`, or why it failed.
#[derive(Debug)]
struct Seen {
    version: Option<Version>,
    cipher_suite: Option<&'static str>,
    is_resumed: bool,
    sni: Option<String>,
    identity_name: Option<String>,
    alpn: Option<Vec<u8>>,
    certificates: usize,
}

fn serve_tls(config: &ServerConfig) -> (Serving, Receiver<Result<Seen, ErrorKind>>) {
    let (sender, receiver) = channel();
    let listen = ListenOptions::new("127.0.0.1:0").tls(config.clone());
    let serving = serve(listen, Events::default(), move |event_loop, stream, event| {
        let seen = match event {
            Event::Opened(_) => {
                let info = event_loop.tls_info(stream).unwrap().unwrap();
                Ok(Seen {
                    version: info.version,
                    cipher_suite: info.cipher_suite,
                    is_resumed: info.is_resumed,
                    sni: info.sni.map(str::to_owned),
                    identity_name: info.identity_name.map(str::to_owned),
                    alpn: info.alpn.map(<[u8]>::to_vec),
                    certificates: info.peer_certificates.len(),
                })
            }
            Event::Failed(Failure::Tls(error)) => Err(error.kind()),
            _ => return,
        };
        let _ = sender.send(seen);
    });
    (serving, receiver)
}

/// `openssl` under way; it is ended with the test.
struct Openssl {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Openssl {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.split(b'\n').map_while(Result::ok) {
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { child, stdin, lines }
    }

    /// All that it said up to a line with one of `ends` in it, or up to its end.
    fn until(&mut self, ends: &[&str]) -> String {
        let mut all = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            all.push_str(&line);
            all.push('\n');
            if ends.iter().any(|end| line.contains(end)) {
                break;
            }
        }
        all
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A handshake of `openssl s_client`, and an opening handshake over it; what the program says.
fn s_client(addr: SocketAddr, arguments: &[&str]) -> String {
    let addr = addr.to_string();
    let mut client = Openssl::start(&[&["s_client", "-connect", &addr], arguments].concat());
    // A handshake that failed takes its input away.
    let _ = client.stdin.as_mut().unwrap().write_all(REQUEST);
    let said = client.until(&["101 Switching"]);
    drop(client.stdin.take());
    let rest = client.until(&[]);
    said + &rest
}

fn path(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_server_resumes_sessions_of_openssl_until_it_is_reloaded() {
    let dir = tempfile::tempdir().unwrap();
    let pair = for_names(&["localhost"]);
    let roots = path(dir.path(), "roots.pem", &pair.certificate);
    for (version, flag) in [(Version::Tls12, "-tls1_2"), (Version::Tls13, "-tls1_3")] {
        let config = ServerConfig::new(&options(&pair)).unwrap();
        let (serving, seen) = serve_tls(&config);
        let session = dir.path().join(flag);
        let session = session.to_str().unwrap();
        let common = [
            flag,
            "-servername",
            "localhost",
            "-CAfile",
            &roots,
            "-sess_out",
            session,
        ];
        let again = [&common[..], &["-sess_in", session]].concat();
        for (arguments, resumed) in [(&common[..], false), (&again, true)] {
            let said = s_client(serving.addr, arguments);
            assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
            assert_eq!(said.contains("Reused, "), resumed, "{said}");
            let seen = seen.recv_timeout(PATIENCE).unwrap().unwrap();
            assert_eq!((seen.version, seen.is_resumed), (Some(version), resumed));
            assert!(said.contains("101 Switching"), "{said}");
        }
        config.reload(&options(&pair)).unwrap();
        let said = s_client(serving.addr, &again);
        assert!(said.contains("New, ") && !said.contains("Reused, "), "{said}");
        assert!(!seen.recv_timeout(PATIENCE).unwrap().unwrap().is_resumed);
    }
}

#[test]
fn names_and_protocols_are_those_that_openssl_asks_for() {
    let (default, other) = (for_names(&["localhost"]), for_names(&["a.example", "*.b.example"]));
    let identities = [Identity {
        certificate_pem: other.certificate.as_bytes(),
        key_pem: other.key.as_bytes(),
        names: &[],
    }];
    let config = ServerConfig::new(&ServerOptions {
        identities: &identities,
        unknown_name: UnknownName::Refuse,
        alpn: &[b"http/1.1"],
        ..options(&default)
    });
    let (serving, seen) = serve_tls(&config.unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (default, other) = (
        path(dir.path(), "default.pem", &default.certificate),
        path(dir.path(), "other.pem", &other.certificate),
    );
    for (name, roots, entry) in [
        (Some("localhost"), &default, Some("localhost")),
        (Some("a.example"), &other, Some("a.example")),
        (Some("x.b.example"), &other, Some("*.b.example")),
        (None, &default, None),
    ] {
        let named = name.map_or(vec!["-noservername"], |name| vec!["-servername", name]);
        let said = s_client(
            serving.addr,
            &[&named[..], &["-alpn", "h2,http/1.1", "-CAfile", roots]].concat(),
        );
        assert!(said.contains("Verify return code: 0 (ok)"), "{name:?}: {said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
        let seen = seen.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((seen.sni.as_deref(), seen.identity_name.as_deref()), (name, entry));
        assert_eq!(seen.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert!(
            said.contains(&seen.cipher_suite.unwrap().replace("TLS13_", "TLS_")),
            "{said}"
        );
    }
    let said = s_client(serving.addr, &["-servername", "c.example"]);
    assert!(!said.contains("101 Switching"), "{said}");
    let refused = seen.recv_timeout(PATIENCE).unwrap().unwrap_err();
    assert_eq!(refused, ErrorKind::UnknownName);
}

#[test]
fn clients_of_openssl_are_known_by_their_certificates() {
    let server = for_names(&["localhost"]);
    let (roots, good) = signed_by("ours");
    let (_, strange) = signed_by("theirs");
    let dir = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (name, pair) in [("good", &good), ("strange", &strange)] {
        files.push((
            path(dir.path(), &format!("{name}.cert"), &pair.certificate),
            path(dir.path(), &format!("{name}.key"), &pair.key),
        ));
    }
    for (client_auth, without) in [
        (ClientAuth::Required, Err(ErrorKind::NoCertificate)),
        (ClientAuth::Optional, Ok(0)),
    ] {
        let config = ServerConfig::new(&ServerOptions {
            client_roots_pem: Some(roots.as_bytes()),
            client_auth,
            ..options(&server)
        });
        let (serving, seen) = serve_tls(&config.unwrap());
        let outcome = |arguments: &[&str]| {
            s_client(serving.addr, arguments);
            let seen = seen.recv_timeout(PATIENCE).unwrap();
            seen.map(|seen| seen.certificates)
        };
        for flag in ["-tls1_2", "-tls1_3"] {
            assert_eq!(outcome(&[flag]), without);
            assert_eq!(outcome(&[flag, "-cert", &files[0].0, "-key", &files[0].1]), Ok(1));
            let strange = outcome(&[flag, "-cert", &files[1].0, "-key", &files[1].1]);
            assert_eq!(strange, Err(ErrorKind::UnknownIssuer));
        }
    }
}

/// A session over a socket up to the first bytes of an answer.
fn visit(config: &ClientConfig, addr: &str) -> (Session, Vec<u8>) {
    let mut socket = TcpStream::connect(addr).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut session = Session::client(config, "localhost").unwrap();
    session.write(b"GET / HTTP/1.0\r\n\r\n");
    let (mut bytes, mut plaintext) = ([0; 4096], [0; 4096]);
    loop {
        let mut out = Vec::new();
        session.poll_transmit(&mut out);
        socket.write_all(&out).unwrap();
        let count = socket.read(&mut bytes).unwrap();
        assert!(count > 0, "the server hung up");
        session.handle_bytes(&bytes[..count]).unwrap();
        let count = session.read(&mut plaintext);
        if count > 0 {
            return (session, plaintext[..count].to_vec());
        }
    }
}

#[test]
fn a_client_resumes_sessions_with_openssl_until_it_is_reloaded() {
    let dir = tempfile::tempdir().unwrap();
    let server = for_names(&["localhost"]);
    let (client_roots, client) = signed_by("clients");
    let certificate = path(dir.path(), "server.cert", &server.certificate);
    let key = path(dir.path(), "server.key", &server.key);
    let roots = path(dir.path(), "clients.pem", &client_roots);
    for (version, flag) in [(Version::Tls12, "-tls1_2"), (Version::Tls13, "-tls1_3")] {
        let mut openssl = Openssl::start(&[
            "s_server",
            "-accept",
            "127.0.0.1:0",
            flag,
            "-www",
            "-alpn",
            "http/1.1",
            "-cert",
            &certificate,
            "-key",
            &key,
            "-Verify",
            "1",
            "-verify_return_error",
            "-CAfile",
            &roots,
        ]);
        let said = openssl.until(&["ACCEPT"]);
        let addr = said.lines().last().unwrap().trim_start_matches("ACCEPT ").to_owned();
        let options = ClientOptions {
            roots_pem: Some(server.certificate.as_bytes()),
            identity_pem: Some((client.certificate.as_bytes(), client.key.as_bytes())),
            alpn: &[b"http/1.1"],
        };
        let config = ClientConfig::new(&options).unwrap();
        config
            .clock()
            .set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO));
        for resumed in [false, true, false] {
            if !resumed {
                config.reload(&options).unwrap();
            }
            let (session, answer) = visit(&config, &addr);
            assert!(
                answer.starts_with(b"HTTP/1.0 200"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
            assert_eq!((session.version(), session.is_resumed()), (Some(version), resumed));
            assert_eq!(session.alpn(), Some(&b"http/1.1"[..]));
            assert_eq!(session.peer_certificates().len(), 1);
        }
    }
}
