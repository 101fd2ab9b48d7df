//! The terms of permessage-deflate from RFC 7692 section 7.1.

use super::extensions::Extension;

/// What an offer or an answer of permessage-deflate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: Option<u8>,
    /// Without a value in an offer that leaves it open.
    pub(crate) client_max_window_bits: Option<Option<u8>>,
}

impl Terms {
    /// RFC 7692 section 7: `None` if it is another extension, or one with a parameter that is unknown, doubled, or of a
    /// wrong value.
    pub(crate) fn of(extension: &Extension) -> Option<Self> {
        let mut terms = Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: None,
            client_max_window_bits: None,
        };
        let mut names: Vec<&str> = extension.parameters.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        if extension.name != "permessage-deflate" || names.len() < count {
            return None;
        }
        let bits = |text: &str| (8..=15).find(|bits: &u8| bits.to_string() == text);
        for (name, value) in &extension.parameters {
            match (name.as_str(), value) {
                ("server_no_context_takeover", None) => terms.server_no_context_takeover = true,
                ("client_no_context_takeover", None) => terms.client_no_context_takeover = true,
                ("server_max_window_bits", Some(value)) => terms.server_max_window_bits = Some(bits(value)?),
                ("client_max_window_bits", None) => terms.client_max_window_bits = Some(None),
                ("client_max_window_bits", Some(value)) => terms.client_max_window_bits = Some(Some(bits(value)?)),
                _ => return None,
            }
        }
        Some(terms)
    }

    /// Whether a server may answer `answer` to this offer.
    pub(crate) fn permits(&self, answer: &Self) -> bool {
        // Section 7.1.1.1: whoever accepts an offer with it must say it. (Section 7.1.1.2: the other is only a hint.)
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return false;
        }
        // Section 7.1.2.1: the same or less, but said.
        if let Some(most) = self.server_max_window_bits
            && answer.server_max_window_bits.is_none_or(|bits| bits > most)
        {
            return false;
        }
        // Section 7.1.2.2: not unless it was offered; with a value; the same or less.
        match (self.client_max_window_bits, answer.client_max_window_bits) {
            (_, None) => true,
            (None, Some(_)) | (_, Some(None)) => false,
            (Some(most), Some(Some(bits))) => bits <= most.unwrap_or(15),
        }
    }
}
