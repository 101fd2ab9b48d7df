//! What is wrong with a file is shown at the right place, with what to write instead.

use super::flow_support::{check, mistake};

#[test]
fn in_files() {
    check(
        &[
            mistake("«", "nothing is deployed", "`deploy flow NAME;`"),
            mistake(
                "define flow «main flow use std end;",
                "nothing is deployed",
                "`deploy flow main;`",
            ),
            mistake(
                "«defin flow f flow use std end; deploy flow f",
                "expected a statement",
                "did you mean `define`?",
            ),
            mistake(
                "define flow f flow use std end; deploy flow f; «end",
                "closes nothing",
                "take it away",
            ),
            mistake(
                "define flow f flow use std end; deploy «f",
                "expected `flow`",
                "write `deploy flow f`",
            ),
            mistake(
                "define flow f flow use std end; deploy flow «g",
                "no flow `g`",
                "there are: `f`",
            ),
            mistake(
                "define flow main flow use std end; deploy flow «mian",
                "no flow `mian`",
                "did you mean `main`?",
            ),
            mistake(
                "define flow «f flow use std; ",
                "never closed",
                "close `define flow f` with `end`",
            ),
            mistake(
                "define flow f flow use std «deploy flow f",
                "`f` is not closed before this",
                "with `end`",
            ),
            mistake(
                "define flow f flow use std end« deploy flow f",
                "a `;` is missing",
                "write `;` here",
            ),
            mistake(
                "define «flwo f flow use std end; deploy flow f",
                "expected `connector`",
                "did you mean `flow`?",
            ),
            mistake(
                "define «x from null; define flow f flow use std end; deploy flow f",
                "does not say what `x` is",
                "write `define connector x from null`",
            ),
            mistake(
                "define flow f «use std end; deploy flow f",
                "expected `flow`",
                "write `define flow f flow … end`",
            ),
            mistake(
                "define flow f flow use std end; deploy flow f; deploy flow «f",
                "deployed twice",
                "`deploy flow NAME from f`",
            ),
            mistake(
                "define flow f flow use std end; define flow «f flow use std end; deploy flow f",
                "defined twice",
                "at t.troy:1:13",
            ),
            mistake(
                "«create connector x; define flow f flow use std end; deploy flow f",
                "can't stand here",
                "`define flow … flow … end`",
            ),
            mistake(
                "define flow f args x flow use std end; deploy flow «f",
                "needs a value for its argument `x`",
                "add `with x = … end`",
            ),
            mistake(
                "define flow f args url flow use std end; deploy flow f with «ulr = 1, url = 2 end",
                "no argument `ulr`",
                "did you mean `url`?",
            ),
            mistake(
                "use «integration::read_file; define flow f flow use std end; deploy flow f",
                "no module",
                "`integration::read_file`",
            ),
            mistake(
                "use «std::tim; define flow f flow use std end; deploy flow f",
                "no module `std::tim`",
                "did you mean `std::time`?",
            ),
            mistake(
                "use «nowhere; define flow f flow use std end; deploy flow f",
                "no module `nowhere`",
                "nowhere.tremor",
            ),
            mistake(
                "use std«.time; define flow f flow use std end; deploy flow f",
                "expected `;`",
                "`::`",
            ),
            mistake(
                "const a = «b; define flow f flow use std end; deploy flow f",
                "no constant `b`",
                "not defined",
            ),
            mistake(
                "const a = 1 «+ \"x\"; define flow f flow use std end; deploy flow f",
                "`+` can't be applied to the integer 1 and the string \"x\"",
                "worked out",
            ),
            mistake(
                "const a = «event; define flow f flow use std end; deploy flow f",
                "only in the statements of a pipeline",
                "a constant",
            ),
            mistake(
                "const «end = 1; define flow f flow use std end; deploy flow f",
                "found the keyword `end`",
                "`` `end` ``",
            ),
            mistake(
                "«fn x(a) of case _ => 1 end; define flow f flow use std end; deploy flow f",
                "functions of one's own",
                "not available yet",
            ),
            mistake(
                "«let x = 1; define flow f flow use std end; deploy flow f",
                "belongs into a script",
                "not available yet",
            ),
            mistake(
                "const a = «§; define flow f flow use std end; deploy flow f",
                "means nothing here",
                "signs",
            ),
        ],
        str::to_owned,
    );
}

