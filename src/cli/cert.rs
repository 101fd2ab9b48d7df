//! `wsloop cert`: a certificate for trying things out.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "runs before and without an event loop; a key needs its file mode from the start"
)]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType};

use super::arguments::Cert;
use super::outcome::Outcome;
use super::print;

/// The longest that common clients accept.
const VALID_DAYS: u64 = 825;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes the certificate and its key, and prints how to name them in a configuration.
pub(crate) fn run(arguments: &Cert) -> Outcome {
    let (certificate, key) = match generate() {
        Ok(made) => made,
        Err(error) => {
            log::error!("the certificate could not be made: {error}");
            return Outcome::Failed;
        }
    };
    let cert_path = arguments.dir.join("localhost.cert");
    let key_path = arguments.dir.join("localhost.key");
    if !arguments.force {
        for path in [&cert_path, &key_path] {
            if path.symlink_metadata().is_ok() {
                log::error!("{} is there already; --force overwrites it", path.display());
                return Outcome::Failed;
            }
        }
    }
    let written = fs::create_dir_all(&arguments.dir)
        .map_err(|error| format!("{}: {error}", arguments.dir.display()))
        .and_then(|()| write(&key_path, &key, 0o600))
        .and_then(|()| write(&cert_path, &certificate, 0o644));
    if let Err(error) = written {
        log::error!("{error}");
        return Outcome::Failed;
    }
    let (cert_path, key_path) = (cert_path.display(), key_path.display());
    print(&format!(
        "Wrote {cert_path} and {key_path}, for localhost, 127.0.0.1 and ::1.\n\
         In the config of a ws_server:\n    \
         \"tls\": {{ \"cert\": \"{cert_path}\", \"key\": \"{key_path}\" }}\n\
         In the config of a ws_client:\n    \
         \"tls\": {{ \"cafile\": \"{cert_path}\", \"domain\": \"localhost\" }}\n"
    ));
    Outcome::Done
}

/// A certificate that signs itself, and its key, both as PEM.
fn generate() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(["localhost".to_owned()])?;
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "wsloop, for trying out");
    // Not a CA's: a client that trusts it trusts this one server, and rustls refuses a CA's as a server's.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = rcgen::date_time_ymd(1970, 1, 1) + since_epoch;
    // A day of grace for a clock that goes slow.
    params.not_before = now - DAY;
    params.not_after = now + DAY * (VALID_DAYS - 1) as u32;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file that did not exist, so that `mode` holds from its first byte on.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(error)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(told)
}
