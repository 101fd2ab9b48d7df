use std::time::Duration;

use wsloop::sim::naive::{Act, Frame, REQUEST, Reading};
use wsloop::sim::{Faults, Rng};

/// How a client's connection is going to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client sends a Close.
    Closes { code: Option<u16>, reason: String },
    /// The client asks the server to send one.
    AsksForClose { code: u16, reason: String },
    /// The client sends a FIN without a Close.
    HalfCloses,
    /// The client resets the connection.
    Resets,
    /// The client says nothing more, but listens.
    StaysSilent,
    /// The client does not even listen.
    GoesDeaf,
    /// The request is never finished.
    StallsInRequest,
    /// The client breaks the protocol, which the server must answer with this code.
    Violates { code: u16 },
    /// The request is not one that opens a connection.
    BadRequest { status: u16 },
}

/// A client before it starts.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) acts: Vec<Act>,
    pub(crate) reading: Reading,
    /// What is to be echoed, in order: whether it is text, and the payload.
    pub(crate) messages: Vec<(bool, Vec<u8>)>,
    pub(crate) pings: Vec<Vec<u8>>,
    pub(crate) ending: Ending,
}

impl Plan {
    pub(crate) fn draw(rng: &mut Rng, faults: &Faults, message_max: usize) -> Self {
        let ending = draw_ending(rng);
        let slow = Reading::Slow(rng.size(64, 8192), Duration::from_micros(rng.below(20_000)));
        let reading = match ending {
            Ending::GoesDeaf => Reading::Never,
            _ => rng.pick(&[Reading::Prompt, Reading::Prompt, slow]),
        };
        let mut plan = Self {
            acts: Vec::new(),
            reading,
            messages: Vec::new(),
            pings: Vec::new(),
            ending,
        };
        let idle = rng.pick(&[1, 200_000]);
        plan.acts.push(Act::Pause(Duration::from_micros(rng.below(idle))));
        match plan.ending {
            Ending::StallsInRequest => {
                let cut = rng.below(REQUEST.len() as u64) as usize;
                plan.acts.push(Act::Write(REQUEST.as_bytes()[..cut].to_vec()));
                return plan;
            }
            Ending::BadRequest { status } => {
                plan.acts.push(Act::Write(bad_request(status)));
                return plan;
            }
            _ => plan.write(rng, REQUEST.as_bytes().to_vec()),
        }
        // Now and then the first frames follow the request at once: a server finds them in the same read.
        if plan.reading == Reading::Never || !rng.chance(200) {
            let open = if plan.reading == Reading::Never {
                Act::Pause(Duration::from_secs(2))
            } else {
                Act::AwaitOpen
            };
            plan.acts.push(open);
        }
        // Each byte may cost a round trip through a small pipe.
        let mut budget = (faults.capacity_bytes.0 * 200).clamp(2_000, 300_000);
        // Many small messages in one breath fill the arena; a crowd of such clients fills it before all are read.
        let chatters = faults.capacity_bytes.0 >= 4096 && message_max <= 200;
        let from = plan.acts.len();
        for _ in 0..if chatters { 150 } else { rng.size(0, 30) } {
            let size = match plan.ending {
                // Nothing of it is taken: it must fill the pipe and what the server queues.
                Ending::GoesDeaf => message_max,
                _ => rng.size(0, budget.min(message_max)),
            };
            budget -= size.min(budget);
            plan.say(rng, size);
        }
        if chatters {
            plan.say_in_one_breath(from);
        }
        plan.end(rng);
        plan
    }

    /// Makes one write of all from the act `from` on.
    fn say_in_one_breath(&mut self, from: usize) {
        let bytes = self.acts.drain(from..).flat_map(|act| match act {
            Act::Write(bytes) => bytes,
            _ => Vec::new(),
        });
        let bytes = bytes.collect();
        self.acts.push(Act::Write(bytes));
    }

    /// Writes in one piece or in several.
    fn write(&mut self, rng: &mut Rng, mut bytes: Vec<u8>) {
        while bytes.len() > 1 && rng.chance(150) {
            let rest = bytes.split_off(rng.size(1, bytes.len() - 1));
            self.acts.push(Act::Write(bytes));
            self.acts.push(Act::Pause(Duration::from_micros(rng.below(50_000))));
            bytes = rest;
        }
        self.acts.push(Act::Write(bytes));
    }

    fn frame(&mut self, rng: &mut Rng, frame: &Frame) {
        let mut mask = [0; 4];
        rng.fill(&mut mask);
        self.write(rng, frame.encode(Some(mask)));
    }

