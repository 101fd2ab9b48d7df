//! What must arrive: the reference model of all connections.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use wsloop::engine::StreamId;
use wsloop::sim::naive::Heard;

/// A message: whether it is text, and the payload.
pub(super) type Message = (bool, Vec<u8>);

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How an end of a connection learned that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By the other's Close: all that the other said was to come before it.
    Closed,
    Failed(String),
}

/// One end of a connection: what it said, and how much of what the other said it heard.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) stream: Option<StreamId>,
    pub(super) naive: Option<Rc<RefCell<Heard>>>,
    /// Messages that the engine took, without those that it told to have dropped.
    said: Vec<Message>,
    /// The message behind those, if it may have come nevertheless.
    perhaps: Option<Message>,
    pinged: Vec<Vec<u8>>,
    /// Something that waited was dropped.
    pub(super) discarded: bool,
    /// The code and reason of the Close that this end asked for.
    pub(super) closed_with: Option<(Option<u16>, String)>,
    /// The place in what the other said up to which it was heard.
    heard: usize,
    pings_heard: usize,
    /// The place in our pings up to which pongs came.
    ponged: usize,
    pub(super) end: Option<End>,
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) client: Half,
    pub(super) server: Half,
    /// Why this connection need not come to a good end.
    pub(super) trouble: Option<&'static str>,
}

/// All connections, by the address that each came from.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) pairs: BTreeMap<SocketAddr, Pair>,
}

impl Pair {
    pub(super) const fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn both(&mut self, side: Side) -> (&mut Half, &mut Half) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }

    /// The engine took a message.
    pub(super) fn say(&mut self, side: Side, message: Message) {
        self.half(side).said.push(message);
    }

    /// The engine told that it dropped the last `count` messages that it had taken; one of them may be a message that was
    /// `under_way`, of which the model has not heard as a whole.
    pub(super) fn unsay(&mut self, side: Side, count: usize, under_way: bool) {
        let half = self.half(side);
        half.discarded = true;
        let taken = half.said.len() + usize::from(under_way);
        assert!(count <= taken, "{count} messages dropped, but only {taken} were taken");
        let dropped = half.said.split_off(half.said.len().saturating_sub(count));
        if under_way && count > 0 {
            half.perhaps = dropped.into_iter().next();
        }
    }

    pub(super) fn ping(&mut self, side: Side, payload: &[u8]) {
        self.half(side).pinged.push(payload.to_vec());
    }

    /// The engine's end `side` heard a message.
    pub(super) fn hear(&mut self, side: Side, message: &Message) {
        let (half, other) = self.both(side);
        let naive = other.naive.as_ref().map(|naive| naive.borrow());
        if other.perhaps.as_ref() == Some(message) && half.heard == other.said.len() {
            other.said.extend(other.perhaps.take());
        }
        let said = naive.as_ref().map_or(&other.said, |naive| &naive.said).get(half.heard);
        assert_eq!(said.map(shorten), Some(shorten(message)), "message {}", half.heard);
        assert!(said == Some(message), "message {} is damaged", half.heard);
        half.heard += 1;
    }

    /// The engine's end `side` heard a ping.
    pub(super) fn hear_ping(&mut self, side: Side, payload: &[u8]) {
        let (half, other) = self.both(side);
        let said = match &other.naive {
            Some(naive) => naive.borrow().pinged.get(half.pings_heard).cloned(),
            None => other.pinged.get(half.pings_heard).cloned(),
        };
        assert_eq!(said.as_deref(), Some(payload), "ping {}", half.pings_heard);
        half.pings_heard += 1;
    }

    /// The engine's end `side` heard a pong: of one of its pings, and none that is older than the last one answered.
    pub(super) fn hear_pong(&mut self, side: Side, payload: &[u8]) {
        let half = self.half(side);
        let at = half.pinged[half.ponged..].iter().position(|ping| ping == payload);
        half.ponged += 1 + at.expect("a pong answers a ping that was not answered yet");
    }

    /// The engine's end `side` heard the other's Close: everything said before it has come.
    pub(super) fn hear_close(&mut self, side: Side) {
        let (half, other) = self.both(side);
        let naive = other.naive.as_ref().map(|naive| naive.borrow());
        let said = naive.as_ref().map_or(&other.said, |naive| &naive.said);
        let missing = said.get(half.heard).map(shorten);
        // It may have come before the rest was dropped.
        let one_more = usize::from(other.perhaps.is_some() && half.heard > said.len());
        let expected = said.len() + one_more;
        assert_eq!(
            half.heard, expected,
            "messages are missing at the Close, the first {missing:?}"
        );
    }

    /// What can be said at the end of the run.
    pub(super) fn check(&mut self) {
        for side in [Side::Client, Side::Server] {
            let trouble = self.trouble;
            let (half, other) = self.both(side);
            if let Some(naive) = &half.naive {
                check_naive(&naive.borrow(), other, trouble);
            } else if half.stream.is_some() {
                assert!(half.end.is_some(), "{side:?} has no end");
                check_pongs(half, other, trouble);
            }
        }
    }
}

