//! The payload of a Close (RFC 6455 section 5.5.1): nothing, or a code and a reason.

use alloc::string::String;

use crate::proto::{CloseCode, Misuse, Violation};

/// Longest reason: a control frame's 125 bytes less two for the code.
const REASON_BYTES: usize = 123;

/// Code and reason of a received Close (RFC 6455 sections 7.1.5 and 7.1.6).
pub(crate) fn decode(payload: &[u8]) -> Result<(Option<CloseCode>, String), Violation> {
    match payload {
        [] => Ok((None, String::new())),
        [_] => Err(Violation::CloseTruncated),
        [high, low, reason @ ..] => {
            let number = u16::from_be_bytes([*high, *low]);
            let code = CloseCode::new(number).ok_or(Violation::CloseCode(number))?;
            let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
            Ok((Some(code), String::from(reason)))
        }
    }
}

/// The payload of a Close to send: at most 125 bytes by construction.
#[derive(Debug)]
pub(crate) struct ClosePayload {
    bytes: [u8; 2 + REASON_BYTES],
    len: usize,
}

impl ClosePayload {
    /// A code alone, or nothing.
    pub(crate) fn bare(code: Option<CloseCode>) -> Self {
        let mut bytes = [0; 2 + REASON_BYTES];
        let Some(code) = code else {
            return Self { bytes, len: 0 };
        };
        bytes[..2].copy_from_slice(&code.as_u16().to_be_bytes());
        Self { bytes, len: 2 }
    }

    /// A code and a reason.
    pub(crate) fn new(code: Option<CloseCode>, reason: &str) -> Result<Self, Misuse> {
        if code.is_none() && !reason.is_empty() {
            return Err(Misuse::ReasonWithoutCode);
        }
        if reason.len() > REASON_BYTES {
            return Err(Misuse::ReasonTooLong);
        }
        let mut payload = Self::bare(code);
        payload.bytes[payload.len..payload.len + reason.len()].copy_from_slice(reason.as_bytes());
        payload.len += reason.len();
        Ok(payload)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let long = "é".repeat(61) + "x";
        for (code, reason) in [
            (None, ""),
            (Some(CloseCode::NORMAL), ""),
            (CloseCode::new(4999), long.as_str()),
        ] {
            let payload = ClosePayload::new(code, reason).unwrap();
            assert_eq!(decode(payload.as_bytes()), Ok((code, String::from(reason))));
        }
        assert_eq!(ClosePayload::new(None, "why").unwrap_err(), Misuse::ReasonWithoutCode);
        assert_eq!(
            ClosePayload::new(Some(CloseCode::NORMAL), &"x".repeat(124)).unwrap_err(),
            Misuse::ReasonTooLong
        );
    }

    #[test]
    fn what_may_not_be_sent_is_refused() {
        assert_eq!(decode(&[3]), Err(Violation::CloseTruncated));
        assert_eq!(decode(&[0x03, 0xED]), Err(Violation::CloseCode(1005)));
        assert_eq!(decode(&[0x03, 0xE8, 0xFF]), Err(Violation::CloseReasonNotUtf8));
    }
}
