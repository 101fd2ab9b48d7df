//! Header fields of a received head, in one buffer, in the order in which they came.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// The header fields of a request or response, in order, as they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    /// Copies parsed fields, whose names httparse has found to be tokens, into one buffer.
    pub(crate) fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let bytes = parsed.iter().map(|field| field.name.len() + field.value.len()).sum();
        let mut headers = Self {
            text: Vec::with_capacity(bytes),
            fields: Vec::with_capacity(parsed.len()),
        };
        for field in parsed {
            headers.push(field.name.as_bytes(), field.value);
        }
        headers
    }

    /// As [`from_parsed`](Self::from_parsed), with the line ends in folded values made spaces, as RFC 9112 section 5.2
    /// asks of a client.
    pub(crate) fn unfolded(parsed: &[httparse::Header<'_>]) -> Self {
        let mut headers = Self::from_parsed(parsed);
        for byte in &mut headers.text {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        headers
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        self.fields.push(Field {
            name: start..middle,
            value: middle..self.text.len(),
        });
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// All fields as `(name, value)`, in order. Names are ASCII, in the case that they came in; values may hold any byte
    /// but control characters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| {
            let name = core::str::from_utf8(&self.text[field.name.clone()]).unwrap_or_default();
            (name, &self.text[field.value.clone()])
        })
    }

    /// Every value of the fields called `name`, which is compared without regard to case.
    pub fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        // As bytes: names would have to be validated to become text, and each rule looks through all of them.
        self.fields
            .iter()
            .filter(move |field| self.text[field.name.clone()].eq_ignore_ascii_case(name.as_bytes()))
            .map(|field| &self.text[field.value.clone()])
    }

    /// The value of the first field called `name`, if there is one and it is UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values(name)
            .next()
            .and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The items of a comma-separated list that may be spread over several fields (RFC 9110 section 5.6.1), without
    /// empty ones. An item with bytes that are not UTF-8 is given as the empty string, so that no reader takes it
    /// (RFC 6455 section 8.1).
    pub(crate) fn list<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|item| !item.is_empty())
            .map(|item| core::str::from_utf8(item).unwrap_or_default())
    }

    /// Whether the list `name` holds `item`, without regard to case.
    pub(crate) fn list_has(&self, name: &str, item: &str) -> bool {
        self.list(name).any(|known| known.eq_ignore_ascii_case(item))
    }

    /// The value of the field `name`, if there is exactly one.
    pub(crate) fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.values(name);
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = formatter.debug_map();
        for (name, value) in self.iter() {
            map.entry(&name, &value.escape_ascii());
        }
        map.finish()
    }
}

/// Whether `text` is a token of RFC 9110 section 5.6.2: a header's name, a method, a subprotocol.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether `byte` may stand in a token.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Whether `text` may name a host, with or without a port, as in a `Host` header (RFC 9112 section 3.2): nothing that
/// would end the name for some other reader of it.
pub(crate) fn is_authority(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(byte))
}

/// Whether `value` may stand as a header's value (RFC 9110 section 5.5): above all, no line break.
pub(crate) fn is_field_value(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    #[test]
    fn lists_spread_over_fields_are_one_list() {
        let headers = headers(&[
            ("Connection", "keep-alive, , Upgrade"),
            ("X", "y"),
            ("connection", "\tTE "),
        ]);
        assert_eq!(
            headers.list("CONNECTION").collect::<Vec<_>>(),
            ["keep-alive", "Upgrade", "TE"]
        );
        assert!(headers.list_has("Connection", "upgrade"));
        assert!(!headers.list_has("Connection", "up"));
        assert_eq!(headers.only("connection"), None);
        assert_eq!(headers.only("x"), Some(&b"y"[..]));
        assert_eq!(headers.get("X"), Some("y"));
    }

    #[test]
    fn hosts_have_neither_path_nor_user() {
        for good in ["a", "a.example:80", "[::1]:8080", "127.0.0.1", "xn--bcher-kva.example"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in ["", "a b", "a/b", "a?b", "a#b", "user@a", "a\\b", "bücher"] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn tokens_and_values() {
        assert!(is_token("graphql-ws.v2"));
        assert!(!is_token("") && !is_token("a b") && !is_token("a,b") && !is_token("é"));
        assert!(is_field_value("a b\té") && is_field_value(""));
        assert!(!is_field_value("a\r\nb") && !is_field_value("\0"));
    }
}
