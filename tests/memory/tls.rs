//! What a TLS session holds and asks of the allocator.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use wsloop::tls::{ClientConfig, ClientOptions, ServerConfig, ServerOptions, Session};

use super::world::cost;

/// Several records of the greatest length.
const LONG_BYTES: usize = 100_000;

fn configs() -> (ClientConfig, ServerConfig) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let client = ClientConfig::new(&ClientOptions {
        roots_pem: Some(certificate.as_bytes()),
        ..ClientOptions::default()
    });
    let server = ServerConfig::new(&ServerOptions {
        certificate_pem: certificate.as_bytes(),
        key_pem: key.serialize_pem().as_bytes(),
        ..ServerOptions::default()
    });
    let (client, server) = (client.unwrap(), server.unwrap());
    // rcgen's certificates are valid from 1975 to 4096.
    let today = Duration::from_secs(1_767_225_600);
    client.clock().set(today);
    server.clock().set(today);
    (client, server)
}

/// Brings all that `from` has to send to `to`, and all that comes out there to `plaintext`.
fn carry(from: &mut Session, to: &mut Session, wire: &mut Vec<u8>, plaintext: &mut [u8]) -> usize {
    wire.clear();
    from.poll_transmit(wire);
    to.handle_bytes(wire).unwrap();
    let mut total = 0;
    loop {
        match to.read(plaintext) {
            0 => return total,
            count => total += count,
        }
    }
}

fn shake_hands(client: &mut Session, server: &mut Session, wire: &mut Vec<u8>, plaintext: &mut [u8]) {
    for _ in 0..3 {
        carry(client, server, wire, plaintext);
        carry(server, client, wire, plaintext);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
}

/// Sessions that have talked hold no more than those that have not.
#[test]
fn an_idle_session_keeps_nothing_of_what_went_through_it() {
    let (client_config, server_config) = configs();
    let (mut wire, mut plaintext) = (Vec::with_capacity(2 * LONG_BYTES), vec![0; 2 * LONG_BYTES]);
    let mut pairs = Vec::with_capacity(2);
    // The first pair fills the caches for resumption.
    for name in ["the first pair of TLS sessions", "a pair of TLS sessions"] {
        cost(name, || {
            let mut client = Session::client(&client_config, "localhost").unwrap();
            let mut server = Session::server(&server_config).unwrap();
            shake_hands(&mut client, &mut server, &mut wire, &mut plaintext);
            pairs.push((client, server));
        });
    }
    let (mut client, mut server) = pairs.pop().unwrap();
    for _ in 0..2 {
        let (_, kept) = cost("the same after long messages both ways", || {
            for len in [16, 1000, 16_384, LONG_BYTES] {
                client.write(&wire_of(len));
                assert_eq!(carry(&mut client, &mut server, &mut wire, &mut plaintext), len);
                server.write(&wire_of(len));
                assert_eq!(carry(&mut server, &mut client, &mut wire, &mut plaintext), len);
            }
        });
        assert!(kept < 1024, "{kept} bytes kept");
    }
}

fn wire_of(len: usize) -> Vec<u8> {
    vec![7; len]
}

/// rustls allocates for each record: for its ciphertext on the way out, for its plaintext on the way in.
#[test]
fn allocations_for_each_record_are_those_of_rustls() {
    let (client_config, server_config) = configs();
    let (mut wire, mut plaintext) = (Vec::with_capacity(2 * LONG_BYTES), vec![0; 2 * LONG_BYTES]);
    let mut client = Session::client(&client_config, "localhost").unwrap();
    let mut server = Session::server(&server_config).unwrap();
    shake_hands(&mut client, &mut server, &mut wire, &mut plaintext);
    for (len, most) in [(16, 2), (4000, 2), (16_384, 12)] {
        let message = wire_of(len);
        let mut round = || {
            client.write(&message);
            assert_eq!(carry(&mut client, &mut server, &mut wire, &mut plaintext), len);
        };
        round();
        let info = allocation_counter::measure(|| (0..100).for_each(|_| round()));
        let each = info.count_total / 100;
        println!("a TLS record of {len} bytes, out and in: {each} allocations");
        assert!(each <= most, "{each}");
    }
}
