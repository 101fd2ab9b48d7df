//! PEM text to certificates and keys.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::{ConfigError, PemInput};

/// All certificates of a PEM text in their order; anything else in it (a key, comments) is passed over.
pub(super) fn certificates(pem: &[u8], input: PemInput) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = found.map_err(|error| bad_pem(input, &error))?;
    if certificates.is_empty() {
        return Err(ConfigError::NoCertificate { input });
    }
    Ok(certificates)
}

/// The first private key of a PEM text: PKCS#8, PKCS#1 (RSA) or SEC1 (EC).
pub(super) fn private_key(pem: &[u8], input: PemInput) -> Result<PrivateKeyDer<'static>, ConfigError> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(pem) => Err(ConfigError::EncryptedKey { input }),
        Err(PemError::NoItemsFound) => Err(ConfigError::NoPrivateKey { input }),
        Err(error) => Err(bad_pem(input, &error)),
    }
}

/// All certificates of a PEM text as trust anchors.
///
/// Bundles of a system hold now and then a certificate that webpki can't read; it is passed over as long as another
/// one can be used.
pub(super) fn roots(pem: &[u8], input: PemInput) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    let mut refused = None;
    for certificate in certificates(pem, input)? {
        if let Err(error) = store.add(certificate) {
            refused = Some(error);
        }
    }
    match refused {
        Some(error) if store.is_empty() => Err(ConfigError::BadCertificate {
            input,
            reason: error.to_string(),
        }),
        Some(_) | None => Ok(store),
    }
}

/// True for a key that needs a passphrase: `ENCRYPTED PRIVATE KEY` (PKCS#8) or the older `Proc-Type: 4,ENCRYPTED`.
fn is_encrypted(pem: &[u8]) -> bool {
    pem.windows(b"ENCRYPTED".len()).any(|window| window == b"ENCRYPTED")
}

fn bad_pem(input: PemInput, error: &PemError) -> ConfigError {
    ConfigError::BadPem {
        input,
        reason: error.to_string(),
    }
}