    /// A message of `size` bytes or somewhat fewer, in one frame or several, with pings around and between.
    fn say(&mut self, rng: &mut Rng, size: usize) {
        let text = rng.chance(500);
        let payload = if text {
            draw_text(rng, size).into_bytes()
        } else {
            draw_bytes(rng, size)
        };
        let mut rest = &payload[..];
        let mut opcode = if text { 1 } else { 2 };
        loop {
            if rng.chance(60) && self.pings.len() < 20 {
                let size = rng.size(0, 125);
                let ping = draw_bytes(rng, size);
                self.frame(rng, &Frame::whole(9, &ping));
                self.pings.push(ping);
            }
            let count = if rng.chance(300) {
                rng.size(0, rest.len())
            } else {
                rest.len()
            };
            let fin = count == rest.len() && !rng.chance(50);
            self.frame(
                rng,
                &Frame {
                    fin,
                    opcode,
                    payload: rest[..count].to_vec(),
                },
            );
            rest = &rest[count..];
            opcode = 0;
            if fin {
                break;
            }
        }
        self.messages.push((text, payload));
        if rng.chance(100) {
            self.acts.push(Act::Pause(Duration::from_micros(rng.below(300_000))));
        }
    }

    fn end(&mut self, rng: &mut Rng) {
        if rng.chance(300) && self.reading != Reading::Never {
            self.acts.push(Act::AwaitMessages(self.messages.len()));
        }
        match self.ending.clone() {
            Ending::Closes { code, reason } => self.acts.push(Act::Close(Frame::close(code, &reason))),
            Ending::AsksForClose { code, reason } => {
                self.frame(rng, &Frame::whole(1, format!("!close {code} {reason}").as_bytes()));
            }
            Ending::HalfCloses => self.acts.push(Act::Shutdown),
            Ending::Resets => self.acts.push(Act::Reset),
            Ending::Violates { code } => {
                let bytes = draw_violation(rng, code);
                self.write(rng, bytes);
            }
            Ending::StaysSilent | Ending::GoesDeaf | Ending::StallsInRequest | Ending::BadRequest { .. } => {}
        }
    }
}

fn draw_ending(rng: &mut Rng) -> Ending {
    let code = rng.pick(&[1000, 1001, 1003, 1008, 3000, 4999]);
    let size = rng.size(0, 120);
    let reason = draw_text(rng, size);
    match rng.below(20) {
        0..6 => Ending::Closes {
            code: Some(code),
            reason,
        },
        6 => Ending::Closes {
            code: None,
            reason: String::new(),
        },
        7..10 => Ending::AsksForClose { code, reason },
        10..12 => Ending::HalfCloses,
        12..14 => Ending::Resets,
        14..16 => Ending::Violates {
            code: rng.pick(&[1002, 1007, 1009]),
        },
        16 => Ending::StaysSilent,
        17 => Ending::GoesDeaf,
        18 => Ending::StallsInRequest,
        _ => Ending::BadRequest {
            status: rng.pick(&[400, 405, 426]),
        },
    }
}

fn bad_request(status: u16) -> Vec<u8> {
    match status {
        405 => REQUEST.replace("GET", "PUT"),
        426 => REQUEST.replace("Version: 13", "Version: 8"),
        _ => REQUEST.replace("Key: dGhl", "Key: "),
    }
    .into_bytes()
}

/// Bytes that break a rule for which `code` is the answer.
fn draw_violation(rng: &mut Rng, code: u16) -> Vec<u8> {
    let masked = |frame: Frame| frame.encode(Some([1, 2, 3, 4]));
    match code {
        1007 => {
            let bad = rng.pick(&[&b"\xff"[..], b"fine, then \xc0\xaf", b"\xed\xa0\x80", b"cut \xe2\x82"]);
            let close = [&[0x03, 0xe8][..], bad].concat();
            rng.pick(&[&masked(Frame::whole(1, bad))[..], &masked(Frame::whole(8, &close))])
                .to_vec()
        }
        1009 => vec![0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        _ => {
            let oversized = Frame {
                fin: true,
                opcode: 9,
                payload: vec![0; 126],
            };
            let fragment = Frame {
                fin: false,
                opcode: 9,
                payload: Vec::new(),
            };
            rng.pick(&[
                &Frame::whole(1, b"not masked").encode(None)[..],
                &masked(Frame::whole(3, b"reserved opcode")),
                &masked(Frame::whole(11, b"reserved opcode")),
                &masked(Frame::whole(0, b"continues nothing")),
                &masked(Frame::whole(0x41, b"reserved bit")),
                &masked(oversized),
                &masked(fragment),
                &masked(Frame::whole(8, b"\x03")),
                &masked(Frame::close(Some(1005), "")),
                // A length of 1 in the form for lengths up to 65,535.
                &[0x82, 0xfe, 0, 1, 1, 2, 3, 4, 0],
            ])
            .to_vec()
        }
    }
}

fn draw_bytes(rng: &mut Rng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    rng.fill(&mut bytes);
    bytes
}

/// Text of at most `size` bytes, with characters of one to four bytes.
fn draw_text(rng: &mut Rng, size: usize) -> String {
    let mut text = String::with_capacity(size);
    while text.len() + 16 <= size {
        text.push_str(rng.pick(&["0123456789abcdef", "grün", "€uro", "𝄞", "\u{0}\n"]));
    }
    text
}
