//! What an event's metadata asks of a connection besides its message: to be closed, or that everybody gets it.

use std::format;
use std::string::{String, ToString as _};

use crate::connector::value::Value;
use crate::proto::CloseCode;

/// RFC 6455 section 5.5: a control frame holds 125 bytes, and the code takes two.
const MAX_REASON_BYTES: usize = 123;

/// What is asked for; most events ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// Close the connections that the event goes to, behind its message.
    pub(crate) close: Option<Close>,
    /// The event goes to every connection that fits.
    pub(crate) broadcast: Option<Broadcast>,
}

/// How a connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: CloseCode,
    pub(crate) reason: String,
    /// The event's value is not sent before.
    pub(crate) only: bool,
}

/// Which connections an event for everybody goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Broadcast {
    /// Those that asked for this path.
    pub(crate) path: Option<String>,
    /// Those that speak this subprotocol.
    pub(crate) subprotocol: Option<String>,
}

impl Control {
    /// What stands in the metadata under `name` (`ws_server` or `ws_client`).
    ///
    /// # Errors
    /// What is wrong there, and what would be right.
    pub(crate) fn read(meta: &Value, name: &str) -> Result<Self, String> {
        let Some(meta) = meta.field(name) else {
            return Ok(Self::default());
        };
        Ok(Self {
            close: meta.field("close").map_or(Ok(None), |close| read_close(close, name))?,
            broadcast: meta
                .field("broadcast")
                .map_or(Ok(None), |broadcast| read_broadcast(broadcast, name))?,
        })
    }
}

fn read_close(close: &Value, name: &str) -> Result<Option<Close>, String> {
    let mut asked = Close {
        code: CloseCode::NORMAL,
        reason: String::new(),
        only: false,
    };
    let record = match close {
        Value::Null | Value::Bool(false) => return Ok(None),
        Value::Bool(true) => return Ok(Some(asked)),
        Value::Record(record) => record,
        other => {
            return Err(format!(
                "`${name}.close` must be `true` or a record with `code` and `reason`, not of type {}",
                other.type_name()
            ));
        }
    };
    for (key, value) in record.iter() {
        match (key.as_str(), value) {
            ("code", code) => {
                let code_of = |code: &Value| CloseCode::new(u16::try_from(code.as_u64()?).ok()?);
                asked.code = code_of(code).ok_or_else(|| {
                    format!(
                        "`${name}.close.code` can't be {code}: a close code is one of 1000 to 1003, 1007 to 1014 or 3000 \
                         to 4999"
                    )
                })?;
            }
            ("reason", Value::String(reason)) if reason.len() <= MAX_REASON_BYTES => asked.reason = reason.to_string(),
            ("reason", Value::String(reason)) => {
                return Err(format!(
                    "`${name}.close.reason` has {} bytes; at most {MAX_REASON_BYTES} fit into a Close",
                    reason.len()
                ));
            }
            ("reason", other) => {
                return Err(format!(
                    "`${name}.close.reason` must be a string, not of type {}",
                    other.type_name()
                ));
            }
            ("only", Value::Bool(only)) => asked.only = *only,
            ("only", other) => {
                return Err(format!(
                    "`${name}.close.only` must be a boolean, not of type {}",
                    other.type_name()
                ));
            }
            (key, _) => {
                return Err(format!(
                    "`${name}.close` has no key `{key}`, but `code`, `reason` and `only`"
                ));
            }
        }
    }
    Ok(Some(asked))
}

fn read_broadcast(broadcast: &Value, name: &str) -> Result<Option<Broadcast>, String> {
    let record = match broadcast {
        Value::Null | Value::Bool(false) => return Ok(None),
        Value::Bool(true) => return Ok(Some(Broadcast::default())),
        Value::Record(record) => record,
        other => {
            return Err(format!(
                "`${name}.broadcast` must be `true` or a record with `path` or `subprotocol`, not of type {}",
                other.type_name()
            ));
        }
    };
    let mut asked = Broadcast::default();
    for (key, value) in record.iter() {
        let place = match key.as_str() {
            "path" => &mut asked.path,
            "subprotocol" => &mut asked.subprotocol,
            key => {
                return Err(format!(
                    "`${name}.broadcast` has no key `{key}`, but `path` and `subprotocol`"
                ));
            }
        };
        let text = value.as_str().ok_or_else(|| {
            format!(
                "`${name}.broadcast.{key}` must be a string, not of type {}",
                value.type_name()
            )
        })?;
        *place = Some(text.to_string());
    }
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::value;
    use super::*;

    fn read(text: &str) -> Result<Control, String> {
        Control::read(&value(&format!(r#"{{"ws_server":{text}}}"#)), "ws_server")
    }

    #[test]
    fn what_is_asked_for() {
        let close = |code, reason: &str, only| {
            let code = CloseCode::new(code).unwrap();
            Some(Close {
                code,
                reason: reason.into(),
                only,
            })
        };
        for (text, expected) in [
            ("{}", None),
            (r#"{"close":null}"#, None),
            (r#"{"close":false}"#, None),
            (r#"{"close":true}"#, close(1000, "", false)),
            (r#"{"close":{}}"#, close(1000, "", false)),
            (
                r#"{"close":{"code":4000,"reason":"enough","only":true}}"#,
                close(4000, "enough", true),
            ),
        ] {
            assert_eq!(read(text).map(|control| control.close), Ok(expected), "{text}");
        }
        let all = Broadcast::default();
        let chat = Broadcast {
            path: Some("/chat".into()),
            subprotocol: Some("v2".into()),
        };
        for (text, expected) in [
            (r#"{"broadcast":false}"#, None),
            (r#"{"broadcast":true}"#, Some(all)),
            (r#"{"broadcast":{"path":"/chat","subprotocol":"v2"}}"#, Some(chat)),
        ] {
            assert_eq!(read(text).map(|control| control.broadcast), Ok(expected), "{text}");
        }
        assert_eq!(Control::read(&Value::Null, "ws_server"), Ok(Control::default()));
    }

    #[test]
    fn what_is_wrong_with_it() {
        let long = "x".repeat(124);
        for (text, says) in [
            (r#"{"close":1000}"#, "`$ws_server.close` must be `true` or a record"),
            (r#"{"close":{"code":1005}}"#, "can't be 1005"),
            (r#"{"close":{"code":999}}"#, "can't be 999"),
            (r#"{"close":{"code":5000}}"#, "can't be 5000"),
            (r#"{"close":{"code":"1000"}}"#, "can't be \"1000\""),
            (r#"{"close":{"reason":7}}"#, "must be a string, not of type integer"),
            (r#"{"close":{"because":""}}"#, "has no key `because`"),
            (r#"{"close":{"only":1}}"#, "must be a boolean"),
            (
                &format!(r#"{{"close":{{"reason":"{long}"}}}}"#),
                "has 124 bytes; at most 123",
            ),
            (
                r#"{"broadcast":"all"}"#,
                "`$ws_server.broadcast` must be `true` or a record",
            ),
            (r#"{"broadcast":{"topic":"x"}}"#, "has no key `topic`"),
            (r#"{"broadcast":{"path":1}}"#, "must be a string"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
