//! The parts of the wire format that stand alone, each against a slow and plain second opinion.

use alloc::string::String;

use super::naive::{self, Seen};
use super::plan::{pieces, scattered};
use crate::proto::wire::close::{self, ClosePayload};
use crate::proto::wire::utf8::{self, Invalid, Validator};
use crate::proto::{CloseCode, Misuse};

/// Text: the first byte seeds the cuts, the rest may be UTF-8.
pub(super) fn utf8(seed: u8, bytes: &[u8]) {
    assert_eq!(utf8::is_valid(bytes), core::str::from_utf8(bytes).is_ok());
    let expected = first_bad_end(bytes);
    let bytewise = (1..bytes.len()).collect::<alloc::vec::Vec<_>>();
    for cuts in [alloc::vec![], bytewise, scattered(bytes.len(), seed)] {
        let mut validator = Validator::default();
        let mut read = 0;
        let mut found = None;
        for piece in pieces(bytes, &cuts) {
            read += piece.len();
            if let Err(Invalid) = validator.feed(piece) {
                found = Some(read);
                break;
            }
            let complete = core::str::from_utf8(&bytes[..read]).is_ok();
            assert_eq!(validator.is_complete(), complete, "after {read} bytes");
        }
        // Found in the very piece that holds the byte after which nothing can be mended.
        let end_of_piece = |bad: usize| cuts.iter().copied().find(|cut| *cut >= bad).unwrap_or(bytes.len());
        assert_eq!(found, expected.map(end_of_piece), "{cuts:?}");
    }
}

/// After how many bytes it is certain that `bytes` are not UTF-8.
fn first_bad_end(bytes: &[u8]) -> Option<usize> {
    let start = core::str::from_utf8(bytes).err()?.valid_up_to();
    let ends = start..=bytes.len();
    ends.into_iter()
        .find(|&end| core::str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_some()))
}

/// A Close's payload: decoded as the naive reader does, and written again byte for byte. Then the same bytes taken for
/// what a host asks to send.
pub(super) fn close_payload(payload: &[u8]) {
    let expected = naive::control(8, payload.to_vec()).map(|seen| match seen {
        Seen::Close(code, reason) => (code, reason),
        other => panic!("{other:?}"),
    });
    let decoded = close::decode(payload);
    let numbers = |(code, reason): (Option<CloseCode>, String)| (code.map(CloseCode::as_u16), reason);
    assert_eq!(decoded.clone().map(numbers), expected);
    if let Ok((code, reason)) = decoded
        && payload.len() <= 125
    {
        assert_eq!(ClosePayload::new(code, &reason).unwrap().as_bytes(), payload);
    }

    let (head, reason) = payload.split_at(payload.len().min(2));
    let number = head.iter().fold(0, |number, byte| number * 256 + u16::from(*byte));
    let code = CloseCode::new(number);
    let reason = String::from_utf8_lossy(reason);
    match ClosePayload::new(code, &reason) {
        Ok(written) => {
            assert!(written.as_bytes().len() <= 125);
            assert_eq!(close::decode(written.as_bytes()), Ok((code, reason.into_owned())));
            assert_eq!(
                ClosePayload::bare(code).as_bytes(),
                &written.as_bytes()[..code.map_or(0, |_| 2)]
            );
        }
        Err(Misuse::ReasonWithoutCode) => assert!(code.is_none() && !reason.is_empty()),
        Err(misuse) => {
            assert_eq!(misuse, Misuse::ReasonTooLong);
            assert!(reason.len() > 123);
        }
    }
}
