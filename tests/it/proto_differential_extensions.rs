//! Agreeing on permessage-deflate: what `proto` makes of generated offers and answers, held against a naive reading of
//! RFC 6455 section 9.1 and RFC 7692 section 7.1.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use wsloop::proto::{Accept, Agreed, ClientRequest, Config, Connection, Deflate, Event, Failure, Violation};

use super::naive::extensions::list;
use super::naive::terms::Terms;
use super::proto_traffic::config;
use super::proto_world::{Counting, NOW, read, request, written_text};

/// A value of `Sec-WebSocket-Extensions`, right or wrong.
fn value() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        9 => Just("permessage-deflate"),
        1 => select(vec!["x-webkit-deflate-frame", "Permessage-Deflate", "permessage-deflate-2", "", "\"permessage-deflate\""]),
    ];
    let bits = select(vec![
        "8", "9", "10", "11", "12", "13", "14", "15", "15", "12", "9", "\"10\"", "\"1\\4\"",
    ]);
    let wrong = select(vec![
        "7",
        "16",
        "08",
        "",
        "\"\"",
        "1 0",
        "+9",
        "\"9",
        "ten",
        "\"1\\\"\"",
    ]);
    let number = prop_oneof![12 => bits, 1 => wrong];
    let of = |name: &'static str| {
        move |number: Option<&str>| match number {
            Some(number) => format!("{name}={number}"),
            None => name.to_owned(),
        }
    };
    let parameter = prop_oneof![
        3 => Just("server_no_context_takeover".to_owned()),
        3 => Just("client_no_context_takeover".to_owned()),
        4 => option::weighted(0.9, number.clone()).prop_map(of("server_max_window_bits")),
        4 => option::weighted(0.6, number).prop_map(of("client_max_window_bits")),
        1 => select(vec!["server_no_context_takeover=1", "foo", "foo=bar", "Server_no_context_takeover", "a b"]).prop_map(Into::into),
    ];
    let between = select(vec!["; ", ";", " ;\t"]);
    let extension = (name, vec(parameter, 0..4), between)
        .prop_map(|(name, parameters, between)| [&[name.to_owned()], &parameters[..]].concat().join(between));
    let wound = option::weighted(0.15, (any::<Index>(), select(b",;=\"\\ a".to_vec())));
    (vec(extension, 0..4), wound).prop_map(|(extensions, wound)| {
        let mut value = extensions.join(", ").into_bytes();
        if let Some((at, byte)) = wound {
            value.insert(at.index(value.len() + 1), byte);
        }
        String::from_utf8(value).unwrap()
    })
}

fn wishes() -> impl Strategy<Value = Option<Deflate>> {
    let deflate =
        (any::<bool>(), any::<bool>(), 9u8..=15, 8u8..=15).prop_map(|(own, peer, own_bits, peer_bits)| Deflate {
            own_no_context_takeover: own,
            peer_no_context_takeover: peer,
            own_max_window_bits: own_bits,
            peer_max_window_bits: peer_bits,
            ..Deflate::default()
        });
    option::weighted(0.9, deflate)
}

fn with(deflate: Option<Deflate>) -> Arc<Config> {
    Arc::new(Config {
        deflate,
        ..Config::default()
    })
}

/// The values of the extensions' headers in a head.
fn extensions_of(head: &str) -> Vec<&str> {
    head.lines()
        .filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "))
        .collect()
}

fn terms(text: &str) -> Vec<Terms> {
    list(text.as_bytes()).unwrap().iter().filter_map(Terms::of).collect()
}

/// What an answer agrees on, all told.
fn agreed(answer: &Terms) -> Agreed {
    Agreed {
        server_no_context_takeover: answer.server_no_context_takeover,
        client_no_context_takeover: answer.client_no_context_takeover,
        server_max_window_bits: answer.server_max_window_bits.unwrap_or(15),
        client_max_window_bits: answer.client_max_window_bits.flatten().unwrap_or(15),
    }
}

