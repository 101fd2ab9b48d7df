//! Whether what a server answered is one of the client's offers, by a plain reading of RFC 7692 section 7.1.

use alloc::vec::Vec;

/// The parameters of one offer or answer, the name of the extension first.
type Parameters<'a> = Vec<(&'a str, Option<&'a str>)>;

/// Holds the extension in the head of `answer`, if there is one, against the offers in `request`.
pub(super) fn check(request: &[u8], answer: &[u8]) {
    if !answer.starts_with(b"HTTP/1.1 101 ") {
        return;
    }
    let chosen = extensions(answer);
    if chosen.is_empty() {
        return;
    }
    assert_eq!(chosen.len(), 1, "one answer");
    let offers = extensions(request);
    let is_met = |offer: &Vec<u8>| meets(&parameters(offer), &parameters(&chosen[0]));
    assert!(offers.iter().any(is_met), "{} to {offers:?}", chosen[0].escape_ascii());
}

/// Every item of the `Sec-WebSocket-Extensions` fields of a head, without spaces.
fn extensions(head: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line: Vec<u8> = line.iter().copied().filter(|byte| !b" \t\r".contains(byte)).collect();
        if line.is_empty() {
            break;
        }
        if let Some(colon) = line.iter().position(|byte| *byte == b':')
            && line[..colon].eq_ignore_ascii_case(b"sec-websocket-extensions")
        {
            let items_here = line[colon + 1..].split(|byte| *byte == b',');
            items.extend(items_here.filter(|item| !item.is_empty()).map(<[u8]>::to_vec));
        }
    }
    items
}

fn parameters(item: &[u8]) -> Parameters<'_> {
    let text = core::str::from_utf8(item).unwrap_or_default();
    let parts = text.split(';').map(|part| match part.split_once('=') {
        Some((name, value)) => (name, Some(value.trim_matches('"'))),
        None => (part, None),
    });
    parts.collect()
}

/// Whether the `answer` accepts the `offer`.
fn meets(offer: &Parameters<'_>, answer: &Parameters<'_>) -> bool {
    let has =
        |parameters: &Parameters<'_>, name: &str| parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let value = |parameters: &Parameters<'_>, name: &str| {
        let found = parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| bits(*value))
    };
    let is_extension = |parameters: &Parameters<'_>| {
        parameters
            .first()
            .is_some_and(|(name, _)| name.eq_ignore_ascii_case("permessage-deflate"))
    };
    // Section 7.1.1.1: a wish of the client's for its server must be met. Section 7.1.2.1: so must a bound.
    let takeover = !has(offer, "server_no_context_takeover") || has(answer, "server_no_context_takeover");
    let server = match (
        value(offer, "server_max_window_bits"),
        value(answer, "server_max_window_bits"),
    ) {
        (None, _) => true,
        (Some(most), Some(chosen)) => chosen <= most,
        (Some(_), None) => false,
    };
    // Section 7.1.2.2: only who said that it can may be bound, and to no more than it said.
    let client = match value(answer, "client_max_window_bits") {
        None => true,
        Some(chosen) => {
            has(offer, "client_max_window_bits")
                && value(offer, "client_max_window_bits").is_none_or(|most| chosen <= most)
        }
    };
    is_extension(offer) && is_extension(answer) && takeover && server && client
}

fn bits(value: Option<&str>) -> Option<u8> {
    value?.parse().ok()
}
