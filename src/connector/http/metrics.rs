//! Counters in Prometheus' text form, version 0.0.4.

use std::fmt::Write as _;
use std::string::String;

use crate::connector::ws_server::Counts;
use crate::engine::Counters;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is counted: by the connector, and by the loop beneath for all connectors together.
pub(in crate::connector) struct Told<'a> {
    pub(in crate::connector) connector: &'a str,
    pub(in crate::connector) counts: Counts,
    pub(in crate::connector) counters: Counters,
}

impl Told<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let (counts, counters) = (&self.counts, &self.counters);
        let open = counts.opened.saturating_sub(counts.ended);
        family(
            &mut text,
            "connections",
            "gauge",
            "Connections that are open.",
            self.connector,
            open,
        );
        for (name, help, value) in [
            (
                "connections_opened",
                "Connections whose opening handshake succeeded.",
                counts.opened,
            ),
            (
                "requests_refused",
                "Opening handshakes that were refused: another path, an origin that is not allowed.",
                counts.refused,
            ),
            ("messages_received", "Messages that came.", counts.messages_in),
            ("received_bytes", "Bytes of their payloads.", counts.bytes_in),
            (
                "messages_sent",
                "Messages that were taken to be sent.",
                counts.messages_out,
            ),
            (
                "messages_dropped",
                "Messages that will never be sent: the peer did not read, or the connection broke.",
                counts.messages_dropped,
            ),
            ("events", "Events that came to be sent.", counts.events_in),
            (
                "events_failed",
                "Events that could not be made frames.",
                counts.events_failed,
            ),
            (
                "events_untargeted",
                "Events that no open connection was the target of.",
                counts.events_untargeted,
            ),
        ] {
            family(
                &mut text,
                &std::format!("{name}_total"),
                "counter",
                help,
                self.connector,
                value,
            );
        }
        for (name, help, value) in [
            (
                "accepted",
                "Connections that were accepted, of all connectors.",
                counters.accepted,
            ),
            ("dialled", "Connections that were dialled.", counters.dialled),
            (
                "handshakes_refused",
                "Opening handshakes that were refused.",
                counters.handshakes_refused,
            ),
            (
                "handshakes_timed_out",
                "Handshakes that took too long.",
                counters.handshakes_timed_out,
            ),
            (
                "handshakes_broken",
                "Handshakes that broke a rule, those of TLS included.",
                counters.handshakes_broken,
            ),
            (
                "handshakes_lost",
                "Connections that were lost in their handshake.",
                counters.handshakes_lost,
            ),
            (
                "accepts_refused",
                "Connections beyond the bound for one address.",
                counters.accepts_refused,
            ),
            (
                "accepts_paused",
                "How often the system had no room for connections.",
                counters.accepts_paused,
            ),
            (
                "received_bytes",
                "Bytes that came from the system.",
                counters.bytes_received,
            ),
            (
                "sent_bytes",
                "Bytes that were given to the system.",
                counters.bytes_sent,
            ),
            ("turns", "Turns of the loop.", counters.turns),
        ] {
            let name = std::format!("loop_{name}_total");
            // Writing to memory can't fail.
            let _ = write!(
                text,
                "# HELP wsloop_{name} {help}\n# TYPE wsloop_{name} counter\nwsloop_{name} {value}\n"
            );
        }
        text
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str, connector: &str, value: u64) {
    let connector = connector
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    let _ = write!(
        text,
        "# HELP wsloop_{name} {help}\n# TYPE wsloop_{name} {kind}\nwsloop_{name}{{connector=\"{connector}\"}} {value}\n"
    );
}
