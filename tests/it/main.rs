//! What is tested from outside: the public interface over real sockets, and the program as a user runs it.
//!
//! One binary, a module a subject. A new subject gets a line here, behind the features that it needs, and a sentence
//! that says what belongs there.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

// The command line: arguments, help, exit codes.
#[cfg(feature = "cli")]
mod cli_args;
// `wsloop bench` and `wsloop echo`: good servers, and each kind of bad one.
#[cfg(feature = "cli")]
mod cli_bench;
// `wsloop cert`.
#[cfg(feature = "cli")]
mod cli_cert;
// `wsloop connect`.
#[cfg(feature = "cli")]
mod cli_connect;
// `wsloop doc` and the reference.
#[cfg(feature = "cli")]
mod cli_doc;
// What `wsloop bench` writes: JSON, histogram logs, pages (rendered by Chromium where it is), comparisons.
#[cfg(feature = "cli")]
mod cli_bench_reports;
// How `wsloop run` ends, and what it says meanwhile.
#[cfg(feature = "cli")]
mod cli_signals;
// What the tests of the program share: it as a child process, folders to run in.
#[cfg(feature = "cli")]
mod cli_support;
// `wsloop test`.
#[cfg(feature = "cli")]
mod cli_test;

// Dialing on real sockets: several addresses.
#[cfg(feature = "net")]
mod engine_dialing;

// What the tests of dialing share: naive servers and proxies that remember what they heard.
#[cfg(feature = "net")]
mod dialing_support;
// Connections through proxies, good and bad.
#[cfg(feature = "net")]
mod engine_proxies;
// Redirects: followed, refused, and what they leave behind.
#[cfg(feature = "net")]
mod engine_redirects;

// HTTP on a server's own port.
#[cfg(feature = "cli")]
mod flows_http;
// Very many clients of one flow.
#[cfg(feature = "cli")]
mod flows_crowd;
// The flows under docs/flows.
#[cfg(feature = "cli")]
mod flows_documented;
// Peers of another implementation, and bare sockets.
#[cfg(feature = "cli")]
mod flows_peers;
// The secure echo service of the documentation.
#[cfg(feature = "cli")]
mod flows_secure_echo;

// The examples that do without the engine.
mod examples;
// Messages in chunks, sent and received.
mod proto_chunks;
// Messages prepared once for many connections.
mod proto_prepared;
// Whether compression is agreed on, and the memory that it may take: reserved, refused, given back.
#[cfg(feature = "deflate")]
mod proto_deflate;
// What is sent once compression is agreed on: whole, in chunks, short, opted out, dropped.
#[cfg(feature = "deflate")]
mod proto_compression;
// A naive second implementation of RFC 6455, to hold the real one against.
mod naive;
// Frames on generated traffic: `proto`, the naive implementation and tungstenite, side by side.
mod proto_differential;
// Compressed messages on generated traffic: `proto` and the naive implementation, side by side.
#[cfg(feature = "deflate")]
mod proto_differential_deflate;
// What is agreed on about compression, side by side with the naive implementation.
#[cfg(feature = "deflate")]
mod proto_differential_extensions;
// Opening handshakes on generated traffic, side by side likewise.
mod proto_differential_heads;
// Where tungstenite does otherwise, and that it does.
mod proto_differential_habits;
// Conversations with tungstenite, in which each hears what the other says.
mod proto_differential_talk;
// Generators of what a peer might send: frames.
mod proto_traffic;
// Generators of what a peer might send: DEFLATE.
#[cfg(feature = "deflate")]
mod proto_traffic_deflate;
// Generators of what a peer might send: requests and answers.
mod proto_traffic_heads;
// One connection's opening handshake, both sides: requests shown, accepted, refused.
mod proto_handshake;
// One connection's life after it is open: messages, pings, closing, time-outs, calls at the wrong time.
mod proto_life;
// Requests as real clients write them.
mod proto_real_clients;
// Answers as real servers give them.
mod proto_real_servers;
// Requests that are unusual, nearly right, wrong, or late.
mod proto_requests;
// Rules that no other test holds: what is put on the wire, and what is not.
mod proto_rules;
// The same of RFC 7692.
#[cfg(feature = "deflate")]
mod proto_rules_deflate;
// What the tests of `proto` share.
mod proto_world;
// The router: what starts and when, what flows, and how a service ends.
#[cfg(all(feature = "connectors", feature = "net"))]
mod connector_router;
// `ws_server` and `ws_client` on real sockets: who is answered, what is said at the end, how a lost peer is noticed.
#[cfg(all(feature = "connectors", feature = "net"))]
mod connector_ws;
// The ways in which Tremor's WebSocket connectors fail, by their letters.
#[cfg(feature = "cli")]
mod failure_modes;
// Events on their way when connections break, and sources that wait to hear of theirs.
#[cfg(all(feature = "connectors", feature = "net"))]
mod connector_ws_flight;
// What `ws_server` tells of connections, and what events can ask of them.
#[cfg(all(feature = "connectors", feature = "net"))]
mod connector_ws_life;
// `ws_server` and `ws_client` as parts of a whole: stops, back-pressure, slow readers, what handshakes carry.
#[cfg(all(feature = "connectors", feature = "net"))]
mod connector_ws_flow;
// Peers that stall in a handshake or never read, and what they cost the others.
#[cfg(all(feature = "net", feature = "tls"))]
mod stalled_peers;

