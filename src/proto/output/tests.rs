use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::proto::wire::header::{self, Opcode};

fn frame(opcode: Opcode, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    header::encode(&mut bytes, header::first_byte(opcode, true, false), length, None);
    bytes.resize(bytes.len() + length, 1);
    bytes
}

/// How many bytes of our own there are, and how many of them were written.
fn own(output: &Output) -> (usize, usize) {
    output
        .0
        .as_ref()
        .map_or((0, 0), |buffer| (buffer.bytes.len(), buffer.written))
}

/// The same bytes, as many of them written or none.
fn copy(output: &Output, written: bool) -> Output {
    let mut copy = Output::default();
    if let Some(buffer) = &output.0 {
        copy.append(0).extend_from_slice(&buffer.bytes);
        copy.transmitted(if written { buffer.written } else { 0 });
    }
    copy
}

#[test]
fn what_was_sent_leaves_the_buffer_in_the_end() {
    let long = frame(Opcode::Binary, COMPACT_BYTES);
    let mut output = Output::default();
    for _ in 0..3 {
        output.append(0).extend_from_slice(&long);
    }
    assert_eq!(output.transmitted(2 * long.len() + 1), 2 * long.len() + 1);
    output.append(1).push(9);
    // The buffer now begins with the frame under way.
    assert_eq!(own(&output), (long.len() + 1, 1));
    assert_eq!(output.pending().last(), Some(&9));
    assert_eq!(output.transmitted(usize::MAX), long.len());
    assert_eq!(own(&output), (0, 0));
}

#[test]
fn unsent_frames_are_dropped_and_a_frame_under_way_is_kept() {
    let mut output = Output::default();
    output.append(0).extend_from_slice(b"HTTP/1.1 101 \r\n\r\n");
    let frames = [
        frame(Opcode::Text, 5),
        frame(Opcode::Pong, 2),
        frame(Opcode::Binary, 70_000),
        frame(Opcode::Text, 300),
    ];
    for frame in &frames {
        output.append(0).extend_from_slice(frame);
    }
    // The head was promised, even if nothing of it has left.
    let mut unsent = copy(&output, false);
    assert_eq!(unsent.discard_unsent().messages, 3);
    assert_eq!(unsent.pending(), b"HTTP/1.1 101 \r\n\r\n");
    output.transmitted(3);
    let mut early = copy(&output, true);
    assert_eq!(early.discard_unsent().messages, 3);
    assert_eq!(early.pending(), b"P/1.1 101 \r\n\r\n");

    // All but the last byte of the long frame leave.
    output.transmitted(14 + frames[0].len() + frames[1].len() + frames[2].len() - 1);
    output.append(0).extend_from_slice(&frames[0]);
    assert_eq!(output.discard_unsent().messages, 2);
    assert_eq!(output.pending(), [1]);
    output.transmitted(1);
    output.append(0).extend_from_slice(&frames[0]);
    assert_eq!(output.discard_unsent().messages, 1);
    assert_eq!((output.len(), own(&output).0), (0, 0));
}

#[test]
fn a_message_that_is_cut_in_two_is_told() {
    let mut output = Output::default();
    let mut fragment = |opcode, fin: bool| {
        output
            .append(0)
            .extend_from_slice(&[header::first_byte(opcode, fin, false), 1, 7]);
    };
    fragment(Opcode::Text, false);
    fragment(Opcode::Ping, true);
    fragment(Opcode::Continuation, true);
    fragment(Opcode::Binary, true);
    let mut unsent = copy(&output, false);
    assert_eq!(
        unsent.discard_unsent(),
        Discarded {
            messages: 2,
            cut: false
        }
    );
    output.transmitted(1);
    assert_eq!(output.discard_unsent(), Discarded { messages: 1, cut: true });
    assert_eq!(output.pending(), [1, 7]);
}

