//! One stage of processing a stream's bytes, and running several of them one behind the other.

use std::boxed::Box;
use std::fmt;
use std::string::String;

/// Bytes on their way through the stages of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The bytes, lent for the call.
    pub(super) bytes: &'a [u8],
    /// When they were read, in nanoseconds since the Unix epoch.
    pub(super) ingest_ns: u64,
}

/// What a stage or a codec says of data that it can't take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageError(pub String);

impl fmt::Display for StageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StageError {}

impl From<String> for StageError {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for StageError {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// Where a stage puts its pieces, in order, and its errors among them.
pub(super) type Out<'o> = dyn FnMut(Result<Piece<'_>, StageError>) + 'o;

/// A preprocessor or postprocessor at work on one stream. What it holds back between calls is bounded by its
/// configuration.
pub(super) trait Stage {
    /// Takes one piece and gives any number of them. After an error it goes on with whatever of the data it can still
    /// make sense of.
    fn process(&mut self, piece: Piece<'_>, out: &mut Out<'_>);

    /// Whether what becomes of a piece depends on those before it.
    fn is_streaming(&self) -> bool {
        false
    }

    /// The stream has ended: gives what was held back. Most stages hold nothing back.
    fn finish(&mut self, ingest_ns: u64, out: &mut Out<'_>) {
        let _ = (ingest_ns, out);
    }
}

/// Sends a piece through all the stages. An error passes by the later ones.
pub(super) fn process(stages: &mut [Box<dyn Stage>], piece: Piece<'_>, out: &mut Out<'_>) {
    match stages.split_first_mut() {
        None => out(Ok(piece)),
        Some((first, [])) => first.process(piece, out),
        Some((first, later)) => first.process(piece, &mut |result| match result {
            Ok(piece) => process(later, piece, out),
            Err(error) => out(Err(error)),
        }),
    }
}

/// Ends the stages one after the other: what one of them held back is processed by the later ones before those end.
pub(super) fn finish(stages: &mut [Box<dyn Stage>], ingest_ns: u64, out: &mut Out<'_>) {
    let mut rest = stages;
    while let Some((first, later)) = rest.split_first_mut() {
        first.finish(ingest_ns, &mut |result| match result {
            Ok(piece) => process(later, piece, out),
            Err(error) => out(Err(error)),
        });
        rest = later;
    }
}
