//! What goes with a client's request: headers, and who we are; and the names of subprotocols.

use std::format;
use std::string::{String, ToString as _};
use std::vec::Vec;

use crate::connector::config::{ConfigError, Segment, read};
use crate::connector::options::options;
use crate::connector::value::Value;
use crate::engine::{ConnectOptions, Files};

options! {
    /// Who we are to the server; exactly one of the three.
    pub(super) struct AuthRecord {
        /// User and password, sent as `Authorization: Basic`.
        basic: Option<BasicRecord> = None,
        /// A token, sent as `Authorization: Bearer`.
        bearer: Option<String> = None,
        /// The file that holds the token; white space around it doesn't count.
        bearer_file: Option<String> = None,
    }
}

options! {
    /// User and password; the password from one of two places.
    pub(super) struct BasicRecord {
        /// The user's name, which holds no colon.
        user: String,
        /// The password.
        password: Option<String> = None,
        /// The file that holds the password; a line break at its end doesn't count.
        password_file: Option<String> = None,
    }
}

/// A secret is not longer than this.
const SECRET_LIMIT_BYTES: usize = 64 << 10;

impl AuthRecord {
    /// Adds it to `connect`. It never shows in errors or the log, and stays behind where a redirect leads elsewhere.
    pub(super) fn apply(&self, connect: ConnectOptions, files: &mut dyn Files) -> Result<ConnectOptions, ConfigError> {
        match (&self.basic, &self.bearer, &self.bearer_file) {
            (Some(basic), None, None) => basic.apply(connect, files),
            (None, Some(token), None) => bearer(connect, "bearer", token),
            (None, None, Some(path)) => {
                let token = secret(files, &["config", "auth", "bearer_file"], path)?;
                bearer(connect, "bearer_file", token.trim())
            }
            _ => Err(
                ConfigError::new(["config", "auth"], "`auth` takes exactly one way to say who we are")
                    .expected("a record with one of the keys `basic`, `bearer` or `bearer_file`")
                    .help(r#"write `"auth": {"basic": {"user": "…", "password": "…"}}` or `"auth": {"bearer": "…"}`"#),
            ),
        }
    }
}

impl BasicRecord {
    fn apply(&self, connect: ConnectOptions, files: &mut dyn Files) -> Result<ConnectOptions, ConfigError> {
        let place = ["config", "auth", "basic"];
        if self.user.contains(':') {
            // RFC 7617 section 2.
            let path = ["config", "auth", "basic", "user"];
            return Err(ConfigError::new(
                path,
                "a user's name holds no colon in Basic authentication",
            ));
        }
        let password = match (&self.password, &self.password_file) {
            (Some(password), None) => password.clone(),
            (None, Some(path)) => {
                let text = secret(files, &["config", "auth", "basic", "password_file"], path)?;
                text.trim_end_matches(['\r', '\n']).to_string()
            }
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(place, "`password` and `password_file` are both given")
                    .help("keep one of the two"));
            }
            (None, None) => {
                return Err(ConfigError::new(place, "the password is missing")
                    .help(r#"add `"password": …` or `"password_file": …`"#));
            }
        };
        Ok(connect.basic_auth(self.user.as_str(), password))
    }
}

fn bearer(connect: ConnectOptions, key: &'static str, token: &str) -> Result<ConnectOptions, ConfigError> {
    // RFC 6750 section 2.1; the token itself is not shown.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(ConfigError::new(["config", "auth", key], "this can't be a token")
            .expected("letters, digits and `-._~+/=`, at least one"));
    }
    Ok(connect.bearer_auth(token))
}

/// The text of a file that holds a secret.
pub(super) fn secret(files: &mut dyn Files, place: &[&'static str], path: &str) -> Result<String, ConfigError> {
    let place = || place.iter().copied();
    let bytes = files.read_whole(path, SECRET_LIMIT_BYTES).map_err(|error| {
        ConfigError::new(place(), format!("can't read {}: {error}", files.absolute(path)))
            .help("paths begin at the working directory")
    })?;
    String::from_utf8(bytes).map_err(|_| ConfigError::new(place(), format!("{} is not UTF-8", files.absolute(path))))
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

pub(super) fn check_subprotocols(names: &[String]) -> Result<(), ConfigError> {
    for (index, name) in names.iter().enumerate() {
        let wrong = if names[..index].contains(name) {
            "is named twice"
        } else if is_token(name) {
            continue;
        } else {
            "can't be the name of a subprotocol: it must be a token of HTTP, as `chat.v2` is"
        };
        let path = ["config".into(), "subprotocols".into(), index.into()];
        return Err(ConfigError::new::<Segment>(path, format!("`{name}` {wrong}")));
    }
    Ok(())
}

/// A record of names to a string or a list of strings.
pub(super) fn headers(value: &Value) -> Result<Vec<(String, String)>, ConfigError> {
    let path = ["config".into(), "headers".into()];
    let record = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Record(record) => record,
        other => {
            return Err(ConfigError::new(
                path,
                format!("`headers` must be a record, not of type {}", other.type_name()),
            )
            .expected("a record of header names with a string or a list of strings each"));
        }
    };
    let mut headers = Vec::new();
    for (name, value) in record.iter() {
        let [config, key] = path.clone();
        let path = [config, key, name.as_str().into()];
        check_header_name(name).map_err(|message| ConfigError::new(path.clone(), message).at_key())?;
        let values: Vec<String> = match value {
            Value::String(text) => vec![text.to_string()],
            list => read(&path, list)?,
        };
        for value in values {
            // RFC 9110 section 5.5: no control characters; a line break would begin another header.
            if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
                return Err(ConfigError::new(
                    path,
                    "the value of a header holds no control characters",
                ));
            }
            headers.push((name.to_string(), value));
        }
    }
    Ok(headers)
}

fn check_header_name(name: &str) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    if !is_token(name) {
        return Err(format!("`{name}` can't be the name of a header"));
    }
    if lower == "sec-websocket-protocol" {
        return Err(format!("`{name}` is given by the key `subprotocols`"));
    }
    if lower.starts_with("sec-websocket-")
        || ["host", "upgrade", "connection", "content-length", "transfer-encoding"].contains(&lower.as_str())
    {
        return Err(format!("the header `{name}` is the handshake's own"));
    }
    Ok(())
}
