//! Offers and answers: what they mean, and all that two ends of ours, or a server that says what it likes, can come to.

use super::*;
use crate::proto::Contexts;
use crate::proto::handshake::Headers;
use crate::proto::handshake::extensions;
use proptest::prelude::*;

/// The offers in a header; `None` for each that is invalid.
fn parse(value: &str) -> Vec<Option<Parameters>> {
    let mut headers = Headers::default();
    headers.push(b"Sec-WebSocket-Extensions", value.as_bytes());
    extensions::parse(&headers)
        .unwrap()
        .iter()
        .map(Parameters::parse)
        .collect()
}

fn valid(value: &str) -> Vec<Parameters> {
    parse(value).into_iter().flatten().collect()
}

fn written(parameters: Parameters) -> String {
    let mut value = String::new();
    parameters.write(&mut value);
    value
}

/// What a server with `config` answers, without the name.
fn answered(config: &Deflate, offers: &str) -> Option<String> {
    let (answer, extension) = answer(config, &valid(offers))?;
    assert_eq!(extension.agreed(), answer.agreed());
    Some(written(answer).trim_start_matches(NAME).trim_start_matches("; ").into())
}

/// What a client with `config` makes of a server's answer.
fn agreed(config: &Deflate, answer: &str) -> Option<Agreed> {
    let answer = parse(answer).pop()??;
    let extension = Offer::new(config).unwrap().answered(&answer)?;
    Some(extension.agreed())
}

#[test]
fn a_client_offers_what_it_wishes_and_then_what_it_would_take() {
    let plain = Deflate::default();
    let value = |config: &Deflate| Offer::new(config).unwrap().value();
    assert_eq!(value(&plain), "permessage-deflate; client_max_window_bits");
    let all = Deflate {
        own_no_context_takeover: true,
        peer_no_context_takeover: true,
        own_max_window_bits: 10,
        peer_max_window_bits: 9,
        ..Deflate::default()
    };
    assert_eq!(
        value(&all),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; \
         client_max_window_bits=10, permessage-deflate; client_no_context_takeover; client_max_window_bits=10"
    );
}

#[test]
fn a_server_answers_the_first_offer_that_it_can_honour() {
    let config = Deflate::default();
    for (offers, expected) in [
        ("permessage-deflate", Some("")),
        ("permessage-deflate; client_max_window_bits", Some("")),
        (
            "permessage-deflate; client_max_window_bits=10",
            Some("client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; client_max_window_bits=\"8\"",
            Some("client_max_window_bits=8"),
        ),
        (
            "permessage-deflate; server_max_window_bits=15",
            Some("server_max_window_bits=15"),
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            Some("server_no_context_takeover"),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            Some("client_no_context_takeover"),
        ),
        // The first that is known, valid, and can be honoured.
        (
            "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, permessage-deflate; \
             server_max_window_bits=9, permessage-deflate",
            Some("server_max_window_bits=9"),
        ),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-bzip2", None),
        ("", None),
        // Invalid offers are declined (section 7.1).
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover=true", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=010", None),
        ("permessage-deflate; server_max_window_bits=+9", None),
        ("permessage-deflate; client_max_window_bits=0", None),
        ("permessage-deflate; client_max_window_bits=999", None),
        ("permessage-deflate; client_max_window_bits=1x", None),
        (
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            None,
        ),
        (
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
            None,
        ),
        (
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            None,
        ),
        ("Permessage-Deflate", None),
    ] {
        assert_eq!(answered(&config, offers).as_deref(), expected, "{offers}");
    }
}

#[test]
fn a_server_says_what_it_wishes() {
    let config = Deflate {
        own_no_context_takeover: true,
        peer_no_context_takeover: true,
        own_max_window_bits: 10,
        peer_max_window_bits: 9,
        ..Deflate::default()
    };
    for (offers, expected) in [
        (
            "permessage-deflate; client_max_window_bits",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
        ),
        // Section 7.1.2.2: a client that doesn't offer it may not know it.
        (
            "permessage-deflate; server_max_window_bits=9",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
        ),
        (
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits=8",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=8",
        ),
    ] {
        assert_eq!(answered(&config, offers).as_deref(), Some(expected), "{offers}");
    }
}

