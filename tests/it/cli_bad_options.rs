//! Mistakes in the options of connectors, codecs and processors, and in expressions: exit code 78.

use super::cli_bad_configs::{client_config, flow, reconnect, refused, refused_in, server, server_config};
use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{folder, run};

/// A client with TLS and this in its `tls`.
fn client_tls(tls: &str, words: &[&str]) {
    refused(
        &client_config(&format!(r#""url": "wss://127.0.0.1:1", "tls": {{{tls}}}"#)),
        &[&["config.troy:3:"], words].concat(),
    );
}

/// A file connector with this in its `config`.
fn file_config(config: &str, words: &[&str]) {
    let text = flow(&format!(
        r#"define connector c from file with codec = "json", config = {{{config}}} end"#
    ));
    refused(&text, &[&["config.troy:3:"], words].concat());
}

/// A server with this in its `config`, beside the url.
fn server_option(option: &str, words: &[&str]) {
    refused(
        &server_config(&format!(r#""url": "127.0.0.1:0", {option}"#)),
        &[&["config.troy:3:"], words].concat(),
    );
}

/// A client with this in its `config`, beside the url.
fn client_option(option: &str, words: &[&str]) {
    refused(
        &client_config(&format!(r#""url": "ws://127.0.0.1:1", {option}"#)),
        &[&["config.troy:3:"], words].concat(),
    );
}

/// A client of this url.
fn client_url(url: &str, words: &[&str]) {
    refused(
        &client_config(&format!(r#""url": "{url}""#)),
        &[&["config.troy:3:"], words].concat(),
    );
}

/// A pipeline with this select.
fn select(statement: &str, words: &[&str]) {
    refused(
        &format!(
            "define flow main flow\ndefine pipeline p pipeline\n{statement};\nend;\ncreate pipeline p;\nend; deploy flow main"
        ),
        words,
    );
}

bad_inputs! {
    limits_key: "an unknown key in `limits`" => "78, the key that is meant",
        server_option(r#""limits": {"frame_byte": 1}"#, &["frame_byte", "`frame_bytes`"]);
    limits_zero: "a limit of 0" => "78, the limit",
        server_option(r#""limits": {"frame_bytes": 0}"#, &["frame_bytes"]);
    limits_negative: "a negative limit" => "78, the limit",
        server_option(r#""limits": {"message_bytes": -5}"#, &["message_bytes"]);
    limits_contrary: "water marks in the wrong order" => "78, both names",
        server_option(r#""limits": {"low_water_bytes": 100, "high_water_bytes": 10}"#, &["low_water_bytes", "high_water_bytes"]);
    timeout_zero: "a time-out of 0" => "78, its name",
        server_option(r#""timeouts": {"opening_ms": 0}"#, &["opening_ms"]);
    timeout_text: "a time-out with a unit" => "78, its name",
        client_option(r#""timeouts": {"dial_ms": "1s"}"#, &["dial_ms"]);
    timeout_of_the_other: "a server's time-out for dialing" => "78, the time-outs there are",
        server_option(r#""timeouts": {"dial_ms": 5}"#, &["dial_ms", "opening_ms"]);
    slow_reader: "an unknown way to treat a slow reader" => "78, the ways there are",
        server_option(r#""slow_reader": "drop""#, &["slow_reader", "`close`", "`drop_newest`"]);
    subprotocol_space: "a subprotocol with a space" => "78, the subprotocol",
        server_option(r#""subprotocols": ["a b"]"#, &["`a b`", "token"]);
    subprotocol_twice: "a subprotocol that is named twice" => "78, the subprotocol",
        client_option(r#""subprotocols": ["a", "a"]"#, &["`a`", "twice"]);
    path_relative: "a path without `/`" => "78, `/`",
        server_option(r#""path": "chat""#, &["chat", "`/`"]);
    origins_text: "origins that are no list" => "78, `origins`",
        server_option(r#""origins": "http://localhost""#, &["origins"]);
    header_break: "a header with a line break" => "78, `control characters`",
        client_option(r#""headers": {"x": "a\r\ny: b"}"#, &["control characters"]);
    header_of_ours: "a header that the handshake itself sets" => "78, its name",
        client_option(r#""headers": {"Sec-WebSocket-Key": "x"}"#, &["Sec-WebSocket-Key"]);
    header_name: "a header's name with a space" => "78, the name",
        client_option(r#""headers": {"a b": "x"}"#, &["a b"]);
    buffer_negative: "a negative buffer size" => "78, `SO_RCVBUF`",
        server_option(r#""socket_options": {"SO_RCVBUF": -1}"#, &["SO_RCVBUF"]);
    socket_option_type: "a socket option of the wrong type" => "78, its name",
        server_option(r#""socket_options": {"SO_REUSEADDR": "yes"}"#, &["SO_REUSEADDR"]);
    option_of_a_server: "a client with a `backlog`" => "78, `backlog`",
        client_option(r#""backlog": 5"#, &["backlog"]);
    url_scheme: "a url of `http://`" => "78, `ws://`",
        client_url("http://127.0.0.1:1", &["http", "ws://127.0.0.1:1"]);
    url_bracket: "an IPv6 address without its bracket" => "78, the url",
        client_url("ws://[::1:4242", &["[::1:4242"]);
    url_bare_ipv6: "an IPv6 address without brackets" => "78, it with brackets",
        client_url("ws://::1", &["[::1]"]);
    url_password: "a url with a password" => "78, `headers`",
        client_url("ws://me:secret@127.0.0.1:1", &["password", "headers"]);
    url_port_zero: "a client of port 0" => "78, `port 0`", client_url("ws://127.0.0.1:0", &["port 0"]);
    url_port_text: "a port that is no number" => "78, the port", client_url("ws://127.0.0.1:http", &["http"]);
    url_space: "a url with a space" => "78, `%20`", client_url("ws://127.0.0.1:1/a b", &["%20"]);
    url_number: "a url that is a number" => "78, `url`", refused(&client_config(r#""url": 4242"#), &["config.troy:3:", "url"]);
    server_name: "a server on a name" => "78, what an address is",
        refused(&server_config(r#""url": "example.com:4242""#), &["config.troy:3:", "example.com", "127.0.0.1:4242"]);
    tls_key: "an unknown key in `tls`" => "78, the key that is meant", client_tls(r#""cafil": "x""#, &["cafil", "`cafile`"]);
    tls_domain: "a `domain` that can't be a name" => "78, the domain", client_tls(r#""domain": "a b""#, &["a b"]);
    tls_cafile_missing: "a `cafile` that isn't there" => "78, its absolute path", client_tls(r#""cafile": "nowhere.pem""#, &["/nowhere.pem", "No such file"]);
    tls_cafile_empty: "a `cafile` without a certificate" => "78, its absolute path", client_tls(r#""cafile": "config.troy""#, &["/config.troy"]);
    tls_cafile_endless: "a `cafile` without an end (`/dev/zero`)" => "78, `/dev/zero`, `too large`", client_tls(r#""cafile": "/dev/zero""#, &["/dev/zero", "too large"]);
    key_alone: "a client's key without its certificate" => "78, `cert`", client_tls(r#""key": "config.troy""#, &["`cert`"]);
    key_encrypted: "a key that is encrypted" => "78, its path", {
        let text = server_config(r#""url": "127.0.0.1:0", "tls": {"cert": "localhost.cert", "key": "secret.key"}"#);
        let key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBK\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let dir = folder(&[("config.troy", &text), ("secret.key", key)]);
        assert_eq!(run(dir.path(), &["cert"]).code, Some(0));
        refused_in(dir.path(), &["/secret.key"]);
    };
    certificate_binary: "a certificate that isn't PEM" => "78, its path", {
        let text = server_config(r#""url": "127.0.0.1:0", "tls": {"cert": "binary.cert", "key": "localhost.key"}"#);
        let dir = folder(&[("config.troy", &text)]);
        assert_eq!(run(dir.path(), &["cert"]).code, Some(0));
        std::fs::write(dir.path().join("binary.cert"), b"\x30\x82\x01\x00\xff\xfe").unwrap();
        refused_in(dir.path(), &["/binary.cert"]);
    };
    reconnect_two: "`none` and `retry` at once" => "78, `reconnect`",
        refused(&reconnect(r#"{"none": null, "retry": {"interval_ms": 1}}"#), &["config.troy:3:", "reconnect"]);
    reconnect_empty: "an empty `reconnect`" => "78, `none` and `retry`",
        refused(&reconnect("{}"), &["config.troy:3:", "`none`", "`retry`"]);
    reconnect_interval: "`retry` without an interval" => "78, `interval_ms`",
        refused(&reconnect(r#"{"retry": {}}"#), &["config.troy:3:", "interval_ms"]);
    reconnect_growth: "a growth rate that is text" => "78, `growth_rate`",
        refused(&reconnect(r#"{"retry": {"interval_ms": 1, "growth_rate": "2"}}"#), &["config.troy:3:", "growth_rate"]);
    reconnect_shrinks: "a negative growth rate" => "78, `growth_rate`",
        refused(&reconnect(r#"{"retry": {"interval_ms": 1, "growth_rate": -2}}"#), &["config.troy:3:", "growth_rate"]);
    codec_mode: "an unknown mode of `json`" => "78, the modes there are",
        refused(&server(r#"codec = {"name": "json", "config": {"mode": "sortd"}}, config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "sortd", "`sorted`"]);
    codec_record: "a codec's record with a wrong key" => "78, the key that is meant",
        refused(&server(r#"codec = {"nam": "json"}, config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "nam", "`name`"]);
    codec_number: "a codec that is a number" => "78, `codec`",
        refused(&server(r#"codec = 5, config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "codec"]);
    processor_key: "an unknown key of a preprocessor" => "78, the key that is meant",
        refused(&server(r#"codec = "json", preprocessors = [{"name": "separate", "config": {"bufferd": false}}], config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "bufferd", "`buffered`"]);
    processor_type: "an option of a preprocessor that is text" => "78, its name",
        refused(&server(r#"codec = "json", preprocessors = [{"name": "separate", "config": {"max_length": "1"}}], config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "max_length"]);
    file_chunk_zero: "a `chunk_size` of 0" => "78, `chunk_size`",
        file_config(r#""path": "x", "mode": "read", "chunk_size": 0"#, &["chunk_size"]);
    file_chunk_huge: "a `chunk_size` of 1 TiB" => "78, `chunk_size`",
        file_config(r#""path": "x", "mode": "read", "chunk_size": 1099511627776"#, &["chunk_size"]);
    file_path_empty: "a file connector with an empty path" => "78, `path`",
        file_config(r#""path": "", "mode": "read""#, &["path"]);
    metronome_zero: "a metronome with an interval of 0" => "78, `interval`",
        refused(&flow(r#"define connector c from metronome with config = {"interval": 0} end"#), &["config.troy:3:", "interval"]);
    metronome_fraction: "a metronome with an interval of 0.5" => "78, `interval`",
        refused(&flow(r#"define connector c from metronome with config = {"interval": 0.5} end"#), &["config.troy:3:", "interval"]);
    exit_delay: "an `exit` with a negative delay" => "78, `delay`",
        refused(&flow(r#"define connector c from exit with config = {"delay": -1} end"#), &["config.troy:3:", "delay"]);
    big_number: "an integer beyond 64 bits" => "78, the place",
        select("select 99999999999999999999 from in into out", &["config.troy:3:"]);
    deep_expression: "100,000 nested parentheses" => "78, no crash",
        select(&format!("select {}1{} from in into out", "(".repeat(100_000), ")".repeat(100_000)), &["config.troy:3:"]);
    long_negation: "`not` 100,000 times" => "78, no crash",
        select(&format!("select {} true from in into out", "not ".repeat(100_000)), &["config.troy:3:"]);
    select_nowhere: "a `select` into a port that isn't there" => "78, the port",
        select("select event from in into oout", &["config.troy:3:", "oout"]);
    unknown_name: "an expression with an unknown name" => "78, the name",
        select("select evnt from in into out", &["config.troy:3:", "evnt"]);
    unended_select: "a `select` without `into`" => "78, `into`",
        select("select event from in", &["config.troy:3:", "`into`"]);
    created_twice: "two instances of one name" => "78, the name",
        refused(&server_config(r#""url": "127.0.0.1:0""#).replace("create connector c;", "create connector c; create connector c;"), &["config.troy:4:", "`c`"]);
    deployed_twice: "a flow that is deployed twice" => "78, the flow",
        refused(&format!("{};\ndeploy flow main", server_config(r#""url": "127.0.0.1:0""#)), &["config.troy:8:", "main"]);
}
