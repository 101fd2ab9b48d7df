//! Every misconfiguration of a connector is refused with its place and its cure: 181 rows.
//!
//! In each row `«` stands right before the place that is shown; then come a part of the message, and of the label or help.

use super::flow_misconfigured_rows::{KEYS, PROCESSORS};
use super::flow_support::{Mistake, check, mistake};

fn around(kind: &str, codec: &str, text: &str) -> String {
    format!(
        "define flow f\nflow\n  define connector c from {kind}\n  with\n    {codec}{text}\n  end;\n  \
         define pipeline p pipeline select event from in into out end;\n  create connector c; create pipeline p;\n  \
         connect /connector/c to /pipeline/p; connect /pipeline/p to /connector/c;\nend;\ndeploy flow f"
    )
}

fn of(kind: &'static str, codec: &'static str) -> impl Fn(&str) -> String {
    move |text| around(kind, codec, text)
}

#[test]
fn keys_beside_config() {
    check(KEYS, of("ws_server", ""));
}

#[test]
fn processors() {
    check(PROCESSORS, of("ws_server", ""));
}

#[test]
fn what_is_missing_altogether() {
    // The definition as a whole is at fault: its name is shown.
    let marked = |text: &str| around("ws_server", "", text).replace("connector c from", "connector «c from");
    check(WHOLE, marked);
}

#[test]
fn server() {
    check(SERVER, of("ws_server", "codec = \"json\", "));
}

#[test]
fn client() {
    check(CLIENT, of("ws_client", "codec = \"json\", "));
}

#[test]
fn reconnect() {
    check(RECONNECT, of("ws_client", "codec = \"json\", "));
}

#[test]
fn there_are_enough_of_them() {
    let tables = [KEYS, PROCESSORS, WHOLE, SERVER, CLIENT, RECONNECT];
    assert!(tables.iter().map(|table| table.len()).sum::<usize>() >= 120);
}

