//! How the two sides come to an agreement (RFC 6455 section 9, RFC 7692 section 7.1): what a client offers, what a server
//! answers, and whether that answer is one.

use alloc::string::String;
use alloc::vec::Vec;

use super::compressor::Shape;
use super::contexts::Reservation;
use super::{Agreed, Deflate, Extension};
use crate::proto::Side;
use crate::proto::handshake::extensions::{self, Item};

/// The name under which it is registered (RFC 6455 section 9.1).
pub(crate) const NAME: &str = "permessage-deflate";

/// The parameters of one offer or of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer it may stand without a value: then the server may choose any.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None` if it is another extension, or one that section 7 calls invalid: with a parameter that is unknown, comes
    /// twice, or has a value that it can't have.
    pub(crate) fn parse(item: &Item<'_>) -> Option<Self> {
        if item.name != NAME {
            return None;
        }
        let mut parameters = Self::default();
        for (name, value) in &item.parameters {
            let is_new = match (*name, value) {
                ("server_no_context_takeover", None) => !set(&mut parameters.server_no_context_takeover),
                ("client_no_context_takeover", None) => !set(&mut parameters.client_no_context_takeover),
                ("server_max_window_bits", Some(value)) => {
                    parameters.server_max_window_bits.replace(window_bits(value)?).is_none()
                }
                ("client_max_window_bits", value) => {
                    let value = match value {
                        Some(value) => Some(window_bits(value)?),
                        None => None,
                    };
                    parameters.client_max_window_bits.replace(value).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(parameters)
    }

    /// Appends it as it stands in a header.
    pub(crate) fn write(&self, output: &mut String) {
        output.push_str(NAME);
        if self.server_no_context_takeover {
            output.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            output.push_str("; client_no_context_takeover");
        }
        if let Some(bits) = self.server_max_window_bits {
            output.push_str(&alloc::format!("; server_max_window_bits={bits}"));
        }
        match self.client_max_window_bits {
            Some(Some(bits)) => output.push_str(&alloc::format!("; client_max_window_bits={bits}")),
            Some(None) => output.push_str("; client_max_window_bits"),
            None => {}
        }
    }

    /// Whether a server may answer so to this offer.
    fn permits(&self, answer: &Self) -> bool {
        // Section 7.1.1.1: accepted by saying it again; a server may say so by itself. Section 7.1.1.2: a server may ask
        // for client_no_context_takeover whatever was offered.
        let takeover = !self.server_no_context_takeover || answer.server_no_context_takeover;
        // Section 7.1.2.1: accepted with the same value or less; a server may say so by itself.
        let server = match (self.server_max_window_bits, answer.server_max_window_bits) {
            (Some(offered), Some(answered)) => answered <= offered,
            (Some(_), None) => false,
            (None, Some(_) | None) => true,
        };
        // Section 7.1.2.2: only if it was offered, with the same value or less, and never without.
        let client = match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) => true,
            (Some(offered), Some(Some(answered))) => answered <= offered.unwrap_or(15),
            (None, Some(_)) | (Some(_), Some(None)) => false,
        };
        takeover && server && client
    }

    /// What an answer agrees on.
    fn agreed(&self) -> Agreed {
        Agreed {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: self.server_max_window_bits.unwrap_or(15),
            client_max_window_bits: self.client_max_window_bits.flatten().unwrap_or(15),
        }
    }
}

/// Sets `flag`, and gives whether it was set.
const fn set(flag: &mut bool) -> bool {
    core::mem::replace(flag, true)
}

/// Section 7.1.2: 8 to 15, decimal, without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let is_canonical = !value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit());
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits));
    bits.filter(|_| is_canonical)
}

/// What a client offered, with the promise of an inflater should it be accepted.
#[derive(Debug)]
pub(crate) struct Offer {
    config: Deflate,
    /// The most wanted first.
    offers: Vec<Parameters>,
    reservation: Reservation,
}

