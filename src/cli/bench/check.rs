//! One connection's echoes against what was sent: which message came back, and what is wrong if it isn't the next one.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::payload::Payloads;

/// How many messages that were passed over are remembered, to tell those that come late from those that never do.
const GAPS_MAX: usize = 4096;

/// What a server did to messages, by what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// Never answered, though later ones were, or though time enough passed.
    Missing,
    /// Under way when their connection failed or was lost.
    Cut,
    /// Answered twice.
    Duplicated,
    /// Answered behind a later one.
    OutOfOrder,
    /// Answered after it had been given up.
    Late,
    /// The bytes are not those that were sent.
    Damaged,
    /// Text for binary, or the other way round.
    WrongKind,
    /// A message of another connection.
    Crossed,
    /// Nothing was asked.
    Unasked,
}

impl Fault {
    /// For people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Cut => "lost with their connection",
            Self::Duplicated => "duplicated",
            Self::OutOfOrder => "out of order",
            Self::Late => "late",
            Self::Damaged => "damaged",
            Self::WrongKind => "of the wrong kind",
            Self::Crossed => "of another connection",
            Self::Unasked => "unasked",
        }
    }
}

/// How often each fault was seen, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Faults(BTreeMap<Fault, Seen>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) count: u64,
    /// The first one.
    pub(super) first: String,
}

impl Faults {
    fn add(&mut self, fault: Fault, count: u64, first: impl FnOnce() -> String) {
        if count > 0 {
            let seen = self.0.entry(fault).or_insert_with(|| Seen {
                count: 0,
                first: first(),
            });
            seen.count += count;
        }
    }

    /// One that was thought missing came after all.
    fn take_back_missing(&mut self) {
        if let Some(seen) = self.0.get_mut(&Fault::Missing) {
            seen.count -= 1;
            if seen.count == 0 {
                self.0.remove(&Fault::Missing);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Fault, &Seen)> {
        self.0.iter().map(|(fault, seen)| (*fault, seen))
    }

    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|seen| seen.count).sum()
    }
}

/// What is under way on one connection.
pub(super) struct Lane {
    connection: u32,
    /// The number of the oldest message that waits for its echo.
    front: u64,
    /// When each message that waits was due (or sent), in nanoseconds.
    due: VecDeque<u64>,
    /// Messages that were passed over.
    gaps: VecDeque<Gap>,
}

struct Gap {
    number: u64,
    due: u64,
    given_up: bool,
}

/// An echo that is to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Echo {
    /// When its message was due (or sent), in nanoseconds.
    pub(super) due: u64,
    /// Its payload.
    pub(super) bytes: usize,
}

impl Lane {
    pub(super) const fn new(connection: u32) -> Self {
        Self {
            connection,
            front: 0,
            due: VecDeque::new(),
            gaps: VecDeque::new(),
        }
    }

    pub(super) const fn connection(&self) -> u32 {
        self.connection
    }

    /// The number of the next message to be sent.
    pub(super) fn next(&self) -> u64 {
        self.front + self.due.len() as u64
    }

    /// Messages that wait for their echo.
    pub(super) fn outstanding(&self) -> usize {
        self.due.len()
    }

    /// The [`next`](Self::next) message was sent.
    pub(super) fn sent(&mut self, due: u64) {
        self.due.push_back(due);
    }

    /// What came; `None` if it is no echo that could be counted.
    pub(super) fn receive(
        &mut self,
        payloads: &Payloads,
        is_text: bool,
        payload: &[u8],
        faults: &mut Faults,
    ) -> Option<Echo> {
        let number = self.front;
        // As it nearly always is.
        if !self.due.is_empty()
            && payloads.is(self.connection, number, payload)
            && payloads.is_text(self.connection, number) == is_text
        {
            self.front += 1;
            return self.due.pop_front().map(|due| Echo {
                due,
                bytes: payload.len(),
            });
        }
        self.receive_odd(payloads, is_text, payload, faults)
    }

