//! The checker itself, held against small planted breaches and against what is allowed.

use std::collections::BTreeMap;

use super::tree::Tree;
use super::walls::breaches;

const SKELETON: &[(&str, &str)] = &[
    (
        "lib.rs",
        "pub mod connector; pub mod engine; pub mod flow; pub mod proto; pub mod sys; pub mod tls;",
    ),
    (
        "connector/mod.rs",
        "mod router; pub use crate::engine::Files; pub use router::Built;",
    ),
    (
        "connector/router.rs",
        "pub struct Built; use crate::engine::{Engine, Sys}; fn f(e: Engine<impl Sys>) {}",
    ),
    (
        "engine/mod.rs",
        "mod core; mod seam; pub use self::core::{Engine, Event}; pub use seam::{Files, Sys};",
    ),
    ("engine/core.rs", "pub struct Engine<S>(S); pub enum Event { A }"),
    ("engine/seam.rs", "pub trait Files {} pub trait Sys {}"),
    ("flow/mod.rs", "pub mod run;"),
    ("flow/run.rs", "use crate::connector::Files; fn f(files: &dyn Files) {}"),
    (
        "proto/mod.rs",
        "#![no_std] pub mod wire; mod time; pub use time::Instant; pub struct Message;",
    ),
    ("proto/wire.rs", "pub struct Header;"),
    ("proto/time.rs", "pub struct Instant(u64);"),
    ("sys/mod.rs", "use crate::engine::Files; use std::net::TcpStream;"),
    ("tls/mod.rs", "use crate::proto::Instant; use rustls::ServerConfig;"),
];

fn tree(planted: &[(&str, &str)]) -> Tree {
    let files = SKELETON
        .iter()
        .chain(planted)
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
    let sources: BTreeMap<_, _> = files.collect();
    let crates = ["mio", "rustls", "httparse", "simdutf8", "smol_str", "rcgen", "log"];
    let tree = Tree::parse(&sources, crates.map(str::to_owned));
    assert!(tree.faults.is_empty(), "{:?}", tree.faults);
    tree
}

/// The breaches of the skeleton with `text` in place of, or beside, its `file`, as `line: what it leads to`.
fn plant(file: &str, text: &str) -> Vec<String> {
    let found = breaches(&tree(&[(file, text)]));
    assert!(found.iter().all(|breach| breach.file == file), "{found:?}");
    let mut found: Vec<_> = found
        .iter()
        .map(|breach| format!("{}: {}", breach.line, breach.leads_to))
        .collect();
    found.sort();
    found
}

#[test]
fn the_skeleton_is_clean() {
    let found = breaches(&tree(&[]));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn flow_may_not_know_the_engine() {
    assert_eq!(
        plant("flow/run.rs", "\nuse crate::engine::Event;"),
        ["2: engine::Event"]
    );
    assert_eq!(
        plant("flow/run.rs", "fn f(e: crate::engine::Event) {}"),
        ["1: engine::Event"]
    );
    assert_eq!(plant("flow/run.rs", "use super::super::engine as e;"), ["1: engine"]);
    // What the connectors lend by name is allowed under that name, and under no other.
    assert_eq!(plant("flow/run.rs", "use crate::engine::Files;"), ["1: engine::Files"]);
    assert_eq!(
        plant("flow/run.rs", "use crate::connector as c; fn f(x: &dyn c::Files) {}"),
        [""; 0]
    );
}

#[test]
fn sys_may_not_know_tls() {
    assert_eq!(plant("sys/mod.rs", "use crate::tls;"), ["1: tls"]);
    assert_eq!(
        plant("sys/mod.rs", "fn f() { let s = rustls::ServerConfig::builder(); }"),
        ["1: rustls::ServerConfig::builder"]
    );
}

#[test]
fn a_connector_may_not_know_frames() {
    assert_eq!(
        plant(
            "connector/router.rs",
            "pub struct Built; use crate::proto::wire::Header;"
        ),
        ["1: proto::wire::Header"]
    );
    assert_eq!(
        plant(
            "connector/router.rs",
            "pub struct Built; use crate::proto as p; fn f(h: p::wire::Header) {}"
        ),
        ["1: proto::wire::Header"]
    );
    assert_eq!(
        plant("connector/router.rs", "pub struct Built; use crate::proto::*;"),
        ["1: proto::*"]
    );
    assert_eq!(
        plant(
            "connector/router.rs",
            "pub struct Built; use crate::proto::{Instant, Message};"
        ),
        [""; 0]
    );
}

#[test]
fn the_engine_type_belongs_to_the_router() {
    let found = breaches(&tree(&[
        (
            "connector/mod.rs",
            "mod router; mod file; pub use crate::engine::Files; pub use router::Built;",
        ),
        (
            "connector/file.rs",
            "use crate::engine; fn f(e: &engine::Event, g: engine::Engine<u8>) {}",
        ),
    ]));
    let [breach] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        breach.to_string(),
        "src/connector/file.rs:1: room `connector` names `engine::core::Engine` (written `engine::Engine`): \
         row `connector` grants `engine::Engine` to src/connector/router alone"
    );
    // A file whose name only begins like the router's is another file.
    let neighbour = breaches(&tree(&[
        (
            "connector/mod.rs",
            "mod router; mod router_not; pub use crate::engine::Files; pub use router::Built;",
        ),
        ("connector/router_not.rs", "use crate::engine::Engine;"),
    ]));
    assert_eq!(neighbour.len(), 1, "{neighbour:?}");
    let glob = breaches(&tree(&[
        (
            "connector/mod.rs",
            "mod router; mod file; pub use crate::engine::Files; pub use router::Built;",
        ),
        ("connector/file.rs", "use crate::engine::*;"),
    ]));
    assert_eq!(glob.len(), 1, "{glob:?}");
}

