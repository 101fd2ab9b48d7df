//! What goes wrong with TLS, said so that a person can mend it.

use std::error;
use std::fmt;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error as Tls, InconsistentKeys, InvalidMessage};

/// Which of the texts given to a configuration an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PemInput {
    /// The certificate chain that is shown to peers.
    Certificate,
    /// The private key.
    Key,
    /// A client's trust anchors.
    Roots,
    /// A server's trust anchors for clients.
    ClientRoots,
}

/// Why a configuration can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The text holds no certificate in PEM form.
    NoCertificate {
        /// Which text.
        input: PemInput,
    },
    /// The text holds no private key in PEM form.
    NoPrivateKey {
        /// Which text.
        input: PemInput,
    },
    /// The private key is protected by a passphrase.
    EncryptedKey {
        /// Which text.
        input: PemInput,
    },
    /// The text is damaged.
    BadPem {
        /// Which text.
        input: PemInput,
        /// What the parser met.
        reason: String,
    },
    /// A certificate can't be parsed, or can't be used.
    BadCertificate {
        /// Which text.
        input: PemInput,
        /// What is wrong with it.
        reason: String,
    },
    /// The private key can't be parsed, or is of a kind that is not supported (RSA, ECDSA P-256 and P-384, Ed25519 are).
    BadKey {
        /// What is wrong with it.
        reason: String,
    },
    /// The private key belongs to another certificate.
    KeyMismatch,
    /// One of several certificates names no host, and no name was given for it: nobody would ever be shown it.
    NoName,
    /// The TLS library refused for a reason of its own.
    Other {
        /// Its words.
        reason: String,
    },
}

impl ConfigError {
    /// The text to look at, if one is to blame. (A key that doesn't match may be the certificate's fault as well.)
    #[must_use]
    pub fn input(&self) -> Option<PemInput> {
        match self {
            Self::NoCertificate { input }
            | Self::NoPrivateKey { input }
            | Self::EncryptedKey { input }
            | Self::BadPem { input, .. }
            | Self::BadCertificate { input, .. } => Some(*input),
            Self::NoName => Some(PemInput::Certificate),
            Self::BadKey { .. } | Self::KeyMismatch => Some(PemInput::Key),
            Self::Other { .. } => None,
        }
    }

    pub(super) fn other(error: &dyn fmt::Display) -> Self {
        Self::Other {
            reason: error.to_string(),
        }
    }

    /// What rustls says when it is given a chain and its key.
    pub(super) fn from_identity(error: Tls) -> Self {
        match error {
            Tls::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::KeyMismatch,
            Tls::InvalidCertificate(fault) => Self::BadCertificate {
                input: PemInput::Certificate,
                reason: fault.to_string(),
            },
            Tls::General(reason) => Self::BadKey { reason },
            error => Self::Other {
                reason: error.to_string(),
            },
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate { .. } => {
                f.write_str("no certificate in the file (expected PEM: -----BEGIN CERTIFICATE-----)")
            }
            Self::NoPrivateKey { .. } => {
                f.write_str("no private key in the file (expected PEM: -----BEGIN PRIVATE KEY-----)")
            }
            Self::EncryptedKey { .. } => {
                f.write_str("the private key is protected by a passphrase; only unencrypted keys can be used")
            }
            Self::BadPem { reason, .. } => write!(f, "damaged PEM: {reason}"),
            Self::BadCertificate { reason, .. } => write!(f, "invalid certificate: {reason}"),
            Self::BadKey { reason } => write!(f, "invalid private key: {reason}"),
            Self::KeyMismatch => f.write_str("the private key does not belong to the certificate"),
            Self::NoName => f.write_str("a certificate without a DNS name, and no name is given that it is for"),
            Self::Other { reason } => f.write_str(reason),
        }
    }
}

impl error::Error for ConfigError {}

