//! A long load on one server: thousands of connections that say nothing, a thousand that talk and come and go, ten that
//! mean ill. Every echo is compared: payloads carry who sent them and the how-manieth they are. A line of JSON a second.

mod hostile;
mod payload;
mod talker;

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::arguments::Arguments;
use crate::process;
use hostile::Hostile;
use payload::Payloads;
use talker::{Talker, Turn};

/// Each that talks has its turn once in so many ticks.
const SLOTS: usize = 10;
const TICK: Duration = Duration::from_millis(10);
/// Those that are opened in a tick, so that the server's backlog does not overflow.
const OPENED_A_TICK: usize = 50;
/// An echo that has not come by then is lost: the machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// What went wrong, and how much was done.
#[derive(Default)]
pub struct Tally {
    messages: u64,
    bytes: u64,
    opened: u64,
    left: u64,
    hostile: u64,
    /// Echoes that did not come.
    lost: u64,
    /// Echoes of another connection.
    crossed: u64,
    /// Echoes that came twice, in another order, or changed.
    damaged: u64,
    /// Honest connections that the server ended, or did not take.
    failed: u64,
}

struct Soak {
    address: SocketAddr,
    pid: u32,
    idle: usize,
    talkers: Vec<Talker>,
    hostile: Vec<Hostile>,
    payloads: Payloads,
    poll: Poll,
    tally: Tally,
    next_id: u64,
    tick: usize,
}

pub fn run(arguments: &mut Arguments) -> Result<(), Box<dyn Error>> {
    let address = arguments.needed("ADDRESS")?.parse()?;
    let time = Duration::from_secs(arguments.value("--seconds", 60)?);
    let idle = arguments.value("--idle", 10_000)?;
    let busy = arguments.value("--busy", 1_000)?;
    let mut soak = Soak {
        address,
        pid: arguments.value("--pid", 0)?,
        idle,
        talkers: Vec::with_capacity(idle + busy),
        hostile: (0..arguments.value("--hostile", 10)?).map(Hostile::new).collect(),
        payloads: Payloads::new(),
        poll: Poll::new()?,
        tally: Tally::default(),
        next_id: 1,
        tick: 0,
    };
    soak.open(idle + busy)?;
    let end = Instant::now() + time;
    soak.run_until("soak", |_, now| now >= end, true)?;
    // Nothing is left under way, and those that were idle all the time are still there.
    soak.run_until("drain", |soak, _| soak.talkers.iter().all(Talker::is_settled), false)?;
    let mut woken = 0;
    while woken < idle {
        let some = (woken + 1_000).min(idle);
        for talker in &mut soak.talkers[woken..some] {
            talker.say(&mut soak.payloads, 1);
        }
        woken = some;
        soak.run_until(
            "wake",
            |soak, _| soak.talkers[..woken].iter().all(Talker::is_settled),
            false,
        )?;
    }
    soak.report("end", Duration::ZERO);
    Ok(())
}

impl Soak {
    fn open(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        while self.talkers.len() < count {
            for _ in 0..OPENED_A_TICK.min(count - self.talkers.len()) {
                let talker = self.dial(self.talkers.len())?;
                self.talkers.push(talker);
            }
            let now = Instant::now();
            self.run_until("open", |_, later| later >= now + TICK, false)?;
        }
        self.run_until("open", |soak, _| soak.talkers.iter().all(Talker::is_settled), false)
    }

    fn dial(&mut self, place: usize) -> Result<Talker, Box<dyn Error>> {
        let id = self.next_id;
        self.next_id += 1;
        Talker::dial(self.address, id, &self.poll, Token(place))
    }

    /// Goes on until `done`; `talking`: also begins something new.
    fn run_until(
        &mut self,
        phase: &str,
        done: impl Fn(&Self, Instant) -> bool,
        talking: bool,
    ) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(4096);
        let began = Instant::now();
        let (mut next_tick, mut next_report) = (began + TICK, began + Duration::from_secs(1));
        let mut buffer = vec![0; 1 << 20];
        loop {
            let now = Instant::now();
            if done(self, now) {
                return Ok(());
            }
            if now >= next_tick {
                next_tick = now + TICK;
                self.tick += 1;
                if talking {
                    self.take_turns(now)?;
                }
                self.look_for_the_lost(now)?;
            }
            if talking && now >= next_report {
                next_report += Duration::from_secs(1);
                self.report(phase, now - began);
            }
            self.poll
                .poll(&mut events, Some(next_tick.saturating_duration_since(now)))?;
            for event in &events {
                let place = event.token().0;
                let ended = event.is_read_closed();
                let turn = self.talkers[place].handle(ended, &mut self.payloads, &mut self.tally, &mut buffer);
                self.settle(place, turn)?;
            }
        }
    }

    fn settle(&mut self, place: usize, turn: Turn) -> Result<(), Box<dyn Error>> {
        match turn {
            Turn::On => {}
            Turn::Left => {
                self.tally.left += 1;
                self.talkers[place] = self.dial(place)?;
            }
            Turn::Failed => {
                self.tally.failed += 1;
                self.tally.lost += self.talkers[place].under_way();
                self.talkers[place] = self.dial(place)?;
            }
        }
        Ok(())
    }

    fn take_turns(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        for hostile in &mut self.hostile {
            self.tally.hostile += u64::from(hostile.act(self.address, self.tick, now)?);
        }
        for place in (self.idle + self.tick % SLOTS..self.talkers.len()).step_by(SLOTS) {
            let turn = self.talkers[place].take_turn(&mut self.payloads);
            self.settle(place, turn)?;
        }
        Ok(())
    }

    fn look_for_the_lost(&mut self, now: Instant) -> Result<(), Box<dyn Error>> {
        if self.tick.is_multiple_of(100) {
            for place in 0..self.talkers.len() {
                if self.talkers[place]
                    .waits_since()
                    .is_some_and(|since| now - since > PATIENCE)
                {
                    self.settle(place, Turn::Failed)?;
                }
            }
        }
        Ok(())
    }

    fn report(&self, phase: &str, at: Duration) {
        let tally = &self.tally;
        println!(
            "{{\"phase\": \"{phase}\", \"at_ms\": {}, \"rss_kb\": {}, \"cpu_ns\": {}, \"messages\": {}, \"bytes\": {}, \
             \"opened\": {}, \"left\": {}, \"hostile\": {}, \"lost\": {}, \"crossed\": {}, \"damaged\": {}, \"failed\": {}}}",
            at.as_millis(),
            process::resident_kb(self.pid),
            process::cpu_ns(self.pid),
            tally.messages,
            tally.bytes,
            tally.opened,
            tally.left,
            tally.hostile,
            tally.lost,
            tally.crossed,
            tally.damaged,
            tally.failed
        );
    }
}