// Interoperation with other implementations, which `tests/run` installs.
#[cfg(all(feature = "net", feature = "tls"))]
mod interop;
// Each limit of `proto`, at it and one past it.
mod hostile_limits;
// What came whole before a fault is delivered before it.
mod hostile_order;
// What hostile peers cost the echo server, in memory.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate", target_os = "linux"))]
mod hostile_server;
// What permessage-deflate is set up with, and what comes of it.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate"))]
mod interop_agreed;
// Interoperation of permessage-deflate with a browser.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate"))]
mod interop_browser;
// The same with the other implementations.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate"))]
mod interop_deflate;
// Through proxies of another implementation.
#[cfg(all(feature = "net", feature = "tls"))]
mod interop_proxies;
// A connection that is read along.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate"))]
mod interop_recorder;
// The conversation of the tests of permessage-deflate.
#[cfg(all(feature = "net", feature = "tls", feature = "deflate"))]
mod interop_talk;
// The examples that embed the loop do what they say, where the outer loop stays silent too.
#[cfg(feature = "net")]
mod examples_embedding;
// The engine: sockets that the process was started with.
#[cfg(all(feature = "net", feature = "activation"))]
mod engine_activation;
// The engine: when the kernel received what came.
#[cfg(all(feature = "net", feature = "timestamps", target_os = "linux"))]
mod engine_timestamps;
// The engine: inside another loop.
#[cfg(feature = "net")]
mod engine_nesting;
// The engine: sockets that somebody else made.
#[cfg(feature = "net")]
mod engine_adopt;
// The same, with compression agreed on already.
#[cfg(all(feature = "net", feature = "deflate"))]
mod engine_adopt_deflate;
// The engine: Unix sockets.
#[cfg(feature = "net")]
mod engine_unix;
// The engine: slow readers, water marks, pause and resume.
#[cfg(feature = "net")]
mod engine_bounds;
// Messages in chunks through the loop.
#[cfg(feature = "net")]
mod engine_chunks;
// The engine: how often the system is called for an echo.
#[cfg(feature = "net")]
mod engine_calls;
// The engine: one message for many streams.
#[cfg(all(feature = "net", feature = "deflate"))]
mod engine_broadcast;
// The engine: compressed messages.
#[cfg(all(feature = "net", feature = "deflate"))]
mod engine_deflate;
// The engine: how streams end, and draining.
#[cfg(feature = "net")]
mod engine_closing;
// The engine: what comes back of messages of all kinds.
#[cfg(feature = "net")]
mod engine_echo;
// The engine: opening handshakes, limits on them, dials that fail.
#[cfg(feature = "net")]
mod engine_opening;
// The engine: what its tests share.
#[cfg(feature = "net")]
mod engine_support;
// The engine: TLS, both sides.
#[cfg(all(feature = "net", feature = "tls"))]
mod engine_tls;
// TLS with the system's `openssl` as the peer: resumption, names, ALPN, clients' certificates; what a reload changes.
#[cfg(all(feature = "net", feature = "tls"))]
mod engine_tls_openssl;
// The example that takes renewed certificates.
#[cfg(all(feature = "net", feature = "tls"))]
mod examples_tls;
// The engine: what became of each message, and what was counted.
#[cfg(feature = "net")]
mod engine_account;
// The engine: how many connections a listener takes, in all and of one address.
#[cfg(all(feature = "net", target_os = "linux"))]
mod engine_caps;
// The engine: draining, with slow readers, paused streams, handshakes under way.
#[cfg(feature = "net")]
mod engine_drain;
// The engine: quiet connections beside a flood.
#[cfg(feature = "net")]
mod engine_fairness;
// The engine: what it tells a log.
#[cfg(all(feature = "net", feature = "log"))]
mod engine_log;
// The engine: keep-alive, round trips, idle streams.
#[cfg(feature = "net")]
mod engine_time;
// The engine: commands from other threads.
#[cfg(feature = "net")]
mod engine_threads;
// Flows: several mistakes at once, modules, warnings, what nobody uses.
#[cfg(feature = "flow")]
mod flow_checks;
// Flows: the example flows load, and are wired as they say.
#[cfg(all(feature = "flow", feature = "tls"))]
mod flow_examples;
// Flows: what is wrong with a file, where, and what to write instead.
#[cfg(feature = "flow")]
mod flow_mistakes;
// Every misconfiguration of a connector: refused with its place and its cure.
#[cfg(feature = "flow")]
mod flow_misconfigured;
#[cfg(feature = "flow")]
mod flow_misconfigured_rows;
// Flows: the same inside flows and pipelines.
#[cfg(feature = "flow")]
mod flow_mistakes_inside;
// Flows: what pipelines make of events, and which way these go.
#[cfg(feature = "flow")]
mod flow_pipelines;
// Flows: what their tests share.
#[cfg(feature = "flow")]
mod flow_support;