/// What kind of thing went wrong in a session; new kinds may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name to connect to is no DNS name and no IP address.
    BadName,
    /// The peer's certificate is a certificate authority's (`CA:TRUE`), which can't stand for a server or client. What
    /// `openssl req -x509` makes unless told otherwise.
    CaUsedAsEndEntity,
    /// The peer's certificate names no host: it has no subject alternative name. (The common name doesn't count.)
    NoSubjectAltName,
    /// The peer's certificate is for other names than the one asked for.
    NameMismatch,
    /// No trust anchor vouches for the peer's certificate.
    UnknownIssuer,
    /// The peer's certificate bears the name of a trusted issuer, but another key signed it: commonly a certificate or
    /// an authority that was made anew under its old name, and is still trusted in its old form.
    BadSignature,
    /// The peer's certificate, or one above it, has expired.
    Expired,
    /// The peer's certificate, or one above it, is not valid yet.
    NotYetValid,
    /// The peer's certificate is wrong in another way.
    BadCertificate,
    /// The peer showed no certificate, but one is asked for.
    NoCertificate,
    /// The peer refused our certificate, as its alert says.
    CertificateRefused,
    /// The client asked for a name that no certificate is for ([`UnknownName::Refuse`](super::UnknownName::Refuse)).
    UnknownName,
    /// The peer ended the session with another alert.
    Alert,
    /// What came is not TLS at all.
    NotTls,
    /// No version, cipher suite or application protocol that both sides speak.
    Incompatible,
    /// The peer broke a rule of TLS, or what came was altered on its way.
    Protocol,
    /// The [`Clock`](super::Clock) was never set.
    NoTime,
    /// The system gave no randomness, or the TLS library failed inside.
    Internal,
}

/// A session's end by a fault; its text says what and, where that helps, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: String,
}

impl Error {
    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn new(kind: ErrorKind, text: String) -> Self {
        Self { kind, text }
    }

    /// `peer` is "server" or "client": whose certificate is spoken of.
    pub(super) fn from_rustls(error: &Tls, peer: &str, handshaking: bool) -> Self {
        let (kind, text) = match error {
            Tls::InvalidCertificate(fault) => certificate(fault, peer),
            Tls::NoCertificatesPresented => (
                ErrorKind::NoCertificate,
                format!("the {peer} showed no certificate, but one is required"),
            ),
            Tls::AlertReceived(alert) if is_about_certificate(*alert) => (
                ErrorKind::CertificateRefused,
                format!("the {peer} refused our certificate (TLS alert {alert:?})"),
            ),
            Tls::AlertReceived(alert) => (
                ErrorKind::Alert,
                format!("the {peer} ended the TLS session (TLS alert {alert:?})"),
            ),
            Tls::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion)
                if handshaking =>
            {
                (ErrorKind::NotTls, format!("the {peer} does not speak TLS"))
            }
            Tls::PeerIncompatible(_) | Tls::NoApplicationProtocol => (
                ErrorKind::Incompatible,
                format!("no common ground with the {peer}: {error}"),
            ),
            // What rustls says, in a text alone, of a resolver that found nothing (a test holds this).
            Tls::General(reason) if reason == "no server certificate chain resolved" => (
                ErrorKind::UnknownName,
                format!("the {peer} asked for a name that no certificate is for"),
            ),
            Tls::FailedToGetCurrentTime => (ErrorKind::NoTime, "the time of day is not known".to_owned()),
            Tls::FailedToGetRandomBytes | Tls::General(_) | Tls::EncryptError | Tls::Other(_) => {
                (ErrorKind::Internal, error.to_string())
            }
            error => (
                ErrorKind::Protocol,
                format!("the {peer} broke the TLS protocol: {error}"),
            ),
        };
        Self { kind, text }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for Error {}

fn certificate(fault: &CertificateError, peer: &str) -> (ErrorKind, String) {
    match fault {
        // rustls hands this one on as an opaque error; its text is the variant's name (a test holds this).
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => (
            ErrorKind::CaUsedAsEndEntity,
            format!(
                "the {peer}'s certificate is a certificate authority's (CA:TRUE), which may not stand for a {peer}"
            ),
        ),
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => (
            ErrorKind::NoSubjectAltName,
            format!(
                "the {peer}'s certificate has no subject alternative name, so it can't be checked for \"{}\"",
                expected.to_str()
            ),
        ),
        CertificateError::NotValidForNameContext { expected, presented } => (
            ErrorKind::NameMismatch,
            format!(
                "the {peer}'s certificate is not for \"{}\" but for {}",
                expected.to_str(),
                names(presented)
            ),
        ),
        CertificateError::UnknownIssuer => (
            ErrorKind::UnknownIssuer,
            format!("the {peer}'s certificate is vouched for by nobody who is trusted here (unknown issuer)"),
        ),
        CertificateError::BadSignature => (
            ErrorKind::BadSignature,
            format!(
                "the {peer}'s certificate is signed by another key than the trusted issuer of that name has \
                 (was one of them made anew?)"
            ),
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            ErrorKind::Expired,
            format!("the {peer}'s certificate expired on {}", day(*not_after)),
        ),
        CertificateError::Expired => (ErrorKind::Expired, format!("the {peer}'s certificate has expired")),
        CertificateError::NotValidYetContext { not_before, .. } => (
            ErrorKind::NotYetValid,
            format!("the {peer}'s certificate is not valid before {}", day(*not_before)),
        ),
        CertificateError::NotValidYet => (
            ErrorKind::NotYetValid,
            format!("the {peer}'s certificate is not valid yet"),
        ),
        fault => (
            ErrorKind::BadCertificate,
            format!("the {peer}'s certificate is refused: {fault}"),
        ),
    }
}

/// The names in a certificate as people write them; webpki gives `DnsName("example.org")`, `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')) {
        Some(inner) => inner.trim_matches('"').to_owned(),
        None => name.clone(),
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateRequired
    )
}

