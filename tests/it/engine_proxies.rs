//! Connections through proxies: naive ones over real sockets, good ones and bad ones.

use std::net::SocketAddr;
use std::time::Duration;

use wsloop::engine::{ConnectOptions, Error, Events, Failure, ListenOptions, Phase, Proxy};
use wsloop::proto::{self, ProxyError, SocksReply};

use super::dialing_support::{Naive, converse, dial};
use super::engine_support::{Rig, Serving, echo, serve};

/// The name that the proxies know the server by, and nobody else.
const SERVER: &str = "server.invalid";

fn echo_server() -> Serving {
    serve(ListenOptions::new("127.0.0.1:0"), Events::default(), echo)
}

fn options(proxy: Proxy) -> ConnectOptions {
    ConnectOptions::new(SERVER, 4711, "/chat").proxy(proxy)
}

/// An HTTP proxy for `server`; `dribbles` if its answer comes byte by byte.
fn http_proxy(server: SocketAddr, dribbles: bool) -> Naive {
    Naive::on("127.0.0.1", move |talk| {
        let head = talk.read_head();
        assert!(
            head.starts_with(&format!("CONNECT {SERVER}:4711 HTTP/1.1\r\n")),
            "{head}"
        );
        let answer = b"HTTP/1.1 200 Connection established\r\nVia: naive\r\n\r\n";
        if dribbles {
            talk.dribble(answer);
        } else {
            talk.write(answer);
        }
        talk.splice(server);
    })
}

/// A SOCKS5 proxy for `server`, which wants `user` and `pass` if `authenticates`.
fn socks_proxy(server: SocketAddr, authenticates: bool, dribbles: bool) -> Naive {
    Naive::on("127.0.0.1", move |talk| {
        let methods = usize::from(talk.read(2)[1]);
        let methods = talk.read(methods);
        let mut answers: Vec<Vec<u8>> = Vec::new();
        if authenticates {
            assert!(methods.contains(&2));
            talk.write(b"\x05\x02");
            let user = usize::from(talk.read(2)[1]);
            let user = talk.read(user);
            let password = usize::from(talk.read(1)[0]);
            let good = (&user[..], &talk.read(password)[..]) == (b"user", b"pass");
            talk.write(&[1, u8::from(!good)]);
            if !good {
                return;
            }
        } else {
            answers.push(b"\x05\0".to_vec());
        }
        answers.push(b"\x05\0\0\x03\x07a.naive\x12\x34".to_vec());
        for answer in answers {
            if dribbles {
                talk.dribble(&answer);
            } else {
                talk.write(&answer);
            }
            if answer.len() == 2 || authenticates {
                let request = talk.read(5);
                assert_eq!(request[..4], [5, 1, 0, 3]);
                let rest = talk.read(usize::from(request[4]) + 2);
                assert_eq!(rest, [SERVER.as_bytes(), &4711_u16.to_be_bytes()].concat());
            }
        }
        talk.splice(server);
    })
}

fn http(proxy: &Naive) -> Proxy {
    Proxy::http(proxy.addr.ip().to_string(), proxy.addr.port())
}

fn socks(proxy: &Naive) -> Proxy {
    Proxy::socks5(proxy.addr.ip().to_string(), proxy.addr.port())
}

#[test]
fn messages_pass_through_proxies_of_both_kinds() {
    let server = echo_server();
    let mut rig = Rig::new();
    for dribbles in [false, true] {
        let proxy = http_proxy(server.addr, dribbles);
        let stream = dial(&mut rig, options(http(&proxy))).unwrap();
        assert_eq!(rig.event_loop.peer_addr(stream).unwrap(), proxy.addr);
        assert_eq!(
            rig.event_loop.url(stream).unwrap(),
            Some(&*format!("ws://{SERVER}:4711/chat"))
        );
        converse(&mut rig, stream);
        for authenticates in [false, true] {
            let proxy = socks_proxy(server.addr, authenticates, dribbles);
            let credentials = socks(&proxy).credentials("user", "pass");
            let stream = dial(&mut rig, options(credentials)).unwrap();
            converse(&mut rig, stream);
        }
    }
}