#[test]
fn a_buffer_is_lent_and_taken_back_empty() {
    let mut output = Output::default();
    assert!(output.reclaim().is_none());
    output.lend(OutputBuffer::with_capacity(1000));
    output.append(1).push(4);
    assert_eq!(output.pending(), [4]);
    assert!(output.reclaim().is_none());
    output.transmitted(1);
    assert!(output.reclaim().is_some_and(|buffer| buffer.capacity() >= 1000));
    assert!(output.reclaim().is_none());
}

#[test]
fn pongs_are_found_in_the_queue() {
    let mut output = Output::default();
    output.append(0).extend_from_slice(b"HTTP/1.1 101 \r\n\r\n");
    for frame in [
        frame(Opcode::Pong, 3),
        frame(Opcode::Ping, 9),
        frame(Opcode::Pong, 2),
        frame(Opcode::Pong, 0),
        frame(Opcode::Text, 1),
    ] {
        output.append(0).extend_from_slice(&frame);
    }
    let runs = |output: &Output| output.pongs().stretches();
    assert_eq!(runs(&output), [(22, 5), (39, 6)]);
    output.transmitted(19);
    assert_eq!(runs(&output), [(3, 3), (20, 6)]);
    output.transmitted(18);
    assert_eq!(runs(&output), [(2, 2)]);
    output.transmitted(2);
    assert!(output.pongs().is_idle());
}

#[test]
fn what_is_shared_stands_between_our_own_bytes() {
    let memory: SharedMemory = Arc::new(*b"0123456789");
    let mut output = Output::default();
    output.append(2).extend_from_slice(&[0x89, 0]);
    output.append(2).extend_from_slice(&[0x82, 3]);
    output.append_shared(&memory, 4..7);
    output.append(2).extend_from_slice(&[0x8A, 0]);
    assert_eq!(output.len(), 9);
    assert_eq!(output.pending(), [0x89, 0, 0x82, 3]);
    assert_eq!(
        output.slices().collect::<Vec<_>>(),
        [&[0x89, 0, 0x82, 3][..], b"456", &[0x8A, 0]]
    );
    output.transmitted(5);
    assert_eq!(output.slices().collect::<Vec<_>>(), [&b"56"[..], &[0x8A, 0]]);
    assert_eq!(Arc::strong_count(&memory), 2);
    output.copy_shared(&memory);
    assert_eq!(Arc::strong_count(&memory), 1);
    assert_eq!(output.pending(), [b'5', b'6', 0x8A, 0]);
    assert_eq!(output.discard_unsent(), Discarded::default());
    assert_eq!(output.pending(), *b"56");
    output.transmitted(2);
    assert!(output.reclaim().is_some());
}

/// A slow reader of a broadcast takes its time: what its queue had grown to does not go back into a pool.
#[test]
fn a_buffer_that_is_given_back_has_room_for_few_stretches() {
    let memory: SharedMemory = Arc::new(*b"0123456789");
    for (stretches, kept) in [(100, 100..=STRETCHES_KEPT), (100_000, 0..=STRETCHES_KEPT)] {
        let mut output = Output::default();
        for _ in 0..stretches {
            output.append_shared(&memory, 0..10);
        }
        output.transmitted(usize::MAX);
        let buffer = output.reclaim().unwrap();
        assert!(kept.contains(&buffer.0.shared.capacity()));
    }
}

/// What is done to a queue.
#[derive(Debug, Clone)]
enum Step {
    /// A frame is appended: copied, with its payload shared, or shared whole, from one memory or the other.
    Append {
        opcode: Opcode,
        length: usize,
        shared: Option<(bool, bool)>,
    },
    Transmit(usize),
    Copy(bool),
    Discard,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let opcode = prop_oneof![
        3 => Just(Opcode::Binary),
        1 => Just(Opcode::Continuation),
        1 => Just(Opcode::Pong),
        1 => Just(Opcode::Ping),
    ];
    let length = prop_oneof![0..4_usize, 120..130_usize, 3000..6000_usize];
    let append = (opcode, length, any::<Option<(bool, bool)>>()).prop_map(|(opcode, length, shared)| Step::Append {
        opcode,
        length,
        shared,
    });
    let transmit = prop_oneof![0..10_usize, 0..9000_usize].prop_map(Step::Transmit);
    let step = prop_oneof![
        6 => append,
        4 => transmit,
        1 => any::<bool>().prop_map(Step::Copy),
        1 => Just(Step::Discard),
    ];
    prop::collection::vec(step, 1..40)
}