/// What a naive peer heard of an engine's end.
fn check_naive(heard: &Heard, other: &Half, trouble: Option<&str>) {
    if trouble.is_none() {
        assert!(heard.faults.is_empty(), "{:?}", heard.faults);
        assert!(heard.end.is_some(), "a naive peer did not hear of the end");
        assert!(
            heard.http_status.is_none_or(|status| status != 101) || heard.close.is_some(),
            "a naive peer saw no Close: {:?}",
            heard.end
        );
    }
    let said: Vec<Message> = other.said.iter().chain(&other.perhaps).cloned().collect();
    let came = &heard.messages;
    assert!(
        came.len() <= said.len(),
        "a naive peer heard {} of {} messages",
        came.len(),
        said.len()
    );
    if let Some(index) = (0..came.len()).find(|index| came[*index] != said[*index]) {
        let (came, said) = (shorten(&came[index]), shorten(&said[index]));
        panic!("a naive peer heard {came} as message {index}, which was {said}");
    }
    if heard.close.is_some() {
        assert!(
            came.len() >= other.said.len(),
            "a naive peer misses messages at the Close"
        );
    }
    let mut pinged = heard.pinged.iter();
    for pong in &heard.pongs {
        assert!(pinged.any(|ping| ping == pong), "a pong that answers nothing");
    }
    // Whoever closes need not answer what comes then; nor does one whose pongs wait when the other closes.
    let all_fit = heard.pinged.iter().map(|ping| ping.len() + 6).sum::<usize>() < 80;
    if all_fit && trouble.is_none() && heard.close.is_some() && other.closed_with.is_none() && !other.discarded {
        assert_eq!(
            heard.pongs.last(),
            heard.pinged.last(),
            "the last ping was not answered"
        );
    }
}

/// An engine's ping is answered, the last one at least, if the other did not close first.
fn check_pongs(half: &Half, other: &Half, trouble: Option<&str>) {
    let closed_first = match &other.naive {
        Some(naive) => {
            let naive = naive.borrow();
            naive.close_said && naive.close.is_none()
        }
        None => other.closed_with.is_some(),
    };
    // Pongs that wait when the other closes need not be sent.
    let all_fit = half.pinged.iter().map(|ping| ping.len() + 6).sum::<usize>() < 80;
    if all_fit && trouble.is_none() && half.end == Some(End::Closed) && half.closed_with.is_some() && !closed_first {
        let hears = half.ponged > 0 || other.pings_heard == 0;
        assert!(
            !hears || half.ponged == half.pinged.len() || half.discarded || other.naive.is_some(),
            "{} of {} pings were answered, the last one not",
            half.ponged,
            half.pinged.len()
        );
    }
}

/// A message as it can be printed.
pub(super) fn shorten((is_text, payload): &Message) -> String {
    let kind = if *is_text { "text" } else { "binary" };
    format!(
        "{kind} of {} bytes, {:02x?}…",
        payload.len(),
        &payload[..payload.len().min(12)]
    )
}
