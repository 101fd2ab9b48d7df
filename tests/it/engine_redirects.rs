//! Redirects over real sockets: followed, refused, and what they leave behind.

use std::time::Duration;

use wsloop::engine::{ConnectOptions, Event, Events, Failure, ListenOptions, Proxy, RedirectError, SocketOptions};
use wsloop::proto;

use super::dialing_support::{Naive, converse, dial};
use super::engine_support::{Rig, Serving, echo, serve};

fn echo_server() -> Serving {
    serve(ListenOptions::new("127.0.0.1:0"), Events::default(), echo)
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// A server on an address of its own that sends everybody to `location`.
fn redirecting(ip: &str, location: String) -> Naive {
    Naive::answering(ip, move |_| to(&location))
}

fn refusing(ip: &str) -> Naive {
    Naive::answering(ip, |_| "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".into())
}

fn options(server: &Naive) -> ConnectOptions {
    ConnectOptions::new(server.addr.ip().to_string(), server.addr.port(), "/start?key=s3cret").redirects(3)
}

fn error(failure: &Failure) -> RedirectError {
    match failure {
        Failure::Redirect { error, .. } => *error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_stream_ends_up_where_it_is_sent() {
    let last = echo_server();
    let mut rig = Rig::new();
    for (status, scheme) in [(301, "http"), (302, "ws"), (303, "HTTP"), (307, "http"), (308, "ws")] {
        let location = format!("{scheme}://{}/chat/../room?n=7#top", last.addr);
        let first = Naive::answering("127.0.0.2", move |_| {
            format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: {location}\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nthere\r\n0\r\n\r\n"
            )
        });
        let stream = dial(&mut rig, options(&first)).unwrap();
        assert_eq!(
            rig.event_loop.url(stream).unwrap(),
            Some(&*format!("ws://{}/room?n=7", last.addr))
        );
        assert_eq!(rig.event_loop.peer_addr(stream).unwrap(), last.addr);
        converse(&mut rig, stream);
    }
}

/// What is left of the first socket must not be taken for the second's: its end, its reset, a request that it never took.
#[test]
fn a_redirect_is_followed_whatever_becomes_of_the_first_connection() {
    let last = echo_server();
    let location = format!("ws://{}/", last.addr);
    // The answer ends with the connection.
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n");
    let ended = Naive::answering("127.0.0.2", move |_| format!("{head}and a body"));
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n");
    let reset = Naive::on("127.0.0.2", move |talk| {
        talk.read_head();
        talk.write(head.as_bytes());
        let socket = socket2::SockRef::from(&talk.socket);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    });
    let answer = to(&location);
    let unread = Naive::on("127.0.0.2", move |talk| {
        talk.read(100);
        talk.write(answer.as_bytes());
        // Closes when the client has: its request stays unread.
        let mut socket = &talk.socket;
        while std::io::Write::write_all(&mut socket, b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let mut rig = Rig::new();
    let small = SocketOptions {
        send_buffer_bytes: Some(4096),
        ..SocketOptions::default()
    };
    for (server, filler) in [(&ended, 1), (&reset, 1), (&unread, 8_000_000)] {
        let heavy = options(server).sensitive_header("X-Filler", "x".repeat(filler));
        let stream = dial(&mut rig, heavy.socket(small.clone())).unwrap();
        converse(&mut rig, stream);
        rig.event_loop.close(stream, None, "").unwrap();
        rig.until(|_, from, event| match event {
            Event::Closed(_) if from == stream => Some(()),
            Event::Failed(failure) => panic!("{failure}"),
            _ => None,
        });
    }
}

/// The same connection, and then every header of the request, at both origins.
#[test]
fn what_is_secret_stays_with_its_origin() {
    let second = refusing("127.0.0.3");
    let location = format!("http://{}/elsewhere", second.addr);
    let first = Naive::answering("127.0.0.2", move |head| {
        // Once around within the origin, where everything may be repeated.
        to(if head.starts_with("GET /start") {
            "inside"
        } else {
            &location
        })
    });
    let mut rig = Rig::new();
    let secrets = options(&first)
        .host_header("s3cret.example")
        .header("Cookie", "id=s3cret")
        .header("Proxy-Authorization", "s3cret")
        .header("X-Api-Key", "s3cret")
        .sensitive_header("X-Plain", "s3cret")
        .header("X-Room", "seven")
        .subprotocols(["chat", "bearer.s3cret"]);
    for options in [
        secrets.clone().basic_auth("user", "s3cret"),
        secrets.clone().bearer_auth("s3cret"),
        secrets.header("authorization", "Digest s3cret"),
    ] {
        let failure = dial(&mut rig, options).unwrap_err();
        assert!(
            matches!(&failure, Failure::Protocol(proto::Failure::Refused(refusal)) if refusal.status == 403),
            "{failure}"
        );
    }
    rig.until_true(|_, _| first.heard().len() == 6 && second.heard().len() == 3);
    for heard in first.heard() {
        for line in [
            "authorization: ",
            "cookie: id=s3cret",
            "x-api-key: s3cret",
            "x-plain: s3cret",
            "host: s3cret.example",
            "chat, bearer.s3cret",
            "x-room: seven",
        ] {
            assert!(heard.to_lowercase().contains(line), "{line} is missing in {heard}");
        }
    }
    for heard in second.heard() {
        let secret = heard.contains("s3cret") || heard.contains("dXNlcjpzM2NyZXQ=");
        assert!(!secret && !heard.to_lowercase().contains("authorization"), "{heard}");
        assert!(heard.starts_with("GET /elsewhere HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains(&format!("Host: {}\r\n", second.addr)), "{heard}");
        assert!(heard.contains("X-Room: seven") && heard.contains("Sec-WebSocket-Protocol: chat\r\n"));
    }
}

/// The same host on another port is another origin.
#[test]
fn another_port_is_another_origin() {
    let second = refusing("127.0.0.2");
    let first = redirecting("127.0.0.2", format!("//{}/", second.addr));
    let mut rig = Rig::new();
    dial(&mut rig, options(&first).bearer_auth("s3cret")).unwrap_err();
    rig.until_true(|_, _| second.heard().len() == 1);
    assert!(!second.heard()[0].contains("s3cret"));
}

#[test]
fn no_redirect_is_followed_unless_it_was_asked_for() {
    let second = refusing("127.0.0.3");
    let first = redirecting("127.0.0.2", format!("http://{}/", second.addr));
    let mut rig = Rig::new();
    match dial(&mut rig, options(&first).redirects(0)).unwrap_err() {
        Failure::Protocol(proto::Failure::Refused(refusal)) => {
            assert_eq!(refusal.status, 302);
            assert!(refusal.headers.get("location").is_some());
        }
        other => panic!("{other}"),
    }
    // Nor is a status of another meaning, or one without a place.
    for answer in [
        "304 X\r\nLocation: /x",
        "300 X\r\nLocation: /x",
        "302 X",
        "403 X\r\nLocation: /x",
    ] {
        let server = Naive::answering("127.0.0.2", move |_| {
            format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n")
        });
        let failure = dial(&mut rig, options(&server)).unwrap_err();
        assert!(
            matches!(failure, Failure::Protocol(proto::Failure::Refused(_))),
            "{failure}"
        );
    }
    assert!(second.heard().is_empty());
}

#[test]
fn circles_and_endless_ways_come_to_an_end() {
    let mut rig = Rig::new();
    let circle = Naive::answering("127.0.0.2", |head| {
        to(if head.starts_with("GET /a ") { "b" } else { "/a" })
    });
    let failure = dial(&mut rig, options(&circle).redirects(50)).unwrap_err();
    assert_eq!(error(&failure), RedirectError::Loop);
    rig.until_true(|_, _| circle.heard().len() == 3);

    let endless = Naive::answering("127.0.0.2", |head| {
        let steps = head.lines().next().unwrap().matches("/x").count();
        to(&"/x".repeat(steps + 1))
    });
    let failure = dial(&mut rig, options(&endless)).unwrap_err();
    assert_eq!(error(&failure), RedirectError::TooMany);
    rig.until_true(|_, _| endless.heard().len() == 4);
    rig.until_true(|event_loop, _| event_loop.stream_count() == 0);
}

#[test]
fn places_that_can_not_be_gone_to_are_told() {
    let mut rig = Rig::new();
    for (location, expected) in [
        ("ftp://127.0.0.1/", RedirectError::BadLocation),
        ("javascript:alert(1)", RedirectError::BadLocation),
        ("http://", RedirectError::BadLocation),
        ("http://127.0.0.1:99999/", RedirectError::BadLocation),
        ("http://user:pw@127.0.0.1/", RedirectError::BadLocation),
        ("http://a\\b/", RedirectError::BadLocation),
        ("https://127.0.0.1/", RedirectError::TlsMissing),
        ("wss://127.0.0.1/", RedirectError::TlsMissing),
    ] {
        let server = redirecting("127.0.0.2", format!("{location}?q=s3cret"));
        let failure = dial(&mut rig, options(&server)).unwrap_err();
        assert_eq!(error(&failure), expected, "{location}");
        assert!(!format!("{failure:?} {failure}").contains("s3cret"), "{failure}");
    }
    // A place that nobody answers at is one that the dial fails at.
    let gone = refusing("127.0.0.3").addr;
    let server = redirecting("127.0.0.2", format!("http://{gone}/"));
    rig.until_true(|_, _| std::net::TcpStream::connect(gone).is_err());
    let failure = dial(&mut rig, options(&server)).unwrap_err();
    assert!(
        matches!(&failure, Failure::Dial { address, .. } if *address == gone.into()),
        "{failure}"
    );
}

#[test]
fn a_redirect_goes_through_the_same_proxy() {
    let second = echo_server();
    let location = to("http://second.invalid:7/");
    let first = Naive::answering("127.0.0.2", move |_| location.clone());
    let (first_addr, second_addr) = (first.addr, second.addr);
    let proxy = Naive::on("127.0.0.1", move |talk| {
        let head = talk.read_head();
        talk.write(b"HTTP/1.1 200 OK\r\n\r\n");
        talk.splice(if head.starts_with("CONNECT second.invalid:7 ") {
            second_addr
        } else {
            first_addr
        });
    });
    let proxied = options(&first).proxy(Proxy::http("127.0.0.1", proxy.addr.port()).credentials("user", "pw"));
    let mut rig = Rig::new();
    let stream = dial(&mut rig, proxied).unwrap();
    assert_eq!(rig.event_loop.url(stream).unwrap(), Some("ws://second.invalid:7/"));
    converse(&mut rig, stream);
    rig.event_loop.abort(stream).unwrap();
    rig.until_true(|_, _| proxy.heard().len() == 2);
    assert!(
        proxy
            .heard()
            .iter()
            .all(|head| head.contains("Proxy-Authorization: Basic"))
    );
    assert!(first.heard().iter().all(|head| !head.contains("Proxy-")));
}

#[test]
fn a_unix_socket_redirects_to_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock").to_str().unwrap().to_owned();
    let mut rig = Rig::new();
    let listener = ListenOptions::new(format!("unix:{path}")).requests(true);
    rig.event_loop.listen(listener).unwrap();
    let by_file = ConnectOptions::from_url("ws://service.example/a")
        .unwrap()
        .unix(&path)
        .redirects(3);
    for (location, opens) in [("/b", true), ("http://127.0.0.1:1/", false)] {
        let dialled = rig.event_loop.connect(by_file.clone()).unwrap();
        let result = rig.until(|event_loop, stream, event| {
            match event {
                Event::Request(request) if request.path() == "/a" => {
                    let response = proto::Response::new(302).header("Location", location);
                    event_loop.refuse(stream, response).unwrap();
                }
                Event::Request(_) => event_loop.accept(stream, proto::Accept::new()).unwrap(),
                Event::Opened(_) if stream == dialled => return Some(None),
                Event::Failed(failure) if stream == dialled => return Some(Some(failure.clone())),
                _ => {}
            }
            None
        });
        match result {
            None => assert!(opens),
            Some(failure) => assert_eq!((error(&failure), opens), (RedirectError::LeavesUnixSocket, false)),
        }
    }
}

/// A server that never ends its answer has the time of the opening handshake; a stream that is aborted on the way, or the
/// whole engine stopped, ends once.
#[test]
fn a_stream_can_be_ended_between_two_places() {
    let silent = Naive::on("127.0.0.3", super::dialing_support::Talk::read_to_end);
    let first = redirecting("127.0.0.2", format!("http://{}/", silent.addr));
    let impatient = proto::Config {
        opening_timeout: Duration::from_millis(200),
        ..proto::Config::default()
    };
    let mut rig = Rig::new();
    let failure = dial(&mut rig, options(&first).protocol(impatient.into())).unwrap_err();
    assert_eq!(
        failure,
        Failure::Protocol(proto::Failure::TimedOut(proto::Phase::Opening))
    );
    let stream = rig.event_loop.connect(options(&first)).unwrap();
    rig.until_true(|event_loop, _| {
        let url = event_loop.url(stream).unwrap().unwrap().to_owned();
        url.contains("127.0.0.3")
    });
    rig.event_loop.drain(Duration::from_secs(1));
    let failure = rig.until(|_, from, event| match event {
        Event::Failed(failure) if from == stream => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure, Failure::Aborted);
    rig.until_true(|event_loop, _| event_loop.is_drained());
}

#[cfg(feature = "tls")]
mod secure {
    use wsloop::tls::{ClientAuth, ClientConfig, ClientOptions, ServerConfig, ServerOptions};

    use super::super::engine_support::PATIENCE;
    use super::*;

    /// A server's configuration for `localhost`, and a client's that trusts it.
    fn configs() -> (ServerConfig, ClientConfig) {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
        let server = ServerOptions {
            certificate_pem: certificate.as_bytes(),
            key_pem: key.as_bytes(),
            ..ServerOptions::default()
        };
        let client = ClientOptions {
            roots_pem: Some(certificate.as_bytes()),
            ..ClientOptions::default()
        };
        (ServerConfig::new(&server).unwrap(), ClientConfig::new(&client).unwrap())
    }

    #[test]
    fn a_redirect_to_tls_has_the_certificate_of_the_new_host_checked() {
        let (server, client) = configs();
        let server = serve(ListenOptions::new("127.0.0.1:0").tls(server), Events::default(), echo);
        let mut rig = Rig::new();
        for (host, trusted) in [("localhost", true), ("127.0.0.1", false)] {
            let first = redirecting("127.0.0.2", format!("https://{host}:{}/", server.addr.port()));
            let result = dial(&mut rig, options(&first).redirect_tls(client.clone()));
            match result {
                Ok(stream) => {
                    assert!(trusted);
                    converse(&mut rig, stream);
                }
                Err(failure) => assert!(matches!(failure, Failure::Tls(_)) && !trusted, "{failure}"),
            }
        }
    }

    /// The certificate by which a client is known is meant for the origin that it was given for, as a password is.
    #[test]
    fn a_client_certificate_stays_behind_at_another_origin() {
        let make = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (server, client) = (make(), make());
        let (certificate, key) = (server.cert.pem(), server.signing_key.serialize_pem());
        let (shown, shown_key) = (client.cert.pem(), client.signing_key.serialize_pem());
        let listen = |client_auth| {
            let options = ServerOptions {
                certificate_pem: certificate.as_bytes(),
                key_pem: key.as_bytes(),
                client_roots_pem: Some(shown.as_bytes()),
                client_auth,
                ..ServerOptions::default()
            };
            let config = ServerConfig::new(&options).unwrap();
            ListenOptions::new("127.0.0.1:0").requests(true).tls(config)
        };
        let (sender, seen) = std::sync::mpsc::channel();
        let second = serve(
            listen(ClientAuth::Optional),
            Events::default(),
            move |event_loop, stream, event| {
                if let Event::Request(_) = event {
                    let info = event_loop.tls_info(stream).unwrap().unwrap();
                    sender.send(info.peer_certificates.len()).unwrap();
                    event_loop.accept(stream, proto::Accept::new()).unwrap();
                }
            },
        );
        let next = format!("https://localhost:{}/", second.addr.port());
        let first = serve(
            listen(ClientAuth::Required),
            Events::default(),
            move |event_loop, stream, event| {
                if let Event::Request(_) = event {
                    let response = proto::Response::new(307).header("Location", next.as_str());
                    event_loop.refuse(stream, response).unwrap();
                }
            },
        );
        let config = ClientConfig::new(&ClientOptions {
            roots_pem: Some(certificate.as_bytes()),
            identity_pem: Some((shown.as_bytes(), shown_key.as_bytes())),
            ..ClientOptions::default()
        });
        let options = ConnectOptions::new("localhost", first.addr.port(), "/")
            .tls(config.unwrap(), "localhost")
            .redirects(1);
        dial(&mut Rig::new(), options).unwrap();
        assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), 0);
    }

    #[test]
    fn a_redirect_never_leads_from_tls_to_a_connection_that_can_be_read() {
        let second = refusing("127.0.0.3");
        let (server, client) = configs();
        let plain = format!("http://{}/", second.addr);
        let listen = ListenOptions::new("127.0.0.1:0").requests(true).tls(server);
        let first = serve(listen, Events::default(), move |event_loop, stream, event| {
            if let Event::Request(_) = event {
                let response = proto::Response::new(307).header("Location", plain.as_str());
                event_loop.refuse(stream, response).unwrap();
            }
        });
        let secure = ConnectOptions::new("localhost", first.addr.port(), "/")
            .addresses([first.addr])
            .tls(client, "localhost")
            .redirects(3);
        let failure = dial(&mut Rig::new(), secure).unwrap_err();
        assert_eq!(error(&failure), RedirectError::Downgrade);
        assert!(second.heard().is_empty());
    }
}
