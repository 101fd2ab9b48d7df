//! permessage-deflate (RFC 7692), where it was agreed on.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Step;
pub(crate) use crate::proto::deflate::Variants;
use crate::proto::deflate::{self, Extension, Parameters};
use crate::proto::handshake::extensions::Item;
use crate::proto::{Agreed, Config, Limits, SharedMemory, Side, Violation};

/// Inflated bytes between two looks at the ratio, so that a bomb is met early.
const STEP_BYTES: usize = 32 << 10;

/// The extension, if it was agreed on. Boxed, since an idle connection without it should be small.
#[derive(Debug)]
pub(crate) struct Compression(Option<Box<Extension>>);

impl Compression {
    pub(crate) const NONE: Self = Self(None);

    /// What was agreed on, if anything was.
    pub(crate) fn agreed(&self) -> Option<Agreed> {
        self.0.as_ref().map(|extension| extension.agreed())
    }

    /// As a handshake agreed that somebody else did; `None` if the configuration wants none, or there is no room.
    pub(crate) fn agreed_elsewhere(config: &Config, agreed: Agreed, side: Side) -> Option<Self> {
        let extension = deflate::agreed_elsewhere(config.deflate.as_ref()?, agreed, side)?;
        Some(Self(Some(Box::new(extension))))
    }

    #[inline]
    pub(crate) const fn is_agreed(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a connection may come to agree on it.
    #[inline]
    pub(crate) const fn is_wanted(config: &Config) -> bool {
        config.deflate.is_some()
    }

    /// Whether the next message goes out compressed; `bytes` is its length, if that is known.
    pub(crate) fn begin_message(&mut self, bytes: Option<usize>) -> bool {
        self.0.as_mut().is_some_and(|extension| extension.begin_compress(bytes))
    }

    /// Appends the next piece of the message, compressed and flushed.
    pub(crate) fn compress(&mut self, piece: &[u8], last: bool, output: &mut Vec<u8>) {
        if let Some(extension) = &mut self.0 {
            extension.compress(piece, last, output);
        }
    }

    /// The frame of a message that others get, too, as `encode` makes it of the compressed payload; `None` if it goes out
    /// as it is.
    pub(crate) fn variant(
        &mut self,
        variants: &Variants,
        payload: &[u8],
        encode: impl FnOnce(&[u8]) -> SharedMemory,
    ) -> Option<SharedMemory> {
        self.0.as_mut()?.variant(variants, payload, encode)
    }

    /// What was compressed is not sent: the peer's window lacks it.
    pub(crate) fn discarded(&mut self) {
        if let Some(extension) = &mut self.0 {
            extension.reset_compress();
        }
    }

    /// Nothing more is sent.
    pub(crate) fn end_sending(&mut self) {
        if let Some(extension) = &mut self.0 {
            extension.give_compressor();
        }
    }

    /// Nothing more is read.
    pub(crate) fn end_reading(&mut self) {
        if let Some(extension) = &mut self.0 {
            extension.give_inflater();
        }
    }

    /// A compressed message begins.
    pub(crate) fn begin_inflating(&mut self) {
        if let Some(extension) = &mut self.0 {
            extension.begin_inflate();
        }
    }

    /// Inflates `piece`, the `last` of a message or not, into `sink`, which gets at most `most_bytes`; it gets what came
    /// out also if what followed was wrong.
    pub(crate) fn inflate(
        &mut self,
        piece: &[u8],
        last: bool,
        sink: &mut Vec<u8>,
        most_bytes: usize,
        limits: &Limits,
    ) -> Result<Step, Violation> {
        // A frame that says it is compressed is a violation where nothing was agreed on, so there is one.
        let extension = self.0.as_mut().ok_or(Violation::ReservedBits)?;
        let end = sink.len().saturating_add(most_bytes);
        let mut consumed = 0;
        loop {
            let room = (end - sink.len()).min(STEP_BYTES);
            grow(sink, room, end);
            let step = extension
                .inflate(&piece[consumed..], last, sink, room)
                .map_err(|_| Violation::Inflate)?;
            consumed += step.consumed;
            let (from, to) = (extension.compressed_bytes(), extension.inflated_bytes());
            if to >= limits.inflate_ratio_from_bytes && to > from.saturating_mul(u64::from(limits.inflate_ratio)) {
                return Err(Violation::InflateRatio);
            }
            if step.is_done || sink.len() == end {
                return Ok(Step {
                    consumed,
                    is_done: step.is_done,
                });
            }
        }
    }
}

/// What a client offers.
#[derive(Debug, Default)]
pub(crate) struct Offer(Option<deflate::Offer>);

impl Offer {
    /// Nothing if that is not wished, or if there is no room for what it takes.
    pub(crate) fn new(config: &Config) -> Self {
        Self(config.deflate.as_ref().and_then(deflate::Offer::new))
    }

    /// The header's value, if anything is offered.
    pub(crate) fn value(&self) -> Option<String> {
        self.0.as_ref().map(deflate::Offer::value)
    }

    /// RFC 6455 sections 4.1, 9 and 9.1, RFC 7692 sections 5 and 7: whether the server may choose so. One extension at most,
    /// since a second could want RSV1, too.
    pub(crate) fn answered(self, chosen: &[Item<'_>]) -> Result<Compression, Violation> {
        match (self.0, chosen) {
            (_, []) => Ok(Compression::NONE),
            (Some(offer), [item]) if item.name == deflate::NAME => {
                let answer = Parameters::parse(item).and_then(|answer| offer.answered(&answer));
                let extension = answer.ok_or(Violation::ResponseExtensionParameters)?;
                Ok(Compression(Some(Box::new(extension))))
            }
            (Some(_) | None, _) => Err(Violation::ResponseExtension),
        }
    }
}

/// What a client's request offered, in its order; what is unknown or invalid is passed over (RFC 7692 section 7.1).
#[derive(Debug)]
pub(crate) struct Offers(Vec<Parameters>);

impl Offers {
    pub(crate) fn new(items: &[Item<'_>]) -> Self {
        Self(items.iter().filter_map(Parameters::parse).collect())
    }

    /// The answer as it stands in a header, if there is one, and what is agreed on thereby.
    pub(crate) fn answer(&self, config: &Config) -> (Option<String>, Compression) {
        let chosen = config
            .deflate
            .as_ref()
            .and_then(|deflate| deflate::answer(deflate, &self.0));
        let Some((answer, extension)) = chosen else {
            return (None, Compression::NONE);
        };
        let mut value = String::new();
        answer.write(&mut value);
        (Some(value), Compression(Some(Box::new(extension))))
    }
}

/// Makes room for the next `count` bytes of a message that has begun to come out and may come to `end`. The capacity
/// doubles, since a step at a time would move all that came before at each step; near the end it goes there at once, since
/// moving once more would hold nearly twice what the limit allows.
fn grow(sink: &mut Vec<u8>, count: usize, end: usize) {
    if sink.is_empty() || sink.capacity() - sink.len() >= count {
        return;
    }
    let doubled = sink.capacity().saturating_mul(2).max(sink.len() + count);
    let wanted = if doubled >= end - end / 4 { end } else { doubled };
    sink.reserve_exact(wanted - sink.len());
}
