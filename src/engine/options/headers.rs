//! Headers of a request, with an eye for those that are secrets.

use std::fmt;
use std::string::String;

/// A header that a client sends.
#[derive(Clone)]
pub(in crate::engine) struct Header {
    pub(in crate::engine) name: String,
    pub(in crate::engine) value: String,
    /// Whether it is shown to nobody but the server that it is meant for.
    pub(in crate::engine) is_sensitive: bool,
}

impl Header {
    pub(in crate::engine) fn new(name: String, value: String) -> Self {
        let is_sensitive = sounds_secret(&name);
        Self {
            name,
            value,
            is_sensitive,
        }
    }

    pub(in crate::engine) fn is_authorization(&self) -> bool {
        self.name.eq_ignore_ascii_case("authorization")
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_sensitive {
            write!(formatter, "{}: (not shown)", self.name)
        } else {
            write!(formatter, "{}: {:?}", self.name, self.value)
        }
    }
}

/// What names of secrets have in them, as in `Cookie`, `X-Api-Key`, `Proxy-Authorization`, `X-CSRF-Token`.
const SECRET: [&str; 10] = [
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "passw",
    "secret",
    "session",
    "token",
];

/// Whether what is called `name` is likely to be a secret. A subprotocol can be one as well: browsers can't send headers,
/// so that some services have a token among the subprotocols.
pub(in crate::engine) fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|part| name.contains(part))
}