impl Offer {
    /// `None` if there is no room for an inflater.
    pub(crate) fn new(config: &Deflate) -> Option<Self> {
        let own_bits = config.own_max_window_bits.clamp(9, 15);
        let peer_bits = config.peer_max_window_bits.clamp(8, 15);
        let (reservation, takes_over) = reserve(config, own_bits)?;
        let plain = Parameters {
            client_no_context_takeover: !takes_over,
            // Section 7.1.2.2: to name it, even without a value, is to let the server choose.
            client_max_window_bits: Some((own_bits < 15).then_some(own_bits)),
            ..Parameters::default()
        };
        let wished = Parameters {
            server_no_context_takeover: config.peer_no_context_takeover,
            server_max_window_bits: (peer_bits < 15).then_some(peer_bits),
            ..plain
        };
        let mut offers = alloc::vec![wished];
        if plain != wished {
            offers.push(plain);
        }
        Some(Self {
            config: config.clone(),
            offers,
            reservation,
        })
    }

    /// The header's value.
    pub(crate) fn value(&self) -> String {
        let mut value = String::new();
        for offer in &self.offers {
            if !value.is_empty() {
                value.push_str(", ");
            }
            offer.write(&mut value);
        }
        value
    }

    /// What was agreed on, if one of the offers permits the server's answer.
    pub(crate) fn answered(self, answer: &Parameters) -> Option<Extension> {
        let offer = self.offers.iter().find(|offer| offer.permits(answer))?;
        let mut agreed = answer.agreed();
        // Section 7.1.1.2: whatever the answer says of it, it was announced.
        agreed.client_no_context_takeover |= offer.client_no_context_takeover;
        Some(Extension::new(&self.config, agreed, Side::Client, self.reservation))
    }
}

/// A server's answer to the first of the `offers` that it can honour, and what is agreed on thereby; `None` if there is
/// no such offer or no room for an inflater.
pub(crate) fn answer(config: &Deflate, offers: &[Parameters]) -> Option<(Parameters, Extension)> {
    // Section 5.1: in the client's order. A window of 8 bits is none that we can compress with.
    let offer = offers.iter().find(|offer| offer.server_max_window_bits != Some(8))?;
    let own_bits = config.own_max_window_bits.clamp(9, 15);
    let own_bits = own_bits.min(offer.server_max_window_bits.unwrap_or(15));
    let peer_bits = config.peer_max_window_bits.clamp(8, 15);
    let (reservation, takes_over) = reserve(config, own_bits)?;
    let answer = Parameters {
        server_no_context_takeover: offer.server_no_context_takeover || !takes_over,
        client_no_context_takeover: offer.client_no_context_takeover || config.peer_no_context_takeover,
        server_max_window_bits: (offer.server_max_window_bits.is_some() || own_bits < 15).then_some(own_bits),
        // Section 7.1.2.2: not to be said unless it was offered.
        client_max_window_bits: offer.client_max_window_bits.and_then(|hint| {
            let bits = peer_bits.min(hint.unwrap_or(15));
            (hint.is_some() || bits < 15).then_some(Some(bits))
        }),
    };
    let extension = Extension::new(config, answer.agreed(), Side::Server, reservation);
    Some((answer, extension))
}

impl Agreed {
    /// What the value of a server's `Sec-WebSocket-Extensions` says: for a connection whose handshake somebody else did.
    /// `None` unless it names permessage-deflate alone, with parameters that it has (RFC 7692 section 7.1).
    #[must_use]
    pub fn from_answer(value: &str) -> Option<Self> {
        let mut items = Vec::new();
        extensions::parse_value(value.as_bytes(), &mut items).ok()?;
        let [item] = items.as_slice() else { return None };
        let answer = Parameters::parse(item)?;
        // Section 7.1.2.2: in an answer it has a value.
        (answer.client_max_window_bits != Some(None)).then(|| answer.agreed())
    }
}

/// What was agreed on elsewhere; `None` if there is no room for an inflater.
pub(crate) fn agreed_elsewhere(config: &Deflate, agreed: Agreed, side: Side) -> Option<Extension> {
    let own_bits = match side {
        Side::Client => agreed.client_max_window_bits,
        Side::Server => agreed.server_max_window_bits,
    };
    let (reservation, _) = reserve(config, own_bits)?;
    Some(Extension::new(config, agreed, side, reservation))
}

/// Promises an inflater; and whether we take contexts over, for which there must be room, too.
fn reserve(config: &Deflate, own_window_bits: u8) -> Option<(Reservation, bool)> {
    let shape = Shape::new(config, own_window_bits);
    let (reservation, fits) = config.contexts.reserve(shape)?;
    Some((reservation, fits && !config.own_no_context_takeover))
}

#[cfg(test)]
mod tests;
