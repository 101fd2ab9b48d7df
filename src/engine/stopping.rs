//! Stopping, in good order or at once.

use std::time::Duration;
use std::vec::Vec;

use super::engine::Engine;
use super::id::{Key, ListenerId, StreamId};
use super::seam::Sys;
use super::stream::Phase;
use super::telling::tell;
use super::timers::Armed;
use super::turn::STOP_TOKEN;
use crate::proto::{CloseCode, Instant, State};

impl<S: Sys> Engine<S> {
    /// Stops in good order: listeners are closed, open streams get Close 1001 (going away) behind what is queued,
    /// streams that are not open yet are cut, and after `deadline` whatever is left is cut too. Streams that the host had
    /// paused are read again. A peer that takes its queue slowly may do so until the deadline, and
    /// `proto::Config::closing_timeout` counts from when all is written to it. Go on polling until
    /// [`is_drained`](Self::is_drained).
    pub fn drain(&mut self, deadline: Duration) {
        let now = self.core.refresh();
        let until = now + deadline;
        let until = self.stopping.map_or(until, |earlier| earlier.min(until));
        tell!(info, "draining {} connections within {deadline:?}", self.streams.len());
        self.stop_at(until);
        self.core.draining = Some(until);
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            let id = StreamId::new(key);
            let Some(stream) = self.streams.get_mut(key) else {
                continue;
            };
            match (stream.phase, stream.conn.state()) {
                (Phase::Live, State::Open) => {
                    // The stream is open and the reason short: there is nothing that could be wrong.
                    let _ = stream.begin_close(id, &mut self.core, Some(CloseCode::GOING_AWAY), "");
                }
                (Phase::Live, State::Closing | State::Closed) => stream.unpause(id, &mut self.core),
                (Phase::Ending, _) => {}
                (Phase::Resolving | Phase::Connecting | Phase::Tunnelling, _) | (Phase::Live, State::Opening) => {
                    let _ = self.abort(id);
                }
                #[cfg(feature = "tls")]
                (Phase::Securing, _) => {
                    let _ = self.abort(id);
                }
            }
        }
    }

    /// Stops at once: listeners are closed and all streams cut. Poll once more to have their last events.
    pub fn stop(&mut self) {
        let now = self.core.refresh();
        self.stop_at(now);
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            // A stream that has ended and only lingers is cut by the deadline, which is now.
            let _ = self.abort(StreamId::new(key));
        }
    }

    /// Whether a [`drain`](Self::drain) or [`stop`](Self::stop) is done: no stream and no listener is left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.stopping.is_some() && self.streams.len() == 0 && self.listeners.len() == 0
    }

    fn stop_at(&mut self, when: Instant) {
        self.stopping = Some(when);
        let mut armed = Armed::NONE;
        self.core.timers.arm(&mut armed, STOP_TOKEN, Some(when));
        let keys: Vec<Key> = self.listeners.keys().collect();
        for key in keys {
            let _ = self.close_listener(ListenerId::new(key));
        }
    }
}