    #[cold]
    fn receive_odd(&mut self, payloads: &Payloads, is_text: bool, payload: &[u8], faults: &mut Faults) -> Option<Echo> {
        let me = self.connection;
        let identity = payloads.identify(payload);
        if let Some(identity) = identity
            && let Some(other) = identity.connection
            && other != me
            && payloads.confirms(identity, other, payload)
        {
            faults.add(Fault::Crossed, 1, || {
                format!("connection {me} was given a message of connection {other}")
            });
            return None;
        }
        let window = self.due.len() as u64;
        let named = identity
            .filter(|identity| identity.connection.is_none_or(|connection| connection == me))
            .map(|identity| identity.resolve(self.front, window));
        let (number, due) = match named {
            Some(Ok(number)) => (number, self.pass_over_until(number, faults)?),
            Some(Err(Some(number))) if payloads.is(me, number, payload) => (number, self.old(number, faults)?),
            // It says that it is a message that was never sent, or nothing that can be read: then it stands for the
            // next one.
            Some(Err(_)) | None => {
                if self.due.is_empty() {
                    faults.add(Fault::Unasked, 1, || {
                        format!(
                            "connection {me} was given {} bytes that nothing asked for",
                            payload.len()
                        )
                    });
                    return None;
                }
                let number = self.front;
                (number, self.pass_over_until(number, faults)?)
            }
        };
        if !payloads.is(me, number, payload) {
            let expected = payloads.size(me, number);
            faults.add(Fault::Damaged, 1, || {
                format!(
                    "message {number} of connection {me}: {expected} bytes were sent, {} came",
                    payload.len()
                )
            });
            return None;
        }
        if payloads.is_text(me, number) != is_text {
            let (sent, came) = if is_text {
                ("binary", "text")
            } else {
                ("text", "binary")
            };
            faults.add(Fault::WrongKind, 1, || {
                format!("message {number} of connection {me}: {sent} came back as {came}")
            });
            return None;
        }
        Some(Echo {
            due,
            bytes: payload.len(),
        })
    }

    /// Takes message `number` out; those before it are missing for now.
    fn pass_over_until(&mut self, number: u64, faults: &mut Faults) -> Option<u64> {
        let passed = number - self.front;
        let me = self.connection;
        faults.add(Fault::Missing, passed, || {
            format!("message {} of connection {me}", number - passed)
        });
        for _ in 0..passed {
            self.pass_over(false);
        }
        self.front += 1;
        self.due.pop_front()
    }

    fn pass_over(&mut self, given_up: bool) {
        if let Some(due) = self.due.pop_front() {
            let number = self.front;
            self.front += 1;
            if self.gaps.len() == GAPS_MAX {
                self.gaps.pop_front();
            }
            self.gaps.push_back(Gap { number, due, given_up });
        }
    }

    /// A message from before the oldest that waits: one that was passed over, or one that was answered already.
    fn old(&mut self, number: u64, faults: &mut Faults) -> Option<u64> {
        let me = self.connection;
        let Some(index) = self.gaps.iter().position(|gap| gap.number == number) else {
            faults.add(Fault::Duplicated, 1, || format!("message {number} of connection {me}"));
            return None;
        };
        let gap = self.gaps.remove(index)?;
        faults.take_back_missing();
        let fault = if gap.given_up { Fault::Late } else { Fault::OutOfOrder };
        faults.add(fault, 1, || format!("message {number} of connection {me}"));
        Some(gap.due)
    }

    /// Waits no longer for what is under way.
    pub(super) fn give_up(&mut self, faults: &mut Faults) {
        self.give_up_as(Fault::Missing, faults);
    }

    /// The connection is gone, and what was under way with it.
    pub(super) fn cut(&mut self, faults: &mut Faults) {
        self.give_up_as(Fault::Cut, faults);
    }