#[test]
fn a_client_checks_the_answer() {
    let of = |server, client, server_bits, client_bits| {
        Some(Agreed {
            server_no_context_takeover: server,
            client_no_context_takeover: client,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        })
    };
    let plain = Deflate::default();
    for (answer, expected) in [
        ("permessage-deflate", of(false, false, 15, 15)),
        (
            "permessage-deflate; server_no_context_takeover",
            of(true, false, 15, 15),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            of(false, true, 15, 15),
        ),
        ("permessage-deflate; server_max_window_bits=8", of(false, false, 8, 15)),
        ("permessage-deflate; client_max_window_bits=8", of(false, false, 15, 8)),
        ("permessage-deflate; client_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; client_max_window_bits=09", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        (
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            None,
        ),
        ("permessage-deflate; x", None),
        ("x", None),
    ] {
        assert_eq!(agreed(&plain, answer), expected, "{answer}");
    }
    let wished = Deflate {
        own_no_context_takeover: true,
        own_max_window_bits: 10,
        peer_max_window_bits: 9,
        ..Deflate::default()
    };
    for (answer, expected) in [
        ("permessage-deflate; server_max_window_bits=9", of(false, true, 9, 15)),
        // To the second offer, which asks nothing of the server.
        ("permessage-deflate", of(false, true, 15, 15)),
        ("permessage-deflate; server_max_window_bits=10", of(false, true, 10, 15)),
        ("permessage-deflate; client_max_window_bits=10", of(false, true, 15, 10)),
        ("permessage-deflate; client_max_window_bits=11", None),
    ] {
        assert_eq!(agreed(&wished, answer), expected, "{answer}");
    }
}

#[test]
fn without_room_less_is_agreed_on() {
    let small = |kib: usize| Deflate {
        contexts: Contexts::new(kib << 10),
        ..Deflate::default()
    };
    // An inflater is 48 KiB, a compressor 274 KiB.
    for (kib, expected) in [
        (0, None),
        (47, None),
        (48, Some("server_no_context_takeover")),
        (330, Some("")),
    ] {
        assert_eq!(
            answered(&small(kib), "permessage-deflate").as_deref(),
            expected,
            "{kib} KiB"
        );
    }
    assert!(Offer::new(&small(47)).is_none());
    let offered = Offer::new(&small(48)).unwrap().value();
    assert_eq!(
        offered,
        "permessage-deflate; client_no_context_takeover; client_max_window_bits"
    );
    // The second finds only what the first left.
    let config = small(100);
    let first = Offer::new(&config).unwrap();
    assert_eq!(config.contexts.used_bytes(), 48 << 10);
    let second = Offer::new(&config).unwrap();
    assert!(Offer::new(&config).is_none());
    drop((first, second));
    assert_eq!(config.contexts.used_bytes(), 0);
}

fn configs() -> impl Strategy<Value = Deflate> {
    let bits = 0u8..20;
    (any::<bool>(), any::<bool>(), bits.clone(), bits).prop_map(|(own, peer, own_bits, peer_bits)| Deflate {
        own_no_context_takeover: own,
        peer_no_context_takeover: peer,
        own_max_window_bits: own_bits,
        peer_max_window_bits: peer_bits,
        ..Deflate::default()
    })
}

/// A header's parameters, nearly valid.
fn parameters() -> impl Strategy<Value = Vec<(&'static str, Option<u8>)>> {
    let name = prop::sample::select(alloc::vec![
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "client_max_window_bits",
        "server_max_window_bits",
        "x"
    ]);
    prop::collection::vec((name, prop::option::of(7u8..17)), 0..5).prop_map(|mut list| {
        for (name, value) in &mut list {
            if name.ends_with("takeover") && *value != Some(7) {
                *value = None;
            }
        }
        list
    })
}

/// RFC 7692 section 7.1, read once more, for a single offer of ours and an answer in the order in which it came.
fn is_permitted(offer: &str, answer: &[(&str, Option<u8>)]) -> bool {
    let offered = |name: &str| offer.split("; ").find_map(|parameter| parameter.strip_prefix(name));
    let bits_offered =
        |name: &str| offered(name).map(|value| value.strip_prefix('=').map_or(15, |bits| bits.parse().unwrap()));
    let answers = |name: &str| answer.iter().filter(|(known, _)| *known == name).count();
    let once = answer.iter().all(|(name, _)| answers(name) == 1);
    let each = answer.iter().all(|&(name, value)| match name {
        "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
        "server_max_window_bits" => value.is_some_and(|bits| (8..=bits_offered(name).unwrap_or(15)).contains(&bits)),
        "client_max_window_bits" => value.is_some_and(|bits| (8..=bits_offered(name).unwrap_or(0)).contains(&bits)),
        _ => false,
    });
    let acknowledged = ["server_no_context_takeover", "server_max_window_bits"]
        .iter()
        .all(|name| offered(name).is_none() || answers(name) == 1);
    once && each && acknowledged
}

proptest! {
    /// Two ends of ours, whatever they wish, agree, and on the same.
    #[test]
    fn two_ends_agree(client in configs(), server in configs()) {
        let offer = Offer::new(&client).unwrap();
        let (answer, theirs) = answer(&server, &valid(&offer.value())).expect("we can honour our own offers");
        let back = valid(&written(answer));
        prop_assert_eq!(&back, &[answer]);
        let ours = offer.answered(&back[0]).expect("our answers are permitted").agreed();
        let mut theirs = theirs.agreed();
        prop_assert_eq!(ours.server_max_window_bits, theirs.server_max_window_bits);
        prop_assert!(ours.server_max_window_bits <= client.peer_max_window_bits.clamp(9, 15) || client.peer_max_window_bits <= 8);
        theirs.client_no_context_takeover |= client.own_no_context_takeover;
        prop_assert_eq!(ours, theirs);
    }

    /// Whatever a server answers is accepted if and only if one of the offers permits it.
    #[test]
    fn an_answer_is_accepted_if_it_is_permitted(client in configs(), answer in parameters()) {
        let offer = Offer::new(&client).unwrap();
        let offers = offer.value();
        let each: Vec<bool> = offers.split(", ").map(|offer| is_permitted(offer, &answer)).collect();
        let header = answer.iter().fold(String::from(NAME), |header, (name, value)| match value {
            Some(value) => alloc::format!("{header}; {name}={value}"),
            None => alloc::format!("{header}; {name}"),
        });
        let answer = parse(&header)[0];
        let permits = |offer: &Parameters| answer.is_some_and(|answer| offer.permits(&answer));
        prop_assert_eq!(&offer.offers.iter().map(permits).collect::<Vec<_>>(), &each, "{} to {}", header, offers);
        let accepted = answer.is_some_and(|answer| offer.answered(&answer).is_some());
        prop_assert_eq!(accepted, each.contains(&true), "{} to {}", header, offers);
    }
}