#[test]
fn the_engine_may_not_know_mio_nor_the_clock() {
    assert_eq!(
        plant("engine/seam.rs", "pub trait Files {} pub trait Sys {} use mio::Poll;"),
        ["1: mio::Poll"]
    );
    let clock = "pub trait Files {} pub trait Sys {}\nuse std::time;\nfn f() { time::Instant::now(); }";
    assert_eq!(plant("engine/seam.rs", clock), ["3: std::time::Instant::now"]);
    let renamed = "pub trait Files {} pub trait Sys {} use std::{thread as t, time::{Duration, SystemTime as S}};";
    assert_eq!(
        plant("engine/seam.rs", renamed),
        ["1: std::thread", "1: std::time::SystemTime"]
    );
    let socket = "pub trait Files {} pub trait Sys {} use std::net::{SocketAddr, TcpStream};";
    assert_eq!(plant("engine/seam.rs", socket), ["1: std::net::TcpStream"]);
    let glob = "pub trait Files {} pub trait Sys {} use std::net::*;";
    assert_eq!(plant("engine/seam.rs", glob), ["1: std::net::*"]);
}

#[test]
fn proto_may_not_know_std() {
    assert_eq!(
        plant("proto/wire.rs", "pub struct Header; use std::vec::Vec;"),
        ["1: std::vec::Vec"]
    );
    assert_eq!(
        plant("proto/wire.rs", "pub struct Header; extern crate std as s; use s::fs;"),
        ["1: std", "1: std::fs"]
    );
    assert_eq!(
        plant(
            "proto/wire.rs",
            "pub struct Header; use alloc::vec::Vec; use core::mem;"
        ),
        [""; 0]
    );
    // Tests may use what they like.
    let tests = "pub struct Header; #[cfg(test)] mod tests { use std::fs; #[test] fn t() { std::fs::read(\"x\"); } }";
    assert_eq!(plant("proto/wire.rs", tests), [""; 0]);
    let not_tests = "pub struct Header; #[cfg(any(test, feature = \"x\"))] mod m { use std::fs; }";
    assert_eq!(plant("proto/wire.rs", not_tests), ["1: std::fs"]);
}

#[test]
fn tls_may_not_know_files() {
    assert_eq!(
        plant("tls/mod.rs", "fn f() { std::fs::read(\"key\"); }"),
        ["1: std::fs::read"]
    );
    assert_eq!(
        plant("tls/mod.rs", "use std::fs::{self, File as F};"),
        ["1: std::fs", "1: std::fs::File"]
    );
    assert_eq!(
        plant("tls/mod.rs", "fn f() { use std as s; { s::fs::read(\"key\"); } }"),
        ["1: std::fs::read"]
    );
}

#[test]
fn re_exports_lead_to_where_the_item_is_defined() {
    // The engine lends frames under a name of its own; a connector that takes them is found all the same.
    let found = breaches(&tree(&[
        (
            "engine/core.rs",
            "pub struct Engine<S>(S); pub enum Event { A } pub use crate::proto::wire as frames;",
        ),
        (
            "connector/router.rs",
            "pub struct Built; use crate::engine::frames::Header as H;",
        ),
        (
            "engine/mod.rs",
            "mod core; mod seam; pub use self::core::*; pub use seam::{Files, Sys};",
        ),
    ]));
    let [breach] = &found[..] else { panic!("{found:?}") };
    assert_eq!(
        (breach.file.as_str(), breach.leads_to.as_str()),
        ("connector/router.rs", "proto::wire::Header")
    );
}

#[test]
fn macros_and_attributes_are_looked_into() {
    assert_eq!(
        plant("flow/run.rs", "fn f() { vec![crate::engine::Event::A]; }"),
        ["1: engine::Event::A"]
    );
    assert_eq!(
        plant(
            "flow/run.rs",
            "macro_rules! m { () => { use $crate::{engine::{Event, Sys}}; } }"
        ),
        ["1: engine::Event", "1: engine::Sys"]
    );
    assert_eq!(plant("flow/run.rs", "fn f() { log::info!(\"x\"); }"), ["1: log::info"]);
    assert_eq!(
        plant("flow/run.rs", "#[derive(rcgen::Serial)] struct A;"),
        ["1: rcgen::Serial"]
    );
    assert_eq!(
        plant(
            "flow/run.rs",
            "fn f(x: A) { assert!(x.mio::<u8>() == 1, \"{}\", x.log.mio); }"
        ),
        [""; 0]
    );
}

#[test]
fn a_file_that_no_module_declares_is_a_fault() {
    let files = [("lib.rs", "mod proto;"), ("proto.rs", ""), ("stray.rs", "")];
    let sources = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let tree = Tree::parse(&BTreeMap::from(sources), []);
    assert_eq!(tree.faults, ["src/stray.rs: no module declares this file"]);
}

#[test]
fn modules_of_one_name_are_both_walked() {
    let found = breaches(&tree(&[
        (
            "tls/mod.rs",
            "#[cfg(a)] mod x;\n#[cfg(not(a))] #[path = \"other.rs\"] mod x;",
        ),
        ("tls/x.rs", "use std::fs;"),
        ("tls/other.rs", "use std::net::TcpStream;"),
    ]));
    let files: Vec<_> = found.iter().map(|breach| breach.file.as_str()).collect();
    assert_eq!(files, ["tls/other.rs", "tls/x.rs"]);
}