#[test]
fn the_server_hears_nothing_of_the_proxy_and_its_credentials() {
    let server = Naive::answering("127.0.0.1", |_| "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".into());
    let proxy = http_proxy(server.addr, false);
    let credentials = http(&proxy).credentials("Aladdin", "open sesame");
    let dialled = options(credentials).header("X-Own", "1");
    let mut rig = Rig::new();
    let failure = dial(&mut rig, dialled).unwrap_err();
    assert!(
        matches!(&failure, Failure::Protocol(proto::Failure::Refused(refusal)) if refusal.status == 403),
        "{failure}"
    );
    rig.until_true(|_, _| proxy.heard().len() + server.heard().len() == 2);
    let (asked, request) = (&proxy.heard()[0], &server.heard()[0]);
    assert!(
        asked.ends_with("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("X-Own"), "{asked}");
    assert!(request.contains("X-Own: 1") && request.contains(&format!("Host: {SERVER}:4711\r\n")));
    assert!(!request.to_lowercase().contains("proxy"), "{request}");
}

/// What comes in the same packet behind the proxy's answer is the server's, were it to speak first.
#[test]
fn bytes_behind_the_answer_are_the_servers() {
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
    let http_proxy = Naive::on("127.0.0.1", move |talk| {
        talk.read_head();
        talk.write(format!("HTTP/1.1 200 OK\r\n\r\n{busy}").as_bytes());
        talk.read_to_end();
    });
    let socks_proxy = Naive::on("127.0.0.1", move |talk| {
        talk.read(3);
        talk.write(b"\x05\0");
        talk.read(5 + SERVER.len() + 2);
        talk.write(&[b"\x05\0\0\x01\0\0\0\0\0\0", busy.as_bytes()].concat());
        talk.read_to_end();
    });
    let mut rig = Rig::new();
    for proxy in [http(&http_proxy), socks(&socks_proxy)] {
        match dial(&mut rig, options(proxy)).unwrap_err() {
            Failure::Protocol(proto::Failure::Refused(refusal)) => {
                assert_eq!((refusal.status, &refusal.body[..]), (503, &b"busy"[..]));
            }
            other => panic!("{other}"),
        }
    }
}

/// A proxy that reads a little and answers so, then ends or stays.
fn answering(answer: Vec<u8>, stays: bool) -> Naive {
    Naive::on("127.0.0.1", move |talk| {
        talk.read(3);
        talk.write(&answer);
        if stays {
            talk.read_to_end();
        }
    })
}

fn refused(status: u16, reason: &str) -> ProxyError {
    let reason = reason.into();
    ProxyError::Refused { status, reason }
}

#[test]
fn what_a_proxy_does_wrong_is_told() {
    let endless = ["HTTP/1.1 200 OK\r\n", &"X-Filler: 0123456789\r\n".repeat(2000)].concat();
    let mut rig = Rig::new();
    for (is_http, answer, stays, expected) in [
        (true, &b""[..], false, ProxyError::Closed),
        (true, b"HTTP/1.1 200 O", false, ProxyError::Closed),
        (true, b"SSH-2.0-OpenSSH_9.6\r\n\r\n", true, ProxyError::Malformed),
        (true, endless.as_bytes(), true, ProxyError::TooBig),
        (
            true,
            b"HTTP/1.1 407 Who are you\r\n\r\n",
            true,
            refused(407, "Who are you"),
        ),
        (
            true,
            b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
            true,
            refused(502, "Bad Gateway"),
        ),
        (
            true,
            b"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n",
            true,
            refused(301, "Moved"),
        ),
        (false, b"", false, ProxyError::Closed),
        (false, b"\x05", false, ProxyError::Closed),
        (false, b"HTTP/1.1 400 Bad Request\r\n\r\n", true, ProxyError::Malformed),
        (false, b"\x05\xff", true, ProxyError::CredentialsMissing),
        (
            false,
            b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0",
            true,
            ProxyError::Socks(SocksReply::ConnectionRefused),
        ),
    ] {
        let proxy = answering(answer.to_vec(), stays);
        let asked = if is_http { http(&proxy) } else { socks(&proxy) };
        let shown = asked.to_string();
        let failure = dial(&mut rig, options(asked)).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains(&shown), "{text}");
        let told = Failure::Proxy {
            proxy: shown,
            error: expected,
        };
        assert_eq!(failure, told);
    }
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn credentials_that_a_proxy_refuses_are_told_and_not_shown() {
    let server = echo_server();
    let proxy = socks_proxy(server.addr, true, false);
    let mut rig = Rig::new();
    let wrong = socks(&proxy).credentials("user", "sesame");
    let failure = dial(&mut rig, options(wrong)).unwrap_err();
    let expected = |error: &ProxyError| *error == ProxyError::CredentialsRefused;
    assert!(
        matches!(&failure, Failure::Proxy { error, .. } if expected(error)),
        "{failure}"
    );
    assert!(!format!("{failure:?} {failure}").contains("sesame"));
    let colon = options(http(&proxy).credentials("a:b", "c"));
    assert!(matches!(
        rig.event_loop.connect(colon),
        Err(Error::Request(proto::Misuse::InvalidCredentials))
    ));
}

#[test]
fn a_proxy_has_the_time_of_the_dial_to_answer() {
    let silent = answering(Vec::new(), true);
    // Slow enough that no limit of bytes is met.
    let slow = Naive::on("127.0.0.1", |talk| {
        talk.read_head();
        for _ in 0..100 {
            talk.write(b"HTTP/1.1 100 Continue\r\n\r\n");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut rig = Rig::new();
    for proxy in [http(&silent), socks(&silent), http(&slow)] {
        let hurried = options(proxy).dial_timeout(Duration::from_millis(300));
        assert_eq!(dial(&mut rig, hurried).unwrap_err(), Failure::TimedOut(Phase::Proxy));
    }
    // The delay after which another address would be tried has no meaning for the answer.
    let server = echo_server();
    let thoughtful = Naive::on("127.0.0.1", move |talk| {
        talk.read_head();
        std::thread::sleep(Duration::from_millis(300));
        talk.write(b"HTTP/1.1 200 OK\r\n\r\n");
        talk.splice(server.addr);
    });
    let addresses = [thoughtful.addr, silent.addr];
    let impatient = options(http(&thoughtful))
        .addresses(addresses)
        .attempt_delay(Duration::ZERO);
    let stream = dial(&mut rig, impatient).unwrap();
    converse(&mut rig, stream);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let failure = dial(&mut rig, options(Proxy::http("127.0.0.1", port))).unwrap_err();
    assert!(matches!(failure, Failure::Dial { .. }), "{failure}");
    assert!(failure.to_string().contains("the proxy's address"), "{failure}");
    let lost = options(Proxy::http("no-proxy.invalid", 1));
    let failure = dial(&mut rig, lost).unwrap_err();
    assert!(
        matches!(&failure, Failure::Resolve { host, .. } if host == "no-proxy.invalid"),
        "{failure}"
    );
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_spoken_with_the_server_inside_the_tunnel() {
    use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};

    let identity = rcgen::generate_simple_self_signed([SERVER.to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
    let server = ServerOptions {
        certificate_pem: certificate.as_bytes(),
        key_pem: key.as_bytes(),
        ..ServerOptions::default()
    };
    let listen = ListenOptions::new("127.0.0.1:0").tls(ServerConfig::new(&server).unwrap());
    let server = serve(listen, Events::default(), echo);
    let client = ClientOptions {
        roots_pem: Some(certificate.as_bytes()),
        ..ClientOptions::default()
    };
    let client = ClientConfig::new(&client).unwrap();
    let proxy = http_proxy(server.addr, false);
    let mut rig = Rig::new();
    let secure = |name: &str| options(http(&proxy)).tls(client.clone(), name);
    let stream = dial(&mut rig, secure(SERVER)).unwrap();
    converse(&mut rig, stream);
    rig.event_loop.abort(stream).unwrap();
    assert!(matches!(dial(&mut rig, secure("proxy.invalid")), Err(Failure::Tls(_))));
    rig.until_true(|_, _| proxy.heard().len() == 2);
    assert!(proxy.heard().iter().all(|asked| !asked.contains("/chat")));
}