/// Of the connector `x`; all else is right.
fn around_definition(definition: &str) -> String {
    format!(
        "define flow f\nflow\n  use tremor::pipelines;\n{definition};\n  create connector x;\n  create pipeline p from \
         pipelines::passthrough;\n  connect /connector/x to /pipeline/p;\n  connect /pipeline/p to /connector/x;\n\
         end;\ndeploy flow f"
    )
}

#[test]
fn in_definitions_of_connectors() {
    check(
        &[
            mistake(
                "define connector x from «ws_sever with codec = \"json\" end",
                "no kind of connector `ws_sever`",
                "did you mean `ws_server`?",
            ),
            mistake(
                "define connector «x from ws_server with config = {\"url\": \"127.0.0.1:1\"} end",
                "missing a `codec`",
                "add `codec",
            ),
            mistake(
                "define connector «x from ws_server with codec = \"json\" end",
                "`config` is missing",
                "url",
            ),
            mistake(
                "define connector x from ws_server with codec = «\"jsno\", config = {\"url\": \"127.0.0.1:1\"} end",
                "no codec `jsno`",
                "did you mean `json`?",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\n  «\"urrl\": 1, \"url\": \"127.0.0.1:1\"} end",
                "unknown key `urrl`",
                "did you mean `url`?",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": «4242} end",
                "`url` must be a string",
                "a string",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", «confg = 1, config = {\"url\": \"127.0.0.1:1\"} end",
                "unknown key `confg`",
                "did you mean `config`?",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\"},\n preprocessors = [\"separate\", «\"sperate\"] end",
                "sperate",
                "did you mean `separate`?",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\"}, reconnect = «\"none\" end",
                "`reconnect` must be a record",
                "none",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\", \"socket_options\": {«\"tcp_nodelay\": true}} end",
                "tcp_nodelay",
                "TCP_NODELAY",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\"«\n  config = {\"url\": \"127.0.0.1:1\"} end",
                "a comma is missing",
                "write `,` here",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\"«\n\"backlog\": 5} end",
                "a comma is missing",
                "write `,` here",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\" «= \"127.0.0.1:1\"} end",
                "expected `:`",
                "joined by `:`",
            ),
            mistake(
                "define connector x from ws_server with codec «: \"json\", config = {\"url\": \"127.0.0.1:1\"} end",
                "expected `=`",
                "joined by `=`",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {«url: \"127.0.0.1:1\"} end",
                "the keys of a record are strings",
                "write `\"url\"`",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\"}«",
                "an `end` is missing",
                "every `with` is closed",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": «\"127.0.0.1:1} end",
                "not closed on its line",
                "close it with",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\" «end",
                "expected `,` or `}`",
                "of line 4 is not closed",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": args.«url} end",
                "no `args`",
                "declare `args NAME`",
            ),
            mistake(
                "define connector x from ws_server args url = \"127.0.0.1:1\" with codec = \"json\", config = {\"url\": args.«ulr} end",
                "no argument `ulr`",
                "did you mean `url`?",
            ),
            mistake(
                "define connector x from ws_server args url = \"127.0.0.1:1\", «url = 1 with codec = \"json\", config = {\"url\": args.url} end",
                "declared twice",
                "take one",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", «codec = \"string\", config = {\"url\": \"127.0.0.1:1\"} end",
                "`codec` is given twice",
                "take one",
            ),
            mistake(
                "define connector x from ws_server args url = 1«;",
                "expected `with`",
                "followed by `with",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"a«\\q\"} end",
                "no escape sequence",
                "`\\\\`",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\", \"backlog\": «1e3} end",
                "`1e3` is no number",
                "1.0e3",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\", \"backlog\": «99999999999999999999} end",
                "too large",
                "18446744073709551615",
            ),
            mistake(
                "define connector x from ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\", \"backlog\": «nanos::from_seconds(1)} end",
                "no module `nanos`",
                "add `use std::time::nanos;`",
            ),
            mistake(
                "define connector x «form ws_server with codec = \"json\", config = {\"url\": \"127.0.0.1:1\"} end",
                "expected `from`",
                "did you mean `from`?",
            ),
            mistake(
                "define connector my«-x from null",
                "expected `from`, found `-`",
                "letters, digits and `_`",
            ),
        ],
        around_definition,
    );
}
