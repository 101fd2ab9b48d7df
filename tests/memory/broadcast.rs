//! What a message for many costs: bytes of it once, whoever gets it, and no allocation but for itself once warm.

use std::time::Duration;

use wsloop::engine::{Broadcast, Config, Engine, Event, Events, ListenOptions, StreamId};
use wsloop::proto::Prepared;

use super::sinks::{Sinks, Written};

/// A loop with as many open streams.
struct Crowd {
    engine: Engine<Sinks>,
    events: Events,
    streams: Vec<StreamId>,
}

impl Crowd {
    fn new(count: usize) -> Self {
        let mut engine = Engine::with_sys(Sinks::new(count as u64), Config::default());
        engine.listen(ListenOptions::new("127.0.0.1:1")).unwrap();
        let mut crowd = Self {
            engine,
            events: Events::default(),
            streams: Vec::new(),
        };
        for _ in 0..1000 {
            crowd.turn();
            let opened = |(stream, event)| matches!(event, Event::Opened(_)).then_some(stream);
            crowd.streams.extend(crowd.events.iter().filter_map(opened));
            if crowd.streams.len() == count {
                break;
            }
        }
        assert_eq!(crowd.streams.len(), count);
        crowd.turn();
        crowd.engine.sys_mut().written = Written::default();
        crowd
    }

    fn turn(&mut self) {
        self.engine.poll(&mut self.events, Some(Duration::ZERO)).unwrap();
    }

    fn broadcast(&mut self, message: &[u8]) -> Broadcast {
        self.engine.broadcast(self.streams.iter().copied(), message)
    }

    /// Every stream has written `frame_bytes` in one call, `times` times.
    fn check_written(&mut self, frame_bytes: usize, times: usize) {
        let calls = self.streams.len() * times;
        let wanted = Written {
            calls,
            bytes: calls * frame_bytes,
        };
        assert_eq!(std::mem::take(&mut self.engine.sys_mut().written), wanted);
    }
}

#[test]
fn ten_thousand_receivers_without_ten_thousand_copies() {
    const RECEIVERS: usize = 10_000;
    let mut crowd = Crowd::new(RECEIVERS);
    for (length, header_bytes) in [(125, 2), (1 << 10, 4), (16 << 10, 4), (1 << 20, 10)] {
        let message = vec![7; length];
        let mut queued = 0;
        let info = allocation_counter::measure(|| {
            queued = crowd.broadcast(&message).queued;
            crowd.turn();
        });
        assert_eq!(queued, RECEIVERS);
        crowd.check_written(length + header_bytes, 1);
        let each = info.bytes_max.saturating_sub(length as u64) / RECEIVERS as u64;
        println!(
            "{length} B to {RECEIVERS}: at most {} KiB held, {each} B a receiver beside the message",
            info.bytes_max >> 10
        );
        // The places in their queues, and buffers for what is short enough to be copied.
        assert!(each < 700, "{length}: {each}");
    }
}

#[test]
fn no_allocations_for_a_broadcast() {
    let mut crowd = Crowd::new(1000);
    for (length, frame_bytes) in [(125, 127), (16 << 10, (16 << 10) + 4)] {
        let message = vec![7; length];
        let prepared = Prepared::new(&message[..]);
        for _ in 0..2 {
            assert_eq!(crowd.broadcast(&message).queued, 1000);
            crowd.turn();
        }
        crowd.check_written(frame_bytes, 2);
        let info = allocation_counter::measure(|| {
            for _ in 0..10 {
                crowd.broadcast(&message);
                crowd.turn();
            }
        });
        println!("10 broadcasts of {length} B to 1000: {} allocations", info.count_total);
        // The prepared message, its frame, and what points to that.
        assert!(info.count_total <= 10 * 3, "{}", info.count_total);
        crowd.check_written(frame_bytes, 10);
        let info = allocation_counter::measure(|| {
            for _ in 0..10 {
                for stream in &crowd.streams {
                    assert!(crowd.engine.send_prepared(*stream, &prepared).unwrap().is_queued());
                }
                crowd.turn();
            }
        });
        assert_eq!(info.count_total, 0);
        crowd.check_written(frame_bytes, 10);
    }
}

#[test]
fn slow_readers_of_a_broadcast_hold_it_once() {
    let mut crowd = Crowd::new(1000);
    crowd.engine.sys_mut().takes = false;
    let message = vec![7; 1 << 20];
    let info = allocation_counter::measure(|| {
        for _ in 0..3 {
            assert_eq!(crowd.broadcast(&message).queued, 1000);
            crowd.turn();
        }
    });
    println!(
        "3 x 1 MiB for 1000 that read nothing: {} KiB held",
        info.bytes_current >> 10
    );
    assert!(info.bytes_current < 4 << 20, "{}", info.bytes_current);
    let waits = crowd
        .streams
        .iter()
        .map(|stream| crowd.engine.queued_bytes(*stream).unwrap());
    assert_eq!(waits.sum::<usize>(), 3000 * ((1 << 20) + 10));
}
