//! Lists of extensions from RFC 6455 section 9.1.

/// An extension with its parameters, as it stands in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, Option<String>)>,
}

/// Section 9.1: `extension-list`, empty elements passed over; `None` if it isn't one.
pub(crate) fn list(text: &[u8]) -> Option<Vec<Extension>> {
    let text = core::str::from_utf8(text).ok()?;
    // A comma, semicolon or equals sign within quotes would be no token when the quotes are off.
    let elements = text.split(',').map(trim).filter(|element| !element.is_empty());
    elements.map(extension).collect()
}

fn extension(element: &str) -> Option<Extension> {
    let mut parts = element.split(';').map(trim);
    let name = token(parts.next()?)?;
    let parameters = parts.map(|part| match part.split_once('=') {
        None => Some((token(part)?, None)),
        Some((name, value)) => Some((token(trim(name))?, Some(unquoted(trim(value))?))),
    });
    Some(Extension {
        name,
        parameters: parameters.collect::<Option<_>>()?,
    })
}

fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else {
        return token(value);
    };
    let mut unescaped = String::new();
    let mut letters = rest.strip_suffix('"')?.chars();
    while let Some(letter) = letters.next() {
        unescaped.push(if letter == '\\' { letters.next()? } else { letter });
    }
    token(&unescaped)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn token(text: &str) -> Option<String> {
    let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    (!text.is_empty() && text.chars().all(is_token)).then(|| text.to_owned())
}