/// Header lines before the end of a head.
fn insert(head: &str, values: &[String]) -> String {
    let lines: String = values
        .iter()
        .map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n"))
        .collect();
    head.replacen("Upgrade: ", &format!("{lines}Upgrade: "), 1)
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn generated_offers_get_an_answer_that_they_permit(values in vec(value(), 0..3), wishes in wishes()) {
        let offers = list(values.join(",").as_bytes());
        let mut server = Connection::server(with(wishes.clone()), NOW);
        let events = read(&mut server, insert(&request("", ""), &values).as_bytes());
        let Some(offers) = offers else {
            let refused = matches!(&events[..], [Event::Failed(Failure::Refused(refusal))] if refusal.status == 400);
            prop_assert!(refused, "{:?}", events);
            return Ok(());
        };
        prop_assert!(matches!(events[..], [Event::Request(_)]), "{:?}", events);
        server.accept(&Accept::new()).unwrap();
        let opened = match &read(&mut server, b"")[..] {
            [Event::Opened(opened)] => opened.deflate,
            other => panic!("{other:?}"),
        };
        // None of our compressors has a window of 8 bits, so a demand for it can't be met.
        let mut usable = offers.iter().filter_map(Terms::of).filter(|offer| offer.server_max_window_bits != Some(8));
        let head = written_text(&mut server);
        match (usable.next(), &wishes, &extensions_of(&head)[..]) {
            (None, _, []) | (_, None, []) => prop_assert_eq!(opened, None),
            (Some(offer), Some(wishes), [answer]) => {
                let [answer] = terms(answer)[..] else { panic!("{answer}") };
                prop_assert!(offer.permits(&answer), "{:?} to {:?}", answer, offer);
                prop_assert_eq!(opened, Some(agreed(&answer)));
                let own_bits = answer.server_max_window_bits.unwrap_or(15);
                prop_assert!(own_bits <= wishes.own_max_window_bits);
                prop_assert!(answer.server_no_context_takeover || !wishes.own_no_context_takeover);
                prop_assert!(answer.client_no_context_takeover || !wishes.peer_no_context_takeover);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn generated_answers_are_taken_if_an_offer_permits_them(values in vec(value(), 0..3), wishes in wishes()) {
        let asked = ClientRequest::new("a", "/");
        let mut client = Connection::client(with(wishes.clone()), &asked, NOW, &mut Counting::default()).unwrap();
        let head = written_text(&mut client);
        let offered = extensions_of(&head).concat();
        prop_assert_eq!(offered.is_empty(), wishes.is_none());
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        let yes = format!("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
        let events = read(&mut client, insert(&yes, &values).as_bytes());
        let seen = match &events[..] {
            [Event::Opened(opened)] => Ok(opened.deflate),
            [Event::Failed(Failure::Violation(violation))] => Err(*violation),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(seen, judged(&values, &offered));
    }
}

/// What a client that offered `offered` makes of an answer's `values`.
fn judged(values: &[String], offered: &str) -> Result<Option<Agreed>, Violation> {
    // RFC 6455 section 11.3.2: at most one such header in an answer.
    if values.len() > 1 {
        return Err(Violation::ResponseExtension);
    }
    let chosen = list(values.concat().as_bytes()).ok_or(Violation::ResponseExtension)?;
    let chosen = match &chosen[..] {
        [] => return Ok(None),
        [chosen] if chosen.name == "permessage-deflate" && !offered.is_empty() => chosen,
        _ => return Err(Violation::ResponseExtension),
    };
    let answer = Terms::of(chosen).ok_or(Violation::ResponseExtensionParameters)?;
    let offers = terms(offered);
    let offer = offers
        .iter()
        .find(|offer| offer.permits(&answer))
        .ok_or(Violation::ResponseExtensionParameters)?;
    let mut agreed = agreed(&answer);
    // Whoever says in an offer that it will begin each message anew does so (section 7.1.1.2).
    agreed.client_no_context_takeover |= offer.client_no_context_takeover;
    Ok(Some(agreed))
}