const WHOLE: &[Mistake] = &[
    mistake(
        r#"config = {"url": "127.0.0.1:1"}"#,
        r#"is missing a `codec`"#,
        r#"add `codec = "json"`"#,
    ),
    mistake(r#"codec = "json""#, r#"`config` is missing"#, r#"add `"url": …`"#),
];

const SERVER: &[Mistake] = &[
    mistake(r#"config = «{}"#, r#"lacks the key `url`"#, r#"add `"url": …`"#),
    mistake(
        r#"config = «"127.0.0.1:1""#,
        r#"`config` must be a record"#,
        r#"a record"#,
    ),
    mistake(r#"config = {"url": «7}"#, r#"`url` must be"#, r#"a string"#),
    mistake(r#"config = {"url": «""}"#, r#"can't be used as `url`"#, r#""#),
    mistake(r#"config = {"url": «":4242"}"#, r#"can't be used as `url`"#, r#""#),
    mistake(
        r#"config = {"url": «"tcp://127.0.0.1:1"}"#,
        r#"its scheme is `tcp`"#,
        r#"write `ws://127.0.0.1:1`"#,
    ),
    mistake(
        r#"config = {"url": «"https://127.0.0.1:1"}"#,
        r#"its scheme is `https`"#,
        r#"write `wss://127.0.0.1:1`"#,
    ),
    mistake(
        r#"config = {"url": «"127.0.0.1:70000"}"#,
        r#"can't be used as `url`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": «"127.0.0.1:x"}"#,
        r#"can't be used as `url`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": «"example.com:80"}"#,
        r#"a server listens on an address"#,
        r#"write `127.0.0.1:80`"#,
    ),
    mistake(
        r#"config = {"url": «"user:pw@127.0.0.1:1"}"#,
        r#"user and password have no place"#,
        r#"Authorization"#,
    ),
    mistake(
        r#"config = {"url": «"wss://127.0.0.1:1"}"#,
        r#"`wss://` needs a certificate"#,
        r#"wsloop cert"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", «"uri": 1}"#,
        r#"unknown key `uri`"#,
        r#"did you mean `url`?"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", «"prot": 1}"#,
        r#"unknown key `prot`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": «true}"#,
        r#"a server needs to know its certificate"#,
        r#"wsloop cert"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": «"yes"}"#,
        r#"`tls` must be a record"#,
        r#"a record"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": «{}}"#,
        r#"lacks the key `cert`"#,
        r#"add `"cert": …`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": «{"cert": "c.pem"}}"#,
        r#"lacks the key `key`"#,
        r#"add `"key": …`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"cert": «"nowhere.pem", "key": "k.pem"}}"#,
        r#"can't read"#,
        r#"wsloop cert"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"cert": "c.pem", "key": "k.pem", «"ca": "x"}}"#,
        r#"unknown key `ca`"#,
        r#"`cafile`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"cert": "c.pem", "key": "k.pem", "client_auth": «"maybe"}}"#,
        r#"`client_auth` can't be `maybe`"#,
        r#"`required` or `optional`"#,
    ),
    mistake(
        r#"config = {"url": "wss://127.0.0.1:1", "tls": «false}"#,
        r#"`tls` is off, but the url says `wss://`"#,
        r#"write `ws://`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "backlog": «0}"#,
        r#"`backlog` must be an integer from 1"#,
        r#"2147483647"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "backlog": «-5}"#,
        r#"`backlog` must be an integer from 1"#,
        r#"2147483647"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "backlog": «3000000000}"#,
        r#"`backlog` must be an integer from 1"#,
        r#"2147483647"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "backlog": «"128"}"#,
        r#"`backlog` must be an integer"#,
        r#"an integer"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "socket_options": {«"tcp_nodelay": true}}"#,
        r#"unknown key `tcp_nodelay`"#,
        r#"did you mean `TCP_NODELAY`?"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "socket_options": {«"SO_REUSE_PORT": true}}"#,
        r#"unknown key `SO_REUSE_PORT`"#,
        r#"did you mean `SO_REUSEPORT`?"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "socket_options": {"TCP_NODELAY": «1}}"#,
        r#"`TCP_NODELAY` must be"#,
        r#"`true` or `false`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "socket_options": «true}"#,
        r#"`socket_options` must be a record"#,
        r#"a record"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "no_delay": «"on"}"#,
        r#"`no_delay` must be"#,
        r#"`true` or `false`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "no_delay": «true, "socket_options": {"TCP_NODELAY": false}}"#,
        r#"`no_delay` says `true`"#,
        r#"keep one of the two"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "path": «"chat"}"#,
        r#"`path` must begin with `/`"#,
        r#""/chat""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "path": «"/chat?x"}"#,
        r#"`path` must begin with `/` and hold no query"#,
        r#""/chat""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "path": «[]}"#,
        r#"no path is served"#,
        r#"leave it out"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "path": ["/a", «"/a"]}"#,
        r#"`/a` is named twice"#,
        r#"take one"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "path": «7}"#,
        r#"`path` must be a string or a list"#,
        r#"a string or a list of strings"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "origins": [«"example.com"]}"#,
        r#"can't be an origin"#,
        r#"write `https://example.com`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "origins": [«"https://example.com/"]}"#,
        r#"can't be an origin"#,
        r#"write `https://example.com`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "origins": «"https://example.com"}"#,
        r#"`origins` must be a list"#,
        r#"a list"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "subprotocols": [«"a b"]}"#,
        r#"can't be the name of a subprotocol"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "subprotocols": ["a", «"a"]}"#,
        r#"`a` is named twice"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "connections": {"max": «0}}"#,
        r#"`max` must be an integer"#,
        r#"from 1 to"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "connections": {«"per_adress_max": 1}}"#,
        r#"unknown key `per_adress_max`"#,
        r#"did you mean `per_address_max`?"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "limits": {"frame_bytes": «0}}"#,
        r#"`frame_bytes` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "limits": {«"frame_size": 1}}"#,
        r#"unknown key `frame_size`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "limits": {"message_bytes": «"64M"}}"#,
        r#"`message_bytes` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "limits": «{"queued_bytes": 100, "high_water_bytes": 200}}"#,
        r#"must not be above"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "timeouts": {"opening_ms": «0}}"#,
        r#"`opening_ms` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "timeouts": {«"open_ms": 1}}"#,
        r#"unknown key `open_ms`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "timeouts": {"idle_ms": «1.5}}"#,
        r#"`idle_ms` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "slow_reader": «"drop"}"#,
        r#"`slow_reader` can't be `drop`"#,
        r#"`close` or `drop_newest`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "keep_alive": «30}"#,
        r#"`keep_alive` must be"#,
        r#"`true`, `false` or a record"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "keep_alive": {"interval_ms": «0}}"#,
        r#"`interval_ms` must be an integer from 1"#,
        r#"from 1 to"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "compression": {"level": «10}}"#,
        r#"`level` must be an integer from 0 to 9"#,
        r#"from 0 to 9"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "compression": {"server_max_window_bits": «8}}"#,
        r#"must be an integer from 9 to 15"#,
        r#"from 9 to 15"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "compression": «"on"}"#,
        r#"`compression` must be"#,
        r#"`true`, `false` or a record"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "not_text": «"text"}"#,
        r#"`not_text` can't be `text`"#,
        r#"`error` or `binary`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "http": {"health": «"healthz"}}"#,
        r#"`health` must begin with `/`"#,
        r#""/healthz""#,
    ),
];

const CLIENT: &[Mistake] = &[
    mistake(
        r#"config = {"url": «"127.0.0.1:0"}"#,
        r#"nobody can be reached on port 0"#,
        r#""#,
    ),
    mistake(r#"config = {"url": «"wss://"}"#, r#"can't be used as `url`"#, r#""#),
    mistake(
        r#"config = {"url": «"ws://h/ä"}"#,
        r#"a path is made of printable ASCII"#,
        r#"percent form"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", «"backlog": 5}"#,
        r#"unknown key `backlog`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {«"ca": "x"}}"#,
        r#"unknown key `ca`"#,
        r#"`cafile`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"cert": «"c.pem"}}"#,
        r#"`cert` without `key`"#,
        r#"add `"key": …`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"key": «"k.pem"}}"#,
        r#"`key` without `cert`"#,
        r#"add `"cert": …`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "tls": {"cafile": «"nowhere.pem"}}"#,
        r#"can't read"#,
        r#"paths begin at the working directory"#,
    ),
    mistake(
        r#"config = {"url": "wss://h", "tls": {"domain": «"a b"}}"#,
        r#""#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": «"x"}"#,
        r#"`headers` must be a record"#,
        r#"a record of header names"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": {«"a b": "x"}}"#,
        r#"`a b` can't be the name of a header"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": {«"Host": "x"}}"#,
        r#"the header `Host` is the handshake's own"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": {«"Sec-WebSocket-Protocol": "x"}}"#,
        r#"is given by the key `subprotocols`"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": {"X": «"a\nb"}}"#,
        r#"the value of a header holds no control characters"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "headers": {"X": «7}}"#,
        r#"must be"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": «{}}"#,
        r#"`auth` takes exactly one way"#,
        r#""basic""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": «{"bearer": "x", "bearer_file": "y"}}"#,
        r#"`auth` takes exactly one way"#,
        r#""basic""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": {"basic": «{"user": "u"}}}"#,
        r#"the password is missing"#,
        r#"password_file"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": {"basic": {"user": «"u:v", "password": "x"}}}"#,
        r#"a user's name holds no colon"#,
        r#""#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": {"bearer": «"a b"}}"#,
        r#"this can't be a token"#,
        r#"letters, digits"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": {"bearer_file": «"nowhere"}}"#,
        r#"can't read"#,
        r#"working directory"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "auth": «{"bearer": "x"}, "headers": {"Authorization": "y"}}"#,
        r#"both say who we are"#,
        r#"keep one of the two"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "proxy": «"ftp://h:1"}"#,
        r#"can't use the proxy"#,
        r#"socks5://host:port"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "proxy": «{"url": "http://h:1", "password": "x"}}"#,
        r#"there is a password, but no `user`"#,
        r#"add `"user": …`"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "redirects": «-1}"#,
        r#"`redirects` must be an integer from 0 to 20"#,
        r#"from 0 to 20"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "bind": «"here"}"#,
        r#"is no address of a machine"#,
        r#"an IP address"#,
    ),
    mistake(
        r#"config = {"url": "127.0.0.1:1", "unix_socket": «"/run/x", "proxy": "http://h:1"}"#,
        r#"a Unix socket is not reached through a proxy"#,
        r#"keep `unix_socket` or `proxy`"#,
    ),
];

const RECONNECT: &[Mistake] = &[
    mistake(
        r#"reconnect = «"none", config = {"url": "127.0.0.1:1"}"#,
        r#"`reconnect` must be a record"#,
        r#"write `reconnect = {"none": null}`"#,
    ),
    mistake(
        r#"reconnect = «"retry", config = {"url": "127.0.0.1:1"}"#,
        r#"`reconnect` must be a record"#,
        r#"interval_ms"#,
    ),
    mistake(
        r#"reconnect = {"none": «{}}, config = {"url": "127.0.0.1:1"}"#,
        r#"must be null"#,
        r#"null"#,
    ),
    mistake(
        r#"reconnect = «{}, config = {"url": "127.0.0.1:1"}"#,
        r#"exactly one of the keys"#,
        r#"`none` or `retry`"#,
    ),
    mistake(
        r#"reconnect = «{"none": null, "retry": {"interval_ms": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"exactly one of the keys"#,
        r#"`none` or `retry`"#,
    ),
    mistake(
        r#"reconnect = {«"custom": {}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `custom`"#,
        r#"`none` or `retry`"#,
    ),
    mistake(
        r#"reconnect = {"retry": «{}}, config = {"url": "127.0.0.1:1"}"#,
        r#"lacks the key `interval_ms`"#,
        r#"add `"interval_ms": …`"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": «-1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`interval_ms` must be an integer"#,
        r#"at least 0"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": «"1s"}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`interval_ms` must be an integer"#,
        r#"at least 0"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "growth_rate": «"2"}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`growth_rate` must be a number"#,
        r#"a number"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "growth_rate": «-1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`growth_rate` must be a number of at least 0"#,
        r#""#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "max_retries": «-1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`max_retries` must be an integer"#,
        r#"at least 0"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "randomized": «1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`randomized` must be"#,
        r#"`true` or `false`"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, «"retries": 1}}, config = {"url": "127.0.0.1:1"}"#,
        r#"unknown key `retries`"#,
        r#""#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "max_interval_ms": «0}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`max_interval_ms` must be an integer"#,
        r#"at least 1"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "jitter": «"half"}}, config = {"url": "127.0.0.1:1"}"#,
        r#"`jitter` can't be `half`"#,
        r#"`growth` or `full`"#,
    ),
    mistake(
        r#"reconnect = {"retry": {"interval_ms": 1, "randomized": false, "jitter": «"full"}}, config = {"url": "127.0.0.1:1"}"#,
        r#"but `randomized` is `false`"#,
        r#"take one of the two away"#,
    ),
];
