//! A message that is sent in chunks: what must be remembered between them.

use super::wire::header::Opcode;
use super::wire::utf8::{self, Validator};
use super::{MessageKind, Misuse};

/// The message that is being sent in chunks, if there is one.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outgoing {
    utf8: Validator,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    /// Begun, and no frame of it is queued.
    Begun(Kind),
    /// Its first frame is queued, or was sent.
    Continued(Kind),
    /// A message was given up before its end: no other may follow.
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    is_text: bool,
    compress: bool,
}

/// How the next chunk goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NextFrame {
    pub(crate) opcode: Opcode,
    pub(crate) is_first: bool,
    /// The payload is compressed; RSV1 says so on the first frame alone (RFC 7692 section 6).
    pub(crate) compress: bool,
}

impl Outgoing {
    /// Whether messages may be sent whole.
    #[inline]
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether a message was begun, and none of it is queued yet.
    #[inline]
    pub(crate) const fn is_begun(&self) -> bool {
        matches!(self.state, State::Begun(_))
    }

    /// Whether some of a message is queued, or was sent, and its end is not.
    pub(crate) const fn is_continued(&self) -> bool {
        matches!(self.state, State::Continued(_))
    }

    /// The message under way, if there is one, will not be ended.
    pub(crate) const fn cut(&mut self) {
        if !self.is_idle() {
            self.state = State::Cut;
        }
    }

    /// Why a message can't begin now.
    #[inline]
    pub(crate) const fn check_idle(&self) -> Result<(), Misuse> {
        match self.state {
            State::Idle => Ok(()),
            State::Begun(_) | State::Continued(_) => Err(Misuse::MessageUnderWay),
            State::Cut => Err(Misuse::MessageCut),
        }
    }

    /// A message begins.
    pub(crate) const fn begin(&mut self, kind: MessageKind, compress: bool) {
        let is_text = matches!(kind, MessageKind::Text);
        self.state = State::Begun(Kind { is_text, compress });
    }

    /// Checks the next chunk and says how it goes out; nothing is changed if it can't.
    pub(crate) fn check(&self, chunk: &[u8], last: bool) -> Result<(NextFrame, Self), Misuse> {
        let (kind, is_first) = match self.state {
            State::Idle => return Err(Misuse::NoMessageUnderWay),
            State::Cut => return Err(Misuse::MessageCut),
            State::Begun(kind) => (kind, true),
            State::Continued(kind) => (kind, false),
        };
        let mut next = *self;
        next.state = State::Continued(kind);
        // RFC 6455 section 5.6: what we send as text is UTF-8.
        if kind.is_text {
            next.utf8.feed(chunk).map_err(|utf8::Invalid| Misuse::NotUtf8)?;
            if last && !next.utf8.is_complete() {
                return Err(Misuse::NotUtf8);
            }
        }
        if last {
            next = Self::default();
        }
        let opcode = match (is_first, kind.is_text) {
            (true, true) => Opcode::Text,
            (true, false) => Opcode::Binary,
            (false, _) => Opcode::Continuation,
        };
        let frame = NextFrame {
            opcode,
            is_first,
            compress: kind.compress,
        };
        Ok((frame, next))
    }

    /// The queue was dropped, with so many whole or begun messages, and if `cut` the rest of one whose begin had been sent.
    /// Gives whether there is one more that the peer will never have whole.
    pub(crate) const fn discarded(&mut self, messages: usize, cut: bool) -> bool {
        let one_more = match self.state {
            State::Idle => cut,
            State::Begun(_) => true,
            // Nothing follows a message under way: either its own begin is the last that was dropped, or none was.
            State::Continued(_) => messages == 0,
            State::Cut => false,
        };
        if cut || !self.is_idle() {
            self.state = State::Cut;
        }
        one_more
    }
}
