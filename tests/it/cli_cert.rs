//! `wsloop cert`: what it writes, and what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::cli_support::{folder, run};

#[test]
fn the_certificate_is_an_end_entitys_for_localhost_and_the_key_is_private() {
    let dir = folder(&[]);
    let output = run(dir.path(), &["cert", "before"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains(r#""cafile": "before/localhost.cert""#),
        "{output:?}"
    );
    assert!(output.stdout.contains(r#""key": "before/localhost.key""#), "{output:?}");
    let key = dir.path().join("before/localhost.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let certificate = fs::read(dir.path().join("before/localhost.cert")).unwrap();

    // A client that trusts the certificate as it is accepts it under each of its names, and under no other.
    for (name, is_good) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("example.com", false),
    ] {
        let server = wsloop::tls::ServerConfig::new(&wsloop::tls::ServerOptions {
            certificate_pem: &certificate,
            key_pem: &fs::read(&key).unwrap(),
            ..Default::default()
        })
        .unwrap();
        let client = wsloop::tls::ClientConfig::new(&wsloop::tls::ClientOptions {
            roots_pem: Some(&certificate),
            ..Default::default()
        })
        .unwrap();
        assert_eq!(shake_hands(&server, &client, name).is_ok(), is_good, "{name}");
    }
}

fn shake_hands(
    server: &wsloop::tls::ServerConfig,
    client: &wsloop::tls::ClientConfig,
    name: &str,
) -> Result<(), wsloop::tls::Error> {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    server.clock().set(since_epoch);
    client.clock().set(since_epoch);
    let mut server = wsloop::tls::Session::server(server)?;
    let mut client = wsloop::tls::Session::client(client, name)?;
    while server.is_handshaking() || client.is_handshaking() {
        let mut bytes = Vec::new();
        client.poll_transmit(&mut bytes);
        let result = server.handle_bytes(&bytes);
        bytes.clear();
        server.poll_transmit(&mut bytes);
        client.handle_bytes(&bytes)?;
        result?;
    }
    Ok(())
}

#[test]
fn what_is_there_is_overwritten_only_by_force() {
    let dir = folder(&[("localhost.key", "mine")]);
    let output = run(dir.path(), &["cert"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("localhost.key is there already") && output.stderr.contains("--force"));
    assert_eq!(fs::read_to_string(dir.path().join("localhost.key")).unwrap(), "mine");
    assert!(!dir.path().join("localhost.cert").exists());

    assert_eq!(run(dir.path(), &["cert", "--force"]).code, Some(0));
    let key = dir.path().join("localhost.key");
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}
