//! A user and a password, which no debug output shows.

use alloc::string::String;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Misuse;

/// A user and a password, for a server or a proxy. Debug output shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// A user and its password; what a protocol can't carry is refused where they are used.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    /// The value of an `Authorization` or `Proxy-Authorization` header in the Basic scheme (RFC 7617 section 2), in UTF-8.
    ///
    /// # Errors
    /// [`Misuse::InvalidCredentials`]: a colon in the user, which would end it; a control character in either.
    pub fn basic(&self) -> Result<String, Misuse> {
        let controls = |text: &str| text.chars().any(char::is_control);
        if self.user.contains(':') || controls(&self.user) || controls(&self.password) {
            return Err(Misuse::InvalidCredentials);
        }
        let encoded = STANDARD.encode(alloc::format!("{}:{}", self.user, self.password));
        Ok(alloc::format!("Basic {encoded}"))
    }

    pub(super) fn parts(&self) -> (&str, &str) {
        (&self.user, &self.password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7617_section_2() {
        let credentials = Credentials::new("Aladdin", "open sesame");
        assert_eq!(credentials.basic().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let shown = alloc::format!("{credentials:?}");
        assert!(!shown.contains("Aladdin") && !shown.contains("sesame"), "{shown}");
        assert_eq!(
            Credentials::new("test", "123\u{a3}").basic().unwrap(),
            "Basic dGVzdDoxMjPCow=="
        );
    }

    #[test]
    fn what_basic_can_not_carry_is_refused() {
        for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\r\nX: y"), ("a", "\u{7f}")] {
            assert_eq!(
                Credentials::new(user, password).basic(),
                Err(Misuse::InvalidCredentials),
                "{user:?} {password:?}"
            );
        }
    }
}
