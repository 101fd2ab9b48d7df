//! Through proxies of another implementation, Python's `pproxy`. As with the other peers, `tests/run` installs it.

use wsloop::engine::{ConnectOptions, Events, Failure, ListenOptions, Proxy};
use wsloop::proto::ProxyError;

use super::dialing_support::{converse, dial};
use super::engine_support::{Rig, echo, serve};
use super::interop::{Kind, Peer};

fn proxies(port: u16) -> [Proxy; 2] {
    [Proxy::http("127.0.0.1", port), Proxy::socks5("127.0.0.1", port)]
}

#[test]
fn proxies_of_another_implementation_are_gone_through() {
    let Some(peer) = Peer::start(Kind::Python, "proxy", &[]) else {
        return;
    };
    let port = peer.line().parse().unwrap();
    let server = serve(ListenOptions::new("127.0.0.1:0"), Events::default(), echo);
    let mut rig = Rig::new();
    for proxy in proxies(port) {
        // The proxy looks the name up, and SOCKS tells it an address in another form than a name.
        for host in ["localhost", "127.0.0.1"] {
            let options = ConnectOptions::new(host, server.addr.port(), "/").proxy(proxy.clone());
            let stream = dial(&mut rig, options).unwrap();
            converse(&mut rig, stream);
        }
    }
}

#[test]
fn they_know_who_we_are() {
    let Some(peer) = Peer::start(Kind::Python, "proxy", &["user:pass"]) else {
        return;
    };
    let port = peer.line().parse().unwrap();
    let server = serve(ListenOptions::new("127.0.0.1:0"), Events::default(), echo);
    let mut rig = Rig::new();
    let options = |proxy| ConnectOptions::new("127.0.0.1", server.addr.port(), "/").proxy(proxy);
    for proxy in proxies(port) {
        let stream = dial(&mut rig, options(proxy.clone().credentials("user", "pass"))).unwrap();
        converse(&mut rig, stream);
        for refused in [proxy.clone(), proxy.credentials("user", "guess")] {
            match dial(&mut rig, options(refused)).unwrap_err() {
                Failure::Proxy { error, .. } => assert!(
                    matches!(
                        error,
                        ProxyError::Refused { status: 407, .. }
                            | ProxyError::CredentialsMissing
                            | ProxyError::CredentialsRefused
                            // It may just hang up.
                            | ProxyError::Closed
                    ),
                    "{error}"
                ),
                other => panic!("{other}"),
            }
        }
    }
}
