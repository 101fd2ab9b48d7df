//! Compressed messages: what `proto` makes of generated DEFLATE, held against the naive implementation.
//!
//! tungstenite knows no compression.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use wsloop::proto::{Config, Deflate, Limits};

use super::naive::{self, End, Endpoint, Rule, Story};
use super::proto_differential::{configured, endpoint, tell, unlimited};
use super::proto_traffic::{config, deflated_traffic, fixed};
use super::proto_traffic_deflate::{opened_with, stream};

fn compressing(server: bool, narrow: bool, takes_over: bool, close_after: Option<usize>) -> Endpoint {
    Endpoint {
        compression: Some(takes_over),
        ..endpoint(server, narrow, close_after)
    }
}

fn ours(endpoint: Endpoint, bytes: &[u8], pieces: &[usize]) -> Story {
    let deflate = Deflate {
        peer_no_context_takeover: endpoint.compression == Some(false),
        // What it sends is looked at elsewhere.
        min_bytes: usize::MAX,
        ..Deflate::default()
    };
    let (_, config) = configured(endpoint);
    // The ratio is looked at now and then, not at each byte.
    let limits = Limits {
        inflate_ratio: u32::MAX,
        ..config.limits
    };
    let config = Config { limits, ..config };
    tell(opened_with(endpoint.server, config, deflate), endpoint, bytes, pieces)
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn generated_compression_tells_one_story(
        traffic in deflated_traffic(stream()), server: bool, narrow: bool, takes_over: bool,
        close_after in prop::option::weighted(0.2, 1usize..5),
        pieces in vec(prop_oneof![3 => 1usize..20, 1 => 20usize..2000, 2 => Just(1 << 20)], 1..4),
    ) {
        let bytes = traffic.bytes(server);
        let endpoint = compressing(server, narrow, takes_over, close_after);
        for endpoint in [endpoint, unlimited(endpoint)] {
            prop_assert_eq!(ours(endpoint, &bytes, &pieces), naive::receive(endpoint, &bytes), "{:x?}", bytes);
        }
    }
}

#[test]
fn generated_compression_reaches_good_and_bad_ends() {
    let mut runner = TestRunner::new(fixed(0));
    let mut count = BTreeMap::new();
    for case in 0..600 {
        let bytes = deflated_traffic(stream())
            .new_tree(&mut runner)
            .unwrap()
            .current()
            .bytes(case % 2 == 0);
        let story = naive::receive(
            compressing(case % 2 == 0, case % 3 == 0, case / 2 % 2 == 0, None),
            &bytes,
        );
        let name = match story.end {
            End::Broken(rule @ (Rule::Inflate | Rule::TextUtf8 | Rule::MessageLimit | Rule::ReservedBits)) => {
                format!("{rule:?}")
            }
            End::Broken(_) => "another rule".into(),
            _ => format!("messages: {}", story.seen.len().min(2)),
        };
        *count.entry(name).or_insert(0) += 1;
    }
    for name in [
        "Inflate",
        "TextUtf8",
        "MessageLimit",
        "ReservedBits",
        "messages: 1",
        "messages: 2",
    ] {
        assert!(count.get(name).is_some_and(|&count| count > 5), "{name}: {count:?}");
    }
}
