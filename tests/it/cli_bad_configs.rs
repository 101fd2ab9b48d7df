//! Mistakes in config files: shown with their place and what to write instead; exit code 78.

use std::fs;

use super::cli_bad_inputs::bad_inputs;
use super::cli_support::{Output, folder, run};

/// Checks `config.troy` with this text; it must be refused with all of `words`.
pub(crate) fn refused(text: &str, words: &[&str]) {
    refused_in(folder(&[("config.troy", text)]).path(), words);
}

pub(crate) fn refused_in(dir: &std::path::Path, words: &[&str]) {
    refusal(&run(dir, &["check", "config.troy"]), words);
    // What the check refuses does not run either.
    refusal(&run(dir, &["run", "config.troy"]), words);
}

pub(crate) fn refusal(output: &Output, words: &[&str]) {
    assert_eq!(output.code, Some(78), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    for word in words {
        assert!(output.stderr.contains(word), "{word:?} is missing in {}", output.stderr);
    }
}

/// A flow with this connector, linked to itself.
pub(crate) fn flow(connector: &str) -> String {
    format!(
        "define flow main flow\n\
         use tremor::pipelines;\n\
         {connector};\n\
         create connector c;\n\
         create pipeline p from pipelines::passthrough;\n\
         connect /connector/c to /pipeline/p; connect /pipeline/p to /connector/c;\n\
         end; deploy flow main"
    )
}

/// A server with this behind `with`; it stands in line 3.
pub(crate) fn server(with: &str) -> String {
    flow(&format!("define connector c from ws_server with {with} end"))
}

/// A server with this in its `config`.
pub(crate) fn server_config(config: &str) -> String {
    server(&format!(r#"codec = "json", config = {{{config}}}"#))
}

/// A client with this in its `config`.
pub(crate) fn client_config(config: &str) -> String {
    flow(&format!(
        r#"define connector c from ws_client with codec = "json", config = {{{config}}} end"#
    ))
}

/// A client with this as its `reconnect`.
pub(crate) fn reconnect(value: &str) -> String {
    flow(&format!(
        r#"define connector c from ws_client with codec = "json", config = {{"url": "ws://127.0.0.1:1"}}, reconnect = {value} end"#
    ))
}

/// A server with TLS from `before/localhost.cert` and `.key`, after `spoil` did something to them.
pub(crate) fn tls_server(spoil: impl FnOnce(&std::path::Path), words: &[&str]) {
    let text = server_config(
        r#""url": "127.0.0.1:0", "tls": {"cert": "before/localhost.cert", "key": "before/localhost.key"}"#,
    );
    let dir = folder(&[("config.troy", &text)]);
    assert_eq!(run(dir.path(), &["cert", "before"]).code, Some(0));
    spoil(dir.path());
    refused_in(dir.path(), words);
}

bad_inputs! {
    file_not_there: "a file that isn't there" => "78, its path and the system's reason",
        refusal(&run(folder(&[]).path(), &["run", "nowhere.troy"]), &["nowhere.troy", "No such file"]);
    directory_for_a_file: "a directory in place of a config file" => "78, `is a directory`",
        refusal(&run(folder(&[("config.troy/x", "")]).path(), &["run", "config.troy"]), &["config.troy", "directory"]);
    not_utf8: "a config file that isn't UTF-8" => "78, its path and `UTF-8`", {
        let dir = folder(&[]);
        fs::write(dir.path().join("config.troy"), b"define flow \xff").unwrap();
        refused_in(dir.path(), &["config.troy", "UTF-8"]);
    };
    second_file_missing: "two files, the second of which isn't there" => "78, the second one's path",
        refusal(&run(folder(&[("a.troy", &server_config(r#""url": "127.0.0.1:0""#))]).path(), &["run", "a.troy", "b.troy"]), &["b.troy"]);
    nothing_deployed: "`run` of a file that deploys nothing" => "78, `deploy flow`",
        refusal(&run(folder(&[("config.troy", "define flow main flow use tremor; end")]).path(), &["run", "config.troy"]), &["deploy flow"]);
    empty_file: "`run` of an empty file" => "78, `deploy flow`",
        refusal(&run(folder(&[("config.troy", "")]).path(), &["run", "config.troy"]), &["deploy flow"]);
    stray_byte: "a NUL byte in the text" => "78, its line and column",
        refused("define flow main\nflow \0 end", &["config.troy:2:6"]);
    unended_string: "a string that doesn't end" => "78, the place where it begins",
        refused("define flow main flow\n  const x = \"abc\nend", &["config.troy:2:13"]);
    unended_heredoc: "a heredoc that doesn't end" => "78, the place where it begins",
        refused("define flow main flow\n  const x = \"\"\"\nabc\nend", &["config.troy:2:13"]);
    missing_comma: "two entries without a comma between them" => "78, the place, `,`",
        refused(&server_config("\"url\": \"127.0.0.1:0\"\n\"backlog\": 5"), &["config.troy:", "`,`"]);
    equals_in_a_record: "`=` in a record" => "78, the place, `:`",
        refused(&server_config(r#""url" = "127.0.0.1:0""#), &["config.troy:3:", "`:`"]);
    missing_end: "a flow without `end`" => "78, `end`",
        refused("define flow main flow\nuse tremor::pipelines;\n", &["config.troy:", "`end`"]);
    connector_to_connector: "a connector linked to a connector" => "78, the place, `/pipeline/`",
        refused("define flow main flow\nconnect /connector/a to /connector/b;\nend", &["config.troy:2:", "pipeline"]);
    nested_too_deep: "100,000 nested brackets" => "78, no crash",
        refused(&server_config(&format!("\"url\": {}", "[".repeat(100_000))), &["config.troy:3:"]);
    unknown_kind: "an unknown kind of connector" => "78, the kind that is meant",
        refused(&flow("define connector c from ws_sever with codec = \"json\" end"), &["config.troy:3:", "ws_sever", "ws_server"]);
    unknown_codec: "an unknown codec" => "78, the codec that is meant",
        refused(&server(r#"codec = "jsn", config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "jsn", "json"]);
    unknown_preprocessor: "an unknown preprocessor" => "78, the one that is meant",
        refused(&server(r#"codec = "json", preprocessors = ["seperate"], config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "seperate", "`separate`"]);
    unknown_postprocessor: "an unknown postprocessor" => "78, the one that is meant",
        refused(&server(r#"codec = "json", postprocessors = ["base46"], config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "base46", "`base64`"]);
    processors_no_list: "preprocessors that are no list" => "78, the place",
        refused(&server(r#"codec = "json", preprocessors = "separate", config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "preprocessors"]);
    long_separator: "a separator of two bytes" => "78, `separator`",
        refused(&server(r#"codec = "json", preprocessors = [{"name": "separate", "config": {"separator": "ab"}}], config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "separator"]);
    unknown_key: "an unknown key behind `with`" => "78, the key that is meant",
        refused(&server(r#"codecs = "json", config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "codecs", "`codec`"]);
    unknown_config_key: "an unknown key in `config`" => "78, the key that is meant",
        refused(&server_config(r#""ulr": "127.0.0.1:0""#), &["config.troy:3:", "ulr", "`url`"]);
    codec_missing: "a server without a codec" => "78, `codec`",
        refused(&server(r#"config = {"url": "127.0.0.1:0"}"#), &["config.troy:3:", "codec"]);
    config_missing: "a server without a config" => "78, `config`",
        refused(&server(r#"codec = "json""#), &["config.troy:3:", "config"]);
    url_missing: "a server without a url" => "78, `url`",
        refused(&server_config(""), &["config.troy:3:", "url"]);
    url_port: "a url with port 70000" => "78, the url",
        refused(&client_config(r#""url": "ws://127.0.0.1:70000""#), &["config.troy:3:", "70000"]);
    url_host: "a url without a host" => "78, `host`",
        refused(&client_config(r#""url": "ws://:4242""#), &["config.troy:3:", "host"]);
    backlog_zero: "a backlog of 0" => "78, `backlog`",
        refused(&server_config(r#""url": "127.0.0.1:0", "backlog": 0"#), &["config.troy:3:", "backlog"]);
    backlog_text: "a backlog that is text" => "78, `backlog`",
        refused(&server_config(r#""url": "127.0.0.1:0", "backlog": "many""#), &["config.troy:3:", "backlog"]);
    socket_option_case: "a socket option in lower case" => "78, the right spelling",
        refused(&server_config(r#""url": "127.0.0.1:0", "socket_options": {"tcp_nodelay": true}"#), &["config.troy:3:", "TCP_NODELAY"]);
    no_delay_contrary: "`no_delay` and `TCP_NODELAY` that disagree" => "78, both names",
        refused(&client_config(r#""url": "ws://127.0.0.1:1", "no_delay": true, "socket_options": {"TCP_NODELAY": false}"#), &["config.troy:3:", "no_delay", "TCP_NODELAY"]);
    server_tls_true: "`tls: true` for a server" => "78, `cert` and `key`",
        refused(&server_config(r#""url": "127.0.0.1:0", "tls": true"#), &["config.troy:3:", "cert", "key"]);
    server_tls_without_key: "a server's `tls` without a key" => "78, `key`",
        refused(&server_config(r#""url": "127.0.0.1:0", "tls": {"cert": "config.troy"}"#), &["config.troy:3:", "`key`"]);
    server_wss_without_tls: "a server with a `wss://` url and no certificate" => "78, `tls`",
        refused(&server_config(r#""url": "wss://127.0.0.1:0""#), &["config.troy:3:", "tls"]);
    client_wss_tls_false: "a client with `wss://` and `tls: false`" => "78, `tls`",
        refused(&client_config(r#""url": "wss://127.0.0.1:1", "tls": false"#), &["config.troy:3:", "tls"]);
    client_cert_alone: "a client's certificate without its key" => "78, `key`",
        refused(&client_config(r#""url": "wss://127.0.0.1:1", "tls": {"cert": "config.troy"}"#), &["config.troy:3:", "key"]);
    certificate_not_there: "a certificate that isn't there" => "78, its absolute path",
        tls_server(|dir| fs::remove_file(dir.join("before/localhost.cert")).unwrap(), &["/before/localhost.cert", "No such file"]);
    certificate_a_directory: "a directory in place of a certificate" => "78, its absolute path, `directory`",
        tls_server(|dir| {
            fs::remove_file(dir.join("before/localhost.cert")).unwrap();
            fs::create_dir(dir.join("before/localhost.cert")).unwrap();
        }, &["/before/localhost.cert", "directory"]);
    certificate_garbage: "a certificate file without a certificate" => "78, its path",
        tls_server(|dir| fs::write(dir.join("before/localhost.cert"), "garbage").unwrap(), &["localhost.cert"]);
    key_of_another: "a key that isn't the certificate's" => "78, `key`",
        tls_server(|dir| {
            assert_eq!(run(dir, &["cert", "other"]).code, Some(0));
            fs::rename(dir.join("other/localhost.key"), dir.join("before/localhost.key")).unwrap();
        }, &["key"]);
    key_is_a_certificate: "a certificate in place of a key" => "78, the path",
        tls_server(|dir| {
            fs::copy(dir.join("before/localhost.cert"), dir.join("before/localhost.key")).unwrap();
        }, &["localhost.key"]);
    reconnect_text: "`reconnect = \"none\"`" => "78, how it is written",
        refused(&reconnect(r#""none""#), &["config.troy:3:", "reconnect"]);
    reconnect_unknown: "an unknown way to reconnect" => "78, `none` and `retry`",
        refused(&reconnect(r#"{"custom": {}}"#), &["config.troy:3:", "custom", "`retry`"]);
    reconnect_negative: "a negative number of retries" => "78, `max_retries`",
        refused(&reconnect(r#"{"retry": {"interval_ms": 1, "max_retries": -1}}"#), &["config.troy:3:", "max_retries"]);
    file_without_path: "a file connector without a path" => "78, `path`",
        refused(&flow(r#"define connector c from file with codec = "json", config = {"mode": "write"} end"#), &["config.troy:3:", "path"]);
    file_mode: "a file connector with an unknown mode" => "78, the modes there are",
        refused(&flow(r#"define connector c from file with codec = "json", config = {"path": "x", "mode": "wirte"} end"#), &["config.troy:3:", "wirte", "`write`"]);
    metronome_without_interval: "a metronome without an interval" => "78, `interval`",
        refused(&flow("define connector c from metronome with config = {} end"), &["config.troy:3:", "interval"]);
    create_undefined: "an instance of something that isn't defined" => "78, its name",
        refused("define flow main flow\ncreate connector srv;\nend; deploy flow main", &["config.troy:2:", "srv"]);
    connect_undefined: "a link to a pipeline that isn't there" => "78, the one that is meant",
        refused(&server_config(r#""url": "127.0.0.1:0""#).replace("to /pipeline/p;", "to /pipeline/q;"), &["config.troy:6:", "`q`"]);
    unknown_port: "a link to a port that isn't there" => "78, the ports there are",
        refused(&server_config(r#""url": "127.0.0.1:0""#).replace("/connector/c to", "/connector/c/outt to"), &["config.troy:6:", "outt", "`out`"]);
    unknown_module: "a module that is nowhere" => "78, its name, `TREMOR_PATH`",
        refused("define flow main flow\nuse nowhere;\nend", &["config.troy:2:", "nowhere", "TREMOR_PATH"]);
    unknown_member: "a name that a module doesn't have" => "78, the one that is meant",
        refused(&server_config(r#""url": "127.0.0.1:0""#).replace("passthrough", "passthru"), &["config.troy:5:", "passthru", "passthrough"]);
    defined_twice: "a connector that is defined twice" => "78, its name",
        refused("define flow main flow\ndefine connector x from exit;\ndefine connector x from exit;\nend; deploy flow main", &["config.troy:3:", "`x`"]);
    deploy_unknown: "a flow that is deployed and isn't defined" => "78, the flow that is meant",
        refused("define flow main flow\nuse tremor::pipelines;\nend;\ndeploy flow mian", &["config.troy:4:", "mian", "main"]);
    missing_argument: "an argument that is required and isn't given" => "78, its name",
        refused(&flow("define connector c from ws_server args url with codec = \"json\", config = {\"url\": args.url} end"), &["config.troy:", "url"]);
    unknown_argument: "an argument that isn't declared" => "78, its name",
        refused(&server_config(r#""url": "127.0.0.1:0""#).replace("create connector c;", "create connector c with prot = 1 end;"), &["config.troy:4:", "prot"]);
    several_at_once: "three mistakes in one file" => "78, all three of them",
        refused("define flow main flow\ncreate connector y;\ncreate pipeline z;\ncreate connector c from nowhere::c;\nend; deploy flow main", &["config.troy:2:", "config.troy:3:", "config.troy:4:"]);
}
