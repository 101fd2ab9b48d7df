//! Generated DEFLATE: what a compressor may write that was never seen in the wild, and what none may.

use std::cell::RefCell;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use wsloop::proto::{Accept, ClientRequest, Config, Connection, Deflate, Message};

use super::naive;
use super::proto_world::{Counting, NOW, read, written};

/// Compressed messages, without the four bytes that are taken away.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = "[a-cé€𝄞]{0,40}".prop_flat_map(|text| (1usize..6).prop_map(move |times| text.repeat(times)));
    prop_oneof![
        4 => text.prop_map(|text| compressed(&text)),
        5 => (vec(block(), 0..4), end()).prop_map(|(blocks, end)| written_out(&blocks, end)),
        1 => (vec(block(), 0..3), end(), any::<Index>(), 0u8..8).prop_map(|(blocks, end, at, bit)| {
            let mut bytes = written_out(&blocks, end);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            bytes
        }),
        1 => vec(any::<u8>(), 0..20),
    ]
}

#[derive(Debug, Clone)]
struct Block {
    is_final: bool,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Stored(Vec<u8>),
    /// In the fixed code.
    Fixed(Vec<Symbol>),
}

#[derive(Debug, Clone, Copy)]
enum Symbol {
    Literal(u8),
    /// A length symbol from 257 on, a distance symbol, and their extra bits.
    Match(u16, u16, u8, u16),
}

/// How a message ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    /// With the head of an empty block, as it should.
    Flushed,
    /// With the last block.
    Open,
}

fn end() -> impl Strategy<Value = Ending> {
    prop_oneof![8 => Just(Ending::Flushed), 1 => Just(Ending::Open)]
}

fn block() -> impl Strategy<Value = Block> {
    let letters = vec(97u8..100, 0..30);
    let body = prop_oneof![
        1 => prop_oneof![3 => letters, 1 => vec(any::<u8>(), 0..20)].prop_map(Body::Stored),
        3 => vec(symbol(), 0..20).prop_map(Body::Fixed),
    ];
    (prop::bool::weighted(0.1), body).prop_map(|(is_final, body)| Block { is_final, body })
}

fn symbol() -> impl Strategy<Value = Symbol> {
    let near = (257u16..270, 0u16..6, any::<u8>(), any::<u16>());
    let any_match = (257u16..288, 0u16..32, any::<u8>(), any::<u16>());
    prop_oneof![
        12 => (97u8..100).prop_map(Symbol::Literal),
        1 => any::<u8>().prop_map(Symbol::Literal),
        4 => near.prop_map(|(length, distance, a, b)| Symbol::Match(length, distance, a, b)),
        1 => any_match.prop_map(|(length, distance, a, b)| Symbol::Match(length, distance, a, b)),
        // The letters of one character, so that a text may be cut within it.
        1 => select(vec![0xE2, 0x82, 0xAC]).prop_map(Symbol::Literal),
    ]
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for index in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> index & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A Huffman code, the highest of whose bits comes first.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    fn align(&mut self) {
        self.count = self.bytes.len() * 8;
    }

    fn literal(&mut self, symbol: u32) {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xC0 + symbol - 280, 8),
        }
    }
}

fn written_out(blocks: &[Block], end: Ending) -> Vec<u8> {
    let mut bits = Bits::default();
    for block in blocks {
        bits.push(u32::from(block.is_final), 1);
        match &block.body {
            Body::Stored(bytes) => {
                bits.push(0, 2);
                bits.align();
                bits.push(bytes.len() as u32, 16);
                bits.push(!bytes.len() as u32 & 0xFFFF, 16);
                bits.bytes.extend(bytes);
                bits.align();
            }
            Body::Fixed(symbols) => {
                bits.push(1, 2);
                for symbol in symbols {
                    match *symbol {
                        Symbol::Literal(byte) => bits.literal(byte.into()),
                        Symbol::Match(length, distance, length_extra, distance_extra) => {
                            bits.literal(length.into());
                            let extra = if (265..285).contains(&length) {
                                u32::from(length - 261) / 4
                            } else {
                                0
                            };
                            bits.push(length_extra.into(), extra);
                            bits.code(distance.into(), 5);
                            let extra = if (4..30).contains(&distance) {
                                u32::from(distance) / 2 - 1
                            } else {
                                0
                            };
                            bits.push(distance_extra.into(), extra);
                        }
                    }
                }
                bits.literal(256);
            }
        }
        if block.is_final {
            bits.align();
        }
    }
    if matches!(end, Ending::Flushed) {
        bits.push(0, 3);
    }
    bits.bytes
}

thread_local! {
    /// A server that compresses each message by itself.
    static SENDER: RefCell<Connection> = RefCell::new(opened(true, Deflate {
        own_no_context_takeover: true,
        min_bytes: 0,
        ..Deflate::default()
    }));
}

/// What a real compressor makes of `text`.
fn compressed(text: &str) -> Vec<u8> {
    SENDER.with_borrow_mut(|sender| {
        sender.send(Message::from(text), &mut Counting::default()).unwrap();
        let mut bytes = written(sender);
        assert_eq!(bytes[0], 0xC1);
        bytes[0] = 0x81;
        naive::frames(&bytes, false).remove(0).payload
    })
}

/// A connection, the server's or the client's, that has agreed on permessage-deflate as `deflate` wishes.
pub(crate) fn opened(server: bool, deflate: Deflate) -> Connection {
    opened_with(server, Config::default(), deflate)
}

/// The same with another configuration.
pub(crate) fn opened_with(is_server: bool, config: Config, deflate: Deflate) -> Connection {
    let own = Arc::new(Config {
        deflate: Some(deflate),
        ..config
    });
    let other = Arc::new(Config {
        deflate: Some(Deflate::default()),
        ..Config::default()
    });
    let (for_server, for_client) = if is_server { (own, other) } else { (other, own) };
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(for_client, &request, NOW, &mut Counting::default()).unwrap();
    let mut server = Connection::server(for_server, NOW);
    read(&mut server, &written(&mut client));
    server.accept(&Accept::new()).unwrap();
    read(&mut server, b"");
    read(&mut client, &written(&mut server));
    if is_server { server } else { client }
}