    fn give_up_as(&mut self, fault: Fault, faults: &mut Faults) {
        let (count, number, me) = (self.due.len() as u64, self.front, self.connection);
        faults.add(fault, count, || {
            format!("message {number} of connection {me} was never answered")
        });
        while !self.due.is_empty() {
            self.pass_over(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload::{Kind, Payload, Scratch};
    use super::*;

    struct Bed {
        payloads: Payloads,
        lane: Lane,
        faults: Faults,
    }

    impl Bed {
        /// Four messages are under way.
        fn new(size: usize) -> Self {
            let mut lane = Lane::new(1);
            for due in 100..104 {
                lane.sent(due);
            }
            Self {
                payloads: Payloads::new(5, &[size], &[Kind::Binary]),
                lane,
                faults: Faults::default(),
            }
        }

        fn message(&self, connection: u32, number: u64) -> Vec<u8> {
            match self.payloads.make(&mut Scratch::default(), connection, number) {
                Payload::Binary(bytes) => bytes.to_vec(),
                Payload::Text(text) => panic!("{text}"),
            }
        }

        fn receive(&mut self, payload: &[u8]) -> Option<u64> {
            let echo = self.lane.receive(&self.payloads, false, payload, &mut self.faults);
            echo.map(|echo| echo.due)
        }

        fn seen(&self) -> Vec<(Fault, u64)> {
            self.faults.iter().map(|(fault, seen)| (fault, seen.count)).collect()
        }
    }

    #[test]
    fn all_in_order_is_no_fault() {
        for size in [0, 1, 7, 8, 15, 16, 125] {
            let mut bed = Bed::new(size);
            for number in 0..4 {
                let message = bed.message(1, number);
                assert_eq!(bed.receive(&message), Some(100 + number), "{size}");
            }
            assert_eq!((bed.lane.outstanding(), bed.seen()), (0, vec![]));
        }
    }

    #[test]
    fn each_fault_is_told_from_the_others() {
        for size in [2, 7, 8, 15, 16, 125] {
            let orders: [(&[u64], &[_]); 5] = [
                (&[0, 2, 3], &[(Fault::Missing, 1)]),
                (&[0, 0, 1, 1, 2, 3], &[(Fault::Duplicated, 2)]),
                (&[1, 0, 3, 2], &[(Fault::OutOfOrder, 2)]),
                (&[3, 0, 1, 2], &[(Fault::OutOfOrder, 3)]),
                (
                    &[2, 0, 0, 3],
                    &[(Fault::Missing, 1), (Fault::Duplicated, 1), (Fault::OutOfOrder, 1)],
                ),
            ];
            for (order, faults) in orders {
                let mut bed = Bed::new(size);
                for number in order {
                    let message = bed.message(1, *number);
                    bed.receive(&message);
                }
                assert_eq!(bed.seen(), faults, "{size} {order:?}");
            }
        }
    }

    #[test]
    fn damage_stands_for_the_message_that_it_befell() {
        for (size, at) in [(8, 7), (16, 0), (16, 15), (125, 10), (125, 124)] {
            let mut bed = Bed::new(size);
            let mut message = bed.message(1, 0);
            message[at] ^= 0x80;
            assert_eq!(bed.receive(&message), None);
            let next = bed.message(1, 1);
            assert_eq!(bed.receive(&next), Some(101));
            let cut = &bed.message(1, 2)[..size - 1];
            assert_eq!(bed.receive(cut), None);
            let next = bed.message(1, 3);
            assert_eq!(bed.receive(&next), Some(103));
            assert_eq!(bed.seen(), [(Fault::Damaged, 2)], "{size} {at}");
        }
    }

    #[test]
    fn what_belongs_elsewhere_or_nowhere_is_named() {
        let mut bed = Bed::new(125);
        let message = bed.message(2, 0);
        assert_eq!(bed.receive(&message), None);
        assert_eq!(bed.seen(), [(Fault::Crossed, 1)]);
        assert_eq!(bed.lane.outstanding(), 4);

        let mut bed = Bed::new(125);
        let message = bed.message(1, 0);
        assert_eq!(bed.lane.receive(&bed.payloads, true, &message, &mut bed.faults), None);
        assert_eq!(bed.seen(), [(Fault::WrongKind, 1)]);

        let mut bed = Bed::new(125);
        bed.lane.give_up(&mut bed.faults);
        assert_eq!(bed.receive(b"hello"), None);
        let message = bed.message(1, 2);
        assert_eq!(bed.receive(&message), Some(102));
        assert_eq!(bed.seen(), [(Fault::Missing, 3), (Fault::Late, 1), (Fault::Unasked, 1)]);
    }
}
