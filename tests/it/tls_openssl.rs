use std::time::Duration;

use wsloop::tls::{
    ClientConfig, ClientOptions, ConfigError, Error, ErrorKind, PemInput, ServerConfig, ServerOptions, Session,
};

const RSA_CA: &[u8] = include_bytes!("openssl/rsa_ca.cert");
const RSA_PKCS8: &[u8] = include_bytes!("openssl/rsa_pkcs8.key");
const RSA_PKCS1: &[u8] = include_bytes!("openssl/rsa_pkcs1.key");
const EC_NO_NAME: &[u8] = include_bytes!("openssl/ec_no_name.cert");
const EC_LOCALHOST: &[u8] = include_bytes!("openssl/ec_localhost.cert");
const EC_SEC1: &[u8] = include_bytes!("openssl/ec_sec1.key");
const EC_PKCS8: &[u8] = include_bytes!("openssl/ec_pkcs8.key");
const EC_ENCRYPTED_PKCS8: &[u8] = include_bytes!("openssl/ec_encrypted_pkcs8.key");
const EC_ENCRYPTED_SEC1: &[u8] = include_bytes!("openssl/ec_encrypted_sec1.key");

/// 2030-01-01, within the certificates' hundred years.
const TODAY: Duration = Duration::from_secs(1_893_456_000);

fn server(certificate_pem: &[u8], key_pem: &[u8]) -> Result<ServerConfig, ConfigError> {
    ServerConfig::new(&ServerOptions {
        certificate_pem,
        key_pem,
        ..ServerOptions::default()
    })
}

/// A handshake with a client that trusts the server's own certificate; what the client says of it.
fn handshake(certificate: &[u8], key: &[u8]) -> Result<(), Error> {
    let server = server(certificate, key).unwrap();
    let client = ClientConfig::new(&ClientOptions {
        roots_pem: Some(certificate),
        ..ClientOptions::default()
    })
    .unwrap();
    client.clock().set(TODAY);
    server.clock().set(TODAY);
    let mut client = Session::client(&client, "localhost").unwrap();
    let mut server = Session::server(&server).unwrap();
    let mut bytes = Vec::new();
    for _ in 0..4 {
        client.poll_transmit(&mut bytes);
        server.handle_bytes(&std::mem::take(&mut bytes)).unwrap();
        server.poll_transmit(&mut bytes);
        client.handle_bytes(&std::mem::take(&mut bytes))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn keys_are_read_in_every_form_that_openssl_writes() {
    for key in [EC_SEC1, EC_PKCS8] {
        assert_eq!(handshake(EC_LOCALHOST, key), Ok(()));
    }
    for key in [RSA_PKCS1, RSA_PKCS8] {
        assert!(server(RSA_CA, key).is_ok());
    }
    let both = [EC_LOCALHOST, EC_SEC1].concat();
    assert_eq!(handshake(&both, &both), Ok(()), "certificate and key in one file");
}

#[test]
fn keys_behind_a_passphrase_are_named_as_such() {
    for key in [EC_ENCRYPTED_PKCS8, EC_ENCRYPTED_SEC1] {
        let error = server(EC_LOCALHOST, key).unwrap_err();
        assert_eq!(error, ConfigError::EncryptedKey { input: PemInput::Key });
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_at_once() {
    assert_eq!(server(RSA_CA, EC_SEC1).unwrap_err(), ConfigError::KeyMismatch);
    assert_eq!(server(EC_LOCALHOST, RSA_PKCS8).unwrap_err(), ConfigError::KeyMismatch);
}

/// What a plain `openssl req -x509` makes.
#[test]
fn a_certificate_made_without_thinking_is_refused_for_the_right_reason() {
    let error = handshake(RSA_CA, RSA_PKCS8).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CaUsedAsEndEntity, "{error}");
    let error = handshake(EC_NO_NAME, EC_SEC1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSubjectAltName, "{error}");
}