/// The day as `2026-01-31`, by the civil calendar (the usual reckoning with years that begin in March).
fn day(time: UnixTime) -> String {
    let days = time.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, DnType, IsCa, SanType, date_time_ymd};

    use super::*;
    use crate::tls::testing::{Identity, Pair, TODAY, client_config, self_signed, server_config, signed};
    use crate::tls::{ClientConfig, Clock};

    /// What a client that trusts `roots` says of a server that shows `identity`, and what the server then hears.
    fn refused(roots: &str, identity: &Identity) -> (Error, Error) {
        let mut pair = Pair::new(&client_config(roots), &server_config(identity), usize::MAX);
        let (client, server) = pair.run();
        (client.unwrap_err(), server.unwrap_err())
    }

    #[track_caller]
    fn assert_refused(roots: &str, identity: &Identity, kind: ErrorKind, text: &str) {
        let (client, server) = refused(roots, identity);
        assert_eq!((client.kind(), client.to_string().as_str()), (kind, text));
        assert_eq!(server.kind(), ErrorKind::CertificateRefused, "{server}");
        assert!(
            server
                .to_string()
                .starts_with("the client refused our certificate (TLS alert "),
            "{server}"
        );
    }

    #[test]
    fn a_certificate_is_refused_for_a_reason_that_is_told() {
        let authority = self_signed(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
        let text = "the server's certificate is a certificate authority's (CA:TRUE), which may not stand for a server";
        assert_refused(&authority.certificate, &authority, ErrorKind::CaUsedAsEndEntity, text);

        let nameless = self_signed(|params| params.subject_alt_names.clear());
        let text = "the server's certificate has no subject alternative name, so it can't be checked for \"localhost\"";
        assert_refused(&nameless.certificate, &nameless, ErrorKind::NoSubjectAltName, text);

        let other =
            self_signed(|params| params.subject_alt_names[0] = SanType::DnsName("example.org".try_into().unwrap()));
        let text = "the server's certificate is not for \"localhost\" but for example.org, 127.0.0.1";
        assert_refused(&other.certificate, &other, ErrorKind::NameMismatch, text);

        let (roots, _) = signed(|_| {});
        let renewed = self_signed(|_| {});
        let text = "the server's certificate is signed by another key than the trusted issuer of that name has \
                    (was one of them made anew?)";
        let (error, alert) = refused(&roots, &renewed);
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::BadSignature, text)
        );
        assert_eq!(
            alert.kind(),
            ErrorKind::Alert,
            "TLS has an alert of its own for this: {alert}"
        );

        let unknown = self_signed(|params| params.distinguished_name.push(DnType::CommonName, "somebody"));
        let text = "the server's certificate is vouched for by nobody who is trusted here (unknown issuer)";
        assert_refused(&roots, &unknown, ErrorKind::UnknownIssuer, text);

        let (roots, expired) = signed(|params| params.not_after = date_time_ymd(2025, 12, 31));
        let text = "the server's certificate expired on 2025-12-31";
        assert_refused(&roots, &expired, ErrorKind::Expired, text);

        let (roots, early) = signed(|params| params.not_before = date_time_ymd(2026, 1, 2));
        let text = "the server's certificate is not valid before 2026-01-02";
        assert_refused(&roots, &early, ErrorKind::NotYetValid, text);
    }

    #[test]
    fn the_clock_decides_and_must_be_set() {
        let (roots, identity) = signed(|params| params.not_after = date_time_ymd(2026, 1, 2));
        let client = client_config(&roots);
        let run = |client: &ClientConfig| Pair::new(client, &server_config(&identity), usize::MAX).run().0;
        assert_eq!(run(&client), Ok(()));
        let shared: Clock = client.clock().clone();
        shared.set(TODAY + Duration::from_secs(3 * 86_400));
        assert_eq!(run(&client).unwrap_err().kind(), ErrorKind::Expired);
        shared.set(Duration::ZERO);
        assert_eq!(run(&client).unwrap_err().kind(), ErrorKind::NoTime);
    }

    #[test]
    fn days_are_told_by_the_civil_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (1_767_225_599, "2025-12-31"),
            (1_767_225_600, "2026-01-01"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(day(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expected);
        }
    }
}
