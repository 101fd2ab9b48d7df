//! What is wrong inside a flow or a pipeline is shown at the right place, with what to write instead.

use super::flow_support::{check, mistake};

/// Of the statements that follow a right flow's.
fn around_statement(statement: &str) -> String {
    format!(
        "define flow f\nflow\n  use tremor::pipelines;\n  define connector s from metronome with config = {{\"interval\": 1}} \
         end;\n  define connector n from null;\n  define pipeline two into out, Late args limit pipeline select event \
         from in where event > args.limit into late end;\n  create connector s; create connector n;\n  create pipeline \
         p from pipelines::passthrough;\n  connect /connector/s to /pipeline/p; connect /pipeline/p to /connector/n;\n\
         {statement}\nend;\ndeploy flow f"
    )
}

#[test]
fn in_creations_and_connections() {
    check(
        &[
            mistake("create connector «s", "created twice", "another name"),
            mistake(
                "create connector «ws_server",
                "no definition of a connector `ws_server`",
                "`define connector ws_server from ws_server with … end;`",
            ),
            mistake("create connector a from «other", "no connector `other`", "there are"),
            mistake(
                "create «conector a from n",
                "expected `connector`",
                "did you mean `connector`?",
            ),
            mistake(
                "create «a from n",
                "expected `connector`",
                "write `create connector a …`",
            ),
            mistake(
                "create pipeline q from «pipeline::passthrough",
                "found the keyword `pipeline`",
                "did you mean `pipelines::`?",
            ),
            mistake(
                "create pipeline q from pipelines::«passthru",
                "no pipeline `passthru` in module `pipelines`",
                "`passthrough`",
            ),
            mistake(
                "create pipeline q from «connectors::passthrough",
                "no module `connectors`",
                "add `use tremor::connectors;`",
            ),
            mistake(
                "create pipeline «q from two",
                "needs a value for its argument `limit`",
                "with limit = ",
            ),
            mistake(
                "create connector a from n with «config = 1 end",
                "no argument `config`",
                "declares no `args`",
            ),
            mistake(
                "create pipeline q from two with limit = 1, «limit = 2 end",
                "`limit` is given twice",
                "take one",
            ),
            mistake(
                "connect /connector/«x to /pipeline/p",
                "no connector `x` in this flow",
                "add `create connector x",
            ),
            mistake(
                "connect /connector/«p to /pipeline/p",
                "no connector `p`",
                "did you mean `/pipeline/p`?",
            ),
            mistake(
                "connect /connector/s/«oot to /pipeline/p",
                "has no port `oot`",
                "did you mean `out`?",
            ),
            mistake(
                "connect /connector/s/«in to /pipeline/p",
                "no port `in`",
                "`out`, `err`",
            ),
            mistake(
                "connect /pipeline/p/«in to /connector/n",
                "takes events",
                "here a port is needed that gives events: `out`, `err`",
            ),
            mistake(
                "connect «/connector/n to /pipeline/p",
                "never gives events",
                "the wrong way round",
            ),
            mistake(
                "connect /pipeline/p to /connector/n/«stdout",
                "no port `stdout`",
                "`in`",
            ),
            mistake(
                "connect «/connector/s to /connector/n",
                "two connectors",
                "`create pipeline between from pipelines::passthrough;`",
            ),
            mistake(
                "connect «connector/s to /pipeline/p",
                "expected `/connector/NAME`",
                "write `/connector/…`",
            ),
            mistake(
                "connect «s to /pipeline/p",
                "expected `/connector/NAME`",
                "write `/connector/s`",
            ),
            mistake(
                "connect /«conector/s to /pipeline/p",
                "expected `connector` or `pipeline`",
                "did you mean `connector`?",
            ),
            mistake("connect /connector/s «/pipeline/p", "expected `to`", "expected `to`"),
            mistake(
                "«conect /connector/s to /pipeline/p",
                "expected a statement",
                "did you mean `connect`?",
            ),
            mistake(
                "connect «/pipeline/p to /pipeline/p",
                "round in a circle for ever",
                "take one of the links away",
            ),
            mistake(
                "«select event from in into out",
                "can't stand here",
                "`define pipeline … pipeline … end`",
            ),
            mistake(
                "define script «x script event end",
                "scripts are not available yet",
                "not available yet",
            ),
        ],
        around_statement,
    );
}

/// Of a statement of the pipeline `q`.
fn around_select(statement: &str) -> String {
    around_statement(&format!(
        "define pipeline q into out, late args n = 1 pipeline\n  {statement}\nend;\ncreate pipeline q"
    ))
}

#[test]
fn in_pipelines() {
    check(
        &[
            mistake(
                "select event from «ni into out",
                "no port or stream `ni`",
                "did you mean `in`?",
            ),
            mistake("select event from in into «err", "no port or stream `err`", "there are"),
            mistake(
                "select event from «out into out",
                "events leave the pipeline by `out`",
                "events come from `in`",
            ),
            mistake(
                "select event from in into «in",
                "events enter the pipeline by `in`",
                "events go into `out`, `late`",
            ),
            mistake(
                "select event from in/«x into out",
                "`in` has no port `x`",
                "write only `in`",
            ),
            mistake(
                "select event from in where «1 into out",
                "must be true or false, not the integer 1",
                "",
            ),
            mistake(
                "select event from in into out «where event",
                "expected `;`",
                "before `into …`",
            ),
            mistake(
                "select event from in «having event into out",
                "expected `into`",
                "behind `into …`",
            ),
            mistake(
                "select event «in into out",
                "expected `from`, found `in`",
                "expected `from`",
            ),
            mistake(
                "select event from in«[w] into out",
                "windows are not available yet",
                "not available",
            ),
            mistake(
                "select event from in «group by event.a into out",
                "`group by` is not available yet",
                "not available",
            ),
            mistake(
                "select «aggr::stats::count() from in into out",
                "aggregates are not available yet",
                "not available",
            ),
            mistake("select args.«m from in into out", "no argument `m`", "there are: `n`"),
            mistake(
                "select event.a + «from in into out",
                "expected a value, found the keyword `from`",
                "a value",
            ),
            mistake(
                "create stream «out; select event from in into out",
                "the name `out` is taken",
                "another name",
            ),
            mistake(
                "select {\"a\": 1 «/ 0} from in into out",
                "division by zero",
                "can't be worked out",
            ),
            mistake(
                "select present «1 from in into out",
                "only paths can be present",
                "as `event.a`",
            ),
            mistake(
                "select match event of case «x = 1 => 1 end from in into out",
                "names for what a pattern found",
                "not available",
            ),
            mistake(
                "select match event of case «~ re|x| => 1 end from in into out",
                "extractors",
                "not available",
            ),
            mistake(
                "select match event of case %{ a «= 1 } => 1 end from in into out",
                "expected a comparison",
                "compared with `==`",
            ),
            mistake(
                "select «match event of end from in into out",
                "no case",
                "`case … => …`",
            ),
            mistake(
                "select «state from in into out",
                "`state` is not available yet",
                "not available",
            ),
            mistake(
                "select «for event of case (k, v) => v end from in into out",
                "`for` is not available yet",
                "not available",
            ),
            mistake("select \"a «#{}\" from in into out", "nothing stands between", "`\\#{`"),
            mistake("select «a::b::c(1) from in into out", "no module `a`", "named by `use"),
        ],
        around_select,
    );
}
