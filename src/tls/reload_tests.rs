//! What a reload changes, and for whom.

use super::testing::{Pair, client_config, client_config_of, read_all, self_signed, server_config, signed};
use super::{ClientAuth, ClientOptions, ConfigError, ErrorKind, PemInput, ServerConfig, ServerOptions, Version};
use crate::tls::testing::{Identity, server_config_of};

fn of(identity: &Identity) -> ServerOptions<'_> {
    ServerOptions {
        certificate_pem: identity.certificate.as_bytes(),
        key_pem: identity.key.as_bytes(),
        ..ServerOptions::default()
    }
}

fn resumed(client: &super::ClientConfig, server: &ServerConfig) -> bool {
    let mut pair = Pair::new(client, server, usize::MAX);
    assert_eq!(pair.run(), (Ok(()), Ok(())));
    assert_eq!(pair.client.is_resumed(), pair.server.is_resumed());
    pair.client.is_resumed()
}

#[test]
fn open_sessions_and_handshakes_under_way_live_on_and_new_ones_see_the_new_certificate() {
    let (old, new) = (self_signed(|_| {}), self_signed(|_| {}));
    let server = server_config(&old);
    let copy = server.clone();
    let mut open = Pair::new(&client_config(&old.certificate), &server, usize::MAX);
    assert_eq!(open.run(), (Ok(()), Ok(())));
    let mut under_way = Pair::new(&client_config(&old.certificate), &server, usize::MAX);

    server.reload(&of(&new)).unwrap();

    assert_eq!(under_way.run(), (Ok(()), Ok(())));
    open.client.write(b"still here");
    assert_eq!(open.run(), (Ok(()), Ok(())));
    assert_eq!(read_all(&mut open.server), b"still here");
    let mut late = Pair::new(&client_config(&new.certificate), &copy, usize::MAX);
    assert_eq!(late.run(), (Ok(()), Ok(())), "a clone is the same configuration");
    let mut stale = Pair::new(&client_config(&old.certificate), &copy, usize::MAX);
    assert!(stale.run().0.is_err());
}

#[test]
fn no_session_is_resumed_across_a_reload_and_the_next_one_is_again() {
    let identity = self_signed(|_| {});
    let (client, server) = (client_config(&identity.certificate), server_config(&identity));
    assert!(!resumed(&client, &server));
    assert!(resumed(&client, &server));
    server.reload(&of(&identity)).unwrap();
    assert!(!resumed(&client, &server));
    assert!(resumed(&client, &server));
    let options = ClientOptions {
        roots_pem: Some(identity.certificate.as_bytes()),
        ..ClientOptions::default()
    };
    client.reload(&options).unwrap();
    assert!(!resumed(&client, &server));
    assert!(resumed(&client, &server));
}

#[test]
fn a_reload_that_fails_changes_nothing() {
    let identity = self_signed(|_| {});
    let other = self_signed(|_| {});
    let (client, server) = (client_config(&identity.certificate), server_config(&identity));
    assert!(!resumed(&client, &server));
    let mixed = ServerOptions {
        key_pem: other.key.as_bytes(),
        ..of(&identity)
    };
    assert_eq!(server.reload(&mixed), Err(ConfigError::KeyMismatch));
    let no_roots = ServerOptions {
        client_roots_pem: Some(b""),
        ..of(&identity)
    };
    let input = PemInput::ClientRoots;
    assert_eq!(server.reload(&no_roots), Err(ConfigError::NoCertificate { input }));
    let no_roots = ClientOptions {
        roots_pem: Some(b"nothing"),
        ..ClientOptions::default()
    };
    assert!(client.reload(&no_roots).is_err());
    assert!(resumed(&client, &server), "with the sessions from before, too");
}

#[test]
fn a_client_authority_that_was_taken_out_lets_nobody_in_any_more() {
    let (roots, identity) = signed(|_| {});
    let (client_roots, client) = signed(|_| {});
    let (other_roots, other) = signed(|_| {});
    let asks = |roots| ServerOptions {
        client_roots_pem: Some(roots),
        ..of(&identity)
    };
    let server = server_config_of(&asks(client_roots.as_bytes()));
    let shows = |client: &'_ Identity| {
        client_config_of(&ClientOptions {
            roots_pem: Some(roots.as_bytes()),
            identity_pem: Some((client.certificate.as_bytes(), client.key.as_bytes())),
            ..ClientOptions::default()
        })
    };
    let (client, other_client) = (shows(&client), shows(&other));
    assert!(!resumed(&client, &server));
    server.reload(&asks(other_roots.as_bytes())).unwrap();
    // Though it holds a ticket.
    let refused = Pair::new(&client, &server, usize::MAX).run().1.unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::UnknownIssuer | ErrorKind::BadSignature),
        "{refused}"
    );
    assert!(!resumed(&other_client, &server));
}

#[test]
fn a_certificate_may_be_asked_for_and_not_required() {
    let (roots, identity) = signed(|_| {});
    let (client_roots, good) = signed(|_| {});
    let (_, strange) = signed(|params| params.distinguished_name = rcgen::DistinguishedName::new());
    let authority = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    };
    let (expired_roots, expired) = signed(authority);
    let both = [client_roots, expired_roots].concat();
    let server = |client_auth| {
        server_config_of(&ServerOptions {
            client_roots_pem: Some(both.as_bytes()),
            client_auth,
            ..of(&identity)
        })
    };
    let shows = |client: Option<&Identity>| {
        client_config_of(&ClientOptions {
            roots_pem: Some(roots.as_bytes()),
            identity_pem: client.map(|client| (client.certificate.as_bytes(), client.key.as_bytes())),
            ..ClientOptions::default()
        })
    };
    let outcome = |client: Option<&Identity>, client_auth| {
        let mut pair = Pair::new(&shows(client), &server(client_auth), usize::MAX);
        let result = pair.run().1.map_err(|error| error.kind());
        result.map(|()| pair.server.peer_certificates().len())
    };
    for client_auth in [ClientAuth::Required, ClientAuth::Optional] {
        assert_eq!(outcome(Some(&good), client_auth), Ok(1));
        // The authorities of the tests bear one name, so a strange one shows as a wrong signature.
        assert_eq!(outcome(Some(&strange), client_auth), Err(ErrorKind::BadSignature));
        assert_eq!(outcome(Some(&expired), client_auth), Err(ErrorKind::Expired));
    }
    assert_eq!(outcome(None, ClientAuth::Optional), Ok(0));
    assert_eq!(outcome(None, ClientAuth::Required), Err(ErrorKind::NoCertificate));
}

#[test]
fn version_and_cipher_suite_are_known_once_agreed_upon() {
    let identity = self_signed(|_| {});
    let mut pair = Pair::new(
        &client_config(&identity.certificate),
        &server_config(&identity),
        usize::MAX,
    );
    assert_eq!((pair.server.version(), pair.server.cipher_suite()), (None, None));
    assert_eq!(pair.run(), (Ok(()), Ok(())));
    for session in [&pair.client, &pair.server] {
        assert_eq!(session.version(), Some(Version::Tls13));
        assert!(session.cipher_suite().is_some_and(|name| name.starts_with("TLS13_")));
    }
}
