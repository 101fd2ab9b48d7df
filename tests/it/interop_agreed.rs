//! What the tests of permessage-deflate are set up with, what is agreed on, and whether what went over the wire is that.

use std::sync::Arc;

use wsloop::proto::{self, Agreed, Contexts, Deflate, Side};

use super::interop_recorder::{Recording, Wire};
use super::interop_talk::{JSON, Known, RANDOM};

/// What wsloop and the peer are told, for one conversation.
pub(crate) struct Setup {
    /// As the table calls it.
    pub(crate) name: &'static str,
    pub(crate) ours: Option<Deflate>,
    /// In JSON, as the script takes it.
    pub(crate) theirs: &'static str,
}

impl Setup {
    pub(crate) fn protocol(&self) -> Arc<proto::Config> {
        Arc::new(proto::Config {
            deflate: self.ours.clone(),
            ..proto::Config::default()
        })
    }

    /// Whether wsloop is the side to close: each setup the other than the last.
    pub(crate) const fn wsloop_closes(number: usize) -> bool {
        number % 2 == 1
    }
}

/// Who sat on the other side, and what was agreed on there.
pub(crate) struct Outcome<'a> {
    /// Its name, with the version where that is pinned.
    pub(crate) peer: &'a str,
    pub(crate) setup: &'a Setup,
    /// Wsloop's.
    pub(crate) side: Side,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) recording: Recording,
}

impl Outcome<'_> {
    /// This conversation's row in the table.
    pub(crate) fn row(&self) -> String {
        let code = |text: &Option<String>| text.as_ref().map_or("nothing".to_owned(), |text| format!("`{text}`"));
        let way = |bits: u8, alone: bool| format!("{bits}{}", if alone { ", no takeover" } else { "" });
        let (server, client) = self.agreed.map_or(("–".into(), "–".into()), |agreed| {
            (
                way(agreed.server_max_window_bits, agreed.server_no_context_takeover),
                way(agreed.client_max_window_bits, agreed.client_no_context_takeover),
            )
        });
        let role = match self.side {
            Side::Client => "server",
            Side::Server => "client",
        };
        let (offered, answered) = (code(&self.recording.offered), code(&self.recording.answered));
        let (peer, setup) = (self.peer, self.setup.name);
        format!("| {peer} | {role} | {setup} | {offered} | {answered} | {server} | {client} |")
    }

    /// Holds what went over the wire against what was agreed on.
    pub(crate) fn check(&self, known: &[Known]) {
        let recording = &self.recording;
        let (sent, received) = match self.side {
            Side::Client => (&recording.from_client, &recording.from_server),
            Side::Server => (&recording.from_server, &recording.from_client),
        };
        let row = self.row();
        assert!(sent.len() >= known.len() && received.len() >= known.len(), "{row}");
        let (Some(agreed), Some(ours)) = (self.agreed, &self.setup.ours) else {
            assert!(sent.iter().chain(received).all(|message| !message.compressed), "{row}");
            assert_eq!(recording.answered, None, "{row}");
            return;
        };
        let (own_alone, peer_alone) = match self.side {
            Side::Client => (agreed.client_no_context_takeover, agreed.server_no_context_takeover),
            Side::Server => (agreed.server_no_context_takeover, agreed.client_no_context_takeover),
        };
        let has_room = ours.contexts.budget_bytes() > TIGHT;
        for (number, (known, sent)) in known.iter().zip(sent).enumerate() {
            let expected = has_room && (known.is_fragmented || known.bytes.len() >= ours.min_bytes);
            assert_eq!(sent.compressed, expected, "message {number} of ours: {row}");
            assert_eq!(sent.frames, if known.is_fragmented { 4 } else { 1 }, "{row}");
        }
        if has_room {
            check_compression(sent, own_alone, known, &row);
        }
        assert!(received[JSON].compressed, "{row}");
        check_compression(received, peer_alone, known, &row);
    }
}

/// Room for an inflater, and for no compressor.
const TIGHT: usize = 64 << 10;

fn check_compression(wire: &[Wire], alone: bool, known: &[Known], row: &str) {
    let [first, second, ..] = wire else { panic!("{row}") };
    if first.compressed {
        // The second differs from the first in a few digits: with its context it is a few bytes.
        assert_eq!(
            second.bytes * 2 < first.bytes,
            !alone,
            "{} and then {}: {row}",
            first.bytes,
            second.bytes
        );
    }
    assert!(wire[JSON].bytes * 2 < known[JSON].bytes.len(), "{row}");
    let (noise, length) = (wire[RANDOM].bytes, known[RANDOM].bytes.len());
    // A compressor with a small window, or little memory, needs a few bytes more for each of its small blocks.
    assert!(
        noise >= length && noise < length + length / 32,
        "{noise} of {length}: {row}"
    );
}

/// Each row must stand in the table. Shows all, for whoever has to mend it.
pub(crate) fn check_table(rows: &[String]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/TESTING.md");
    let text = std::fs::read_to_string(path).unwrap();
    let missing: Vec<_> = rows
        .iter()
        .filter(|row| !text.lines().any(|line| line == *row))
        .collect();
    println!("{}", rows.join("\n"));
    assert!(missing.is_empty(), "not in docs/TESTING.md: {missing:#?}");
}
pub(crate) const fn setup(name: &'static str, ours: Option<Deflate>, theirs: &'static str) -> Setup {
    Setup { name, ours, theirs }
}

/// What wsloop can be told, with the peer left as it is; first the default.
pub(crate) fn our_setups(theirs: &'static str) -> Vec<Setup> {
    let of = |name, own_alone, peer_alone| {
        let deflate = Deflate {
            own_no_context_takeover: own_alone,
            peer_no_context_takeover: peer_alone,
            ..Deflate::default()
        };
        setup(name, Some(deflate), theirs)
    };
    let tight = Deflate {
        contexts: Contexts::new(TIGHT),
        ..Deflate::default()
    };
    let none = Deflate {
        contexts: Contexts::new(0),
        ..Deflate::default()
    };
    let mut setups = vec![
        of("default", false, false),
        of("own no takeover", true, false),
        of("peer's no takeover", false, true),
        of("neither's takeover", true, true),
        setup("memory for no compressor", Some(tight), theirs),
        setup("memory for nothing", Some(none), theirs),
        setup("off", None, theirs),
    ];
    const WINDOWS: [(&str, u8); 6] = [
        ("own window 9, peer's 14", 9),
        ("own window 10, peer's 13", 10),
        ("own window 11, peer's 12", 11),
        ("own window 12, peer's 11", 12),
        ("own window 13, peer's 10", 13),
        ("own window 14, peer's 9", 14),
    ];
    setups.extend(WINDOWS.map(|(name, bits)| {
        let deflate = Deflate {
            own_max_window_bits: bits,
            peer_max_window_bits: 23 - bits,
            ..Deflate::default()
        };
        setup(name, Some(deflate), theirs)
    }));
    setups
}

/// What the peer can be told, with wsloop at its default.
pub(crate) fn their_setups<const N: usize>(theirs: [(&'static str, &'static str); N]) -> impl Iterator<Item = Setup> {
    theirs
        .into_iter()
        .map(|(name, theirs)| setup(name, Some(Deflate::default()), theirs))
}