/// The same queue, as simply as can be: every frame whole, and how much of all was sent.
#[derive(Default)]
struct Naive {
    frames: Vec<Vec<u8>>,
    sent: usize,
}

impl Naive {
    fn pending(&self) -> Vec<u8> {
        self.frames.concat()[self.sent..].to_vec()
    }

    fn discard(&mut self) -> Discarded {
        let mut discarded = Discarded::default();
        let (mut begin, mut kept) = (0, Vec::new());
        for frame in self.frames.drain(..) {
            if begin < self.sent {
                kept.push(frame.clone());
            } else if frame[0] & 0xF == 2 {
                discarded.messages += 1;
            } else if frame[0] & 0xF == 0 && discarded.messages == 0 {
                discarded.cut = true;
            }
            begin += frame.len();
        }
        self.frames = kept;
        discarded
    }

    /// As an output that owns all of it.
    fn owned(&self) -> Output {
        let mut output = Output::default();
        output.append(0).extend_from_slice(&self.frames.concat());
        output.transmitted(self.sent);
        output
    }
}

proptest! {
    #[test]
    fn shared_or_not_the_queue_is_the_same(steps in steps()) {
        let memories: [Vec<u8>; 2] = [1, 2].map(|seed: u8| (0..8000).map(|at| (at % 251) as u8 ^ seed).collect());
        let mut output = Output::default();
        let mut naive = Naive::default();
        let mut shared_from: [Vec<SharedMemory>; 2] = Default::default();
        for step in steps {
            match step {
                Step::Append { opcode, length, shared } => {
                    let second = shared.is_some_and(|(second, _)| second);
                    let payload = &memories[usize::from(second)][100..100 + length];
                    let mut frame = Vec::new();
                    header::encode(&mut frame, header::first_byte(opcode, true, false), length, None);
                    let header = frame.clone();
                    frame.extend_from_slice(payload);
                    match shared {
                        None => output.append(frame.len()).extend_from_slice(&frame),
                        Some((_, whole)) if whole || length == 0 => {
                            let memory: SharedMemory = Arc::new(frame.clone());
                            output.append_shared(&memory, 0..frame.len());
                            shared_from[usize::from(second)].push(memory);
                        }
                        Some(_) => {
                            let memory: SharedMemory = Arc::new(memories[usize::from(second)].clone());
                            output.append(0).extend_from_slice(&header);
                            output.append_shared(&memory, 100..100 + length);
                            shared_from[usize::from(second)].push(memory);
                        }
                    }
                    naive.frames.push(frame);
                }
                Step::Transmit(count) => {
                    let done = output.transmitted(count);
                    prop_assert_eq!(done, count.min(naive.pending().len()));
                    naive.sent += done;
                }
                Step::Copy(second) => {
                    for memory in core::mem::take(&mut shared_from[usize::from(second)]) {
                        output.copy_shared(&memory);
                        prop_assert_eq!(Arc::strong_count(&memory), 1);
                    }
                }
                Step::Discard => prop_assert_eq!(output.discard_unsent(), naive.discard()),
            }
            let pending = naive.pending();
            prop_assert_eq!(output.slices().collect::<Vec<_>>().concat(), &pending[..]);
            prop_assert!(output.slices().all(|slice| !slice.is_empty()));
            prop_assert!(pending.starts_with(output.pending()));
            prop_assert_eq!(output.len(), pending.len());
            prop_assert_eq!(output.pongs().stretches(), naive.owned().pongs().stretches());
        }
        output.transmitted(usize::MAX);
        prop_assert!(output.len() == 0 && output.reclaim().is_none_or(|buffer| buffer.0.is_empty()));
        prop_assert!(shared_from.iter().flatten().all(|memory| Arc::strong_count(memory) == 1));
    }
}
