//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1), whatever the extensions are.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::headers::{Headers, is_token, is_token_byte};

/// An extension as it is offered or chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) name: &'a str,
    /// In the order in which they came; quotes are taken off.
    pub(crate) parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The header is no list of extensions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// All extensions that `headers` name, in order: several fields are one list.
pub(crate) fn parse(headers: &Headers) -> Result<Vec<Item<'_>>, Malformed> {
    let mut items = Vec::new();
    for value in headers.values("sec-websocket-extensions") {
        parse_value(value, &mut items)?;
    }
    Ok(items)
}

/// Appends the extensions that one field names.
pub(crate) fn parse_value<'a>(value: &'a [u8], items: &mut Vec<Item<'a>>) -> Result<(), Malformed> {
    let mut scanner = Scanner { rest: value };
    loop {
        scanner.skip(b" \t,");
        if scanner.rest.is_empty() {
            return Ok(());
        }
        items.push(scanner.item()?);
        if !scanner.rest.is_empty() && !scanner.eat(b',') {
            return Err(Malformed);
        }
    }
}

struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    fn skip(&mut self, bytes: &[u8]) {
        while let [first, rest @ ..] = self.rest
            && bytes.contains(first)
        {
            self.rest = rest;
        }
    }

    /// Takes `byte`, and the spaces around it, if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip(b" \t");
        let Some(rest) = self.rest.strip_prefix(&[byte]) else {
            return false;
        };
        self.rest = rest;
        self.skip(b" \t");
        true
    }

    /// `extension = extension-token *( ";" extension-param )`
    fn item(&mut self) -> Result<Item<'a>, Malformed> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.eat(b';') {
            let name = self.token()?;
            let value = if self.eat(b'=') { Some(self.value()?) } else { None };
            parameters.push((name, value));
        }
        Ok(Item { name, parameters })
    }

    fn token(&mut self) -> Result<&'a str, Malformed> {
        let length = self.rest.iter().take_while(|&&byte| is_token_byte(byte)).count();
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        match core::str::from_utf8(token) {
            Ok(token) if !token.is_empty() => Ok(token),
            Ok(_) | Err(_) => Err(Malformed),
        }
    }

    /// A token, or one in quotes: sections 4.3 and 9.1 want what is left without the quotes to be a token, too.
    fn value(&mut self) -> Result<Cow<'a, str>, Malformed> {
        if !self.rest.starts_with(b"\"") {
            return self.token().map(Cow::Borrowed);
        }
        let mut bytes = self.rest.iter().enumerate().skip(1);
        let mut value = String::new();
        while let Some((at, &byte)) = bytes.next() {
            let byte = match byte {
                b'"' => {
                    self.rest = &self.rest[at + 1..];
                    return if is_token(&value) {
                        Ok(Cow::Owned(value))
                    } else {
                        Err(Malformed)
                    };
                }
                b'\\' => bytes.next().map_or(0, |(_, &escaped)| escaped),
                byte => byte,
            };
            if !is_token_byte(byte) {
                return Err(Malformed);
            }
            value.push(char::from(byte));
        }
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As it would be written; `None` if it is no list.
    fn read(values: &[&str]) -> Option<String> {
        let mut headers = Headers::default();
        for value in values {
            headers.push(b"Sec-WebSocket-Extensions", value.as_bytes());
        }
        let items = parse(&headers).ok()?;
        let items: Vec<String> = items
            .iter()
            .map(|item| {
                let parameters = item.parameters.iter().map(|(name, value)| match value {
                    Some(value) => alloc::format!(";{name}={value}"),
                    None => alloc::format!(";{name}"),
                });
                item.name
                    .chars()
                    .chain(parameters.collect::<String>().chars())
                    .collect()
            })
            .collect();
        Some(items.join(","))
    }

    #[test]
    fn lists_are_read() {
        for (values, expected) in [
            (&["a"][..], "a"),
            (&[" a ;b = c; d ,\te;f=\"g\" "], "a;b=c;d,e;f=g"),
            (&["a, ,b", "", ",c;d"], "a,b,c;d"),
            (&["a;b=\"1\\5\";b"], "a;b=15;b"),
            (&[""], ""),
            (&[], ""),
        ] {
            assert_eq!(read(values).as_deref(), Some(expected), "{values:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_told() {
        for value in [
            "a b",
            "a;",
            "a;;b",
            ";a",
            "a;=b",
            "a;b=",
            "a;b=c d",
            "a;b=\"c",
            "a;b=\"\"",
            "a;b=\"c d\"",
            "a;b=\"c\\",
            "a=b",
            "é",
            "a;b=\"c\"d",
            "a/b",
            "a;b=\"\\\"\"",
        ] {
            assert_eq!(read(&[value]), None, "{value}");
        }
    }

    proptest! {
        /// What is read and written again is read as the same, and nothing breaks.
        #[test]
        fn reading_what_was_read(value in "[a-c;,=\" \\\\]{0,20}") {
            if let Some(once) = read(&[&value]) {
                prop_assert_eq!(read(&[&once]).unwrap(), once);
            }
        }
    }
}
