//! Events on their way to the server, and the account of what became of all of them.

use std::collections::VecDeque;

use crate::connector::event::Event;

/// Events that are kept while there is no connection. Sources wait then, so these are only the ones that were already on
/// their way.
const MAX_HELD: usize = 4096;

/// How many events may be thought to be under way before it is looked which of them are; twice as many as it turned out
/// the last time, since a look walks over all that waits.
const LEAST_UNSEEN: usize = 512;

/// What became of events: `received = sent + failed + waiting`, at any moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::connector) struct Counts {
    /// Events that came to be sent.
    pub(in crate::connector) received: u64,
    /// Of these, those all of whose frames were given to the system.
    pub(in crate::connector) sent: u64,
    /// Those that never will be, each told of on `err`.
    pub(in crate::connector) failed: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Events that wait for a connection, in order.
    held: VecDeque<Event>,
    /// Events whose frames the loop has taken, with how many messages it had taken by then; which of them were given to
    /// the system is looked at from time to time.
    under_way: VecDeque<(u64, Event)>,
    /// Events that were under way after the last look.
    seen: usize,
    /// Messages of this connection that the loop has taken.
    taken: u64,
    counts: Counts,
    /// Failed as far as the end of the service is concerned: those that were lost, not those that can't be encoded.
    lost: u64,
}

impl Flight {
    pub(super) const fn received(&mut self) {
        self.counts.received += 1;
    }

    /// Keeps an event for the next connection; `false` if there is no room.
    pub(super) fn hold(&mut self, event: &Event) -> bool {
        let has_room = self.held.len() < MAX_HELD;
        if has_room {
            self.held.push_back(event.clone());
        }
        has_room
    }

    /// Whether any waits.
    pub(super) fn has_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// The event that is to be sent first.
    pub(super) fn next_held(&mut self) -> Option<Event> {
        self.held.pop_front()
    }

    /// The loop took a message.
    pub(super) const fn take_message(&mut self) {
        self.taken += 1;
    }

    /// All messages of an event were taken.
    pub(super) fn took(&mut self, event: &Event) {
        self.under_way.push_back((self.taken, event.clone()));
    }

    /// Whether it should be looked which events were sent.
    pub(super) fn wants_look(&self) -> bool {
        self.under_way.len() >= (2 * self.seen).max(LEAST_UNSEEN)
    }

    /// Whether somebody waits to hear of an event that is under way.
    pub(super) fn is_awaited(&self) -> bool {
        self.under_way.iter().any(|(_, event)| !event.ticket.is_empty())
    }

    /// So many messages of the connection were given to the system.
    pub(super) fn see_sent(&mut self, messages: u64) {
        while self.under_way.front().is_some_and(|(number, _)| *number <= messages) {
            self.under_way.pop_front();
            self.counts.sent += 1;
        }
        self.seen = self.under_way.len();
    }

    /// The connection is lost: what was not sent, as far as `messages` tells, is sent by the next one, before all others.
    pub(super) fn see_lost(&mut self, messages: u64) {
        self.see_sent(messages);
        while let Some((_, event)) = self.under_way.pop_back() {
            self.held.push_front(event);
        }
        self.taken = 0;
    }

    /// The connection has ended in good order: all that was taken is sent.
    pub(super) fn see_closed(&mut self) {
        self.see_sent(self.taken);
        self.taken = 0;
    }

    /// An event will never be sent.
    pub(super) fn fail(&mut self, event: &Event, is_lost: bool) {
        event.ticket.fail();
        self.counts.failed += 1;
        self.lost += u64::from(is_lost);
    }

    /// The service ends, and with it what waits.
    pub(super) fn abandon(&mut self) {
        while let Some(event) = self.held.pop_front() {
            self.fail(&event, true);
        }
    }

    /// Events that were lost, for the end of the log.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (Counts, u64) {
        (self.counts, (self.held.len() + self.under_way.len()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::connector::value::Value;

    #[derive(Debug, Clone)]
    enum Step {
        /// Events, each of so many messages.
        Events(Vec<u64>),
        /// So many of the messages that are under way are sent.
        Sent(u64),
        /// The same, and then the connection is lost.
        Lost(u64),
        Closed,
        CanNotBeEncoded,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            proptest::collection::vec(0..4_u64, 0..5).prop_map(Step::Events),
            (0..9_u64).prop_map(Step::Sent),
            (0..9_u64).prop_map(Step::Lost),
            Just(Step::Closed),
            Just(Step::CanNotBeEncoded),
        ]
    }

    /// What a connection has, and what reached the other side.
    #[derive(Default)]
    struct Naive {
        /// Each message by the number of its event, in order.
        messages: Vec<(u64, bool)>,
        written: usize,
        /// Events that were wholly written.
        arrived: Vec<u64>,
    }

    impl Naive {
        fn write(&mut self, count: u64) {
            let until = self.messages.len().min(self.written + count as usize);
            for (event, is_last) in &self.messages[self.written..until] {
                if *is_last {
                    self.arrived.push(*event);
                }
            }
            self.written = until;
        }

        fn reset(&mut self) {
            (self.messages, self.written) = (Vec::new(), 0);
        }

        fn send(&mut self, flight: &mut Flight, event: &Event, sizes: &[u64]) {
            let number = event.ingest_ns;
            // An event without frames is sent as soon as what is before it is.
            let size = sizes[number as usize].max(1);
            for part in 1..=size {
                self.messages.push((number, part == size));
                flight.take_message();
            }
            flight.took(event);
        }
    }

    proptest! {
        /// No event is lost, doubled or overtaken, and the account balances after each step.
        #[test]
        fn each_event_arrives_once_and_in_order(steps in proptest::collection::vec(step(), 0..40)) {
            let (mut flight, mut naive) = (Flight::default(), Naive::default());
            let (mut sizes, mut expected): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Events(of) => for size in of {
                        let event = Event { ingest_ns: sizes.len() as u64, value: Value::Null, ..Event::default() };
                        expected.push(event.ingest_ns);
                        sizes.push(size);
                        flight.received();
                        naive.send(&mut flight, &event, &sizes);
                    },
                    Step::Sent(count) => {
                        naive.write(count);
                        flight.see_sent(naive.written as u64);
                    }
                    Step::Lost(count) => {
                        naive.write(count);
                        flight.see_lost(naive.written as u64);
                        naive.reset();
                        while let Some(event) = flight.next_held() {
                            naive.send(&mut flight, &event, &sizes);
                        }
                    }
                    Step::Closed => {
                        naive.write(u64::MAX >> 1);
                        flight.see_closed();
                        naive.reset();
                    }
                    Step::CanNotBeEncoded => {
                        flight.received();
                        flight.fail(&Event::default(), false);
                    }
                }
                let (counts, waiting) = flight.counts();
                prop_assert_eq!(counts.received, counts.sent + counts.failed + waiting);
            }
            naive.write(u64::MAX >> 1);
            flight.see_closed();
            prop_assert_eq!(&naive.arrived, &expected);
            prop_assert_eq!(flight.counts().0.sent, expected.len() as u64);
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut flight = Flight::default();
        for _ in 0..MAX_HELD {
            assert!(flight.hold(&Event::default()));
        }
        assert!(!flight.hold(&Event::default()));
    }
}