// TLS configurations made of what the `openssl` command writes: every form of key, and the certificates it makes by
// default.
#[cfg(feature = "tls")]
mod tls_openssl;
// Interoperation of services that the program runs.
#[cfg(feature = "cli")]
mod interop_flows;
// What a user can get wrong, and what it gets: the table in `docs/TESTING.md`, held against the tests.
#[cfg(feature = "cli")]
mod cli_bad_inputs;
// Mistakes in config files.
#[cfg(feature = "cli")]
mod cli_bad_configs;
// Mistakes in the options of connectors, codecs and processors, and in expressions.
#[cfg(feature = "cli")]
mod cli_bad_options;
// Files, modules, standard streams and limits of the system that are not what they should be.
#[cfg(feature = "cli")]
mod cli_bad_files;
// What is wrong around a good configuration: arguments, ports, disks, certificates that are shown.
#[cfg(feature = "cli")]
mod cli_bad_surroundings;
// What a client can send that it shouldn't.
#[cfg(feature = "cli")]
mod flows_bad_peers;
// What a server can answer that it shouldn't.
#[cfg(feature = "cli")]
mod flows_bad_servers;
// Whom an event reaches.
#[cfg(feature = "cli")]
mod flows_targets;
// Stimulus and observation of both WebSocket connectors, by number.
#[cfg(feature = "cli")]
mod flows_vectors;
