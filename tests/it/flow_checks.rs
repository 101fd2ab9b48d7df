//! What is looked at besides single mistakes: all of them at once, modules, warnings, and what nobody uses.

use proptest::prelude::*;
use wsloop::flow::{Mode, Severity, Unit, load};

use super::flow_support::{Folder, good, load_in, wrong};

#[test]
fn several_at_once_in_the_order_of_the_file() {
    let text = "define flow f
flow
  define connector a from ws_srver with codec = \"json\" end;
  define connector b from ws_client with codec = \"jsn\", config = {\"url\": \"ws://h\", \"extra\": 1} end;
  create connector a; create connector b; create connector c;
  create pipeline p from passthrough;
  connect /connector/b/inn to /pipeline/p
end;
deploy flow f";
    let found = wrong(text, Mode::Run);
    let places: Vec<_> = found.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(
        places,
        [(3, 27), (4, 50), (4, 84), (5, 60), (6, 26), (7, 24)],
        "{found}"
    );

    let text = "define connector a form null wiht codec = 1 end;\ncreate connector;\nuse 5;\ndeploy flow";
    let found = wrong(text, Mode::Check);
    let lines: Vec<_> = found.iter().map(|it| it.line).collect();
    assert_eq!(lines, [1, 1, 2, 3, 4], "{found}");
}

#[test]
fn definitions_that_nobody_uses_are_checked_only_when_asked() {
    let text = "define connector unused from ws_server with codec = \"nope\" end;
define pipeline idle args x pipeline select event.a + args.y from in into out end;
define flow other args z flow create connector unused with w = args.z end end;
define flow f flow use std end; deploy flow f";
    good(text);
    let found = wrong(text, Mode::Check);
    let places: Vec<_> = found.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(places, [(1, 18), (1, 53), (2, 60), (3, 60)], "{found}");
}

#[test]
fn warnings_do_not_stop_a_flow() {
    let text = "define flow f flow
  define connector n from null with config = {} end;
  create connector n;
  define pipeline p pipeline select {\"a\": 1, \"a\": event} from in into out end;
  create pipeline p
end; deploy flow f";
    let warnings = good(text).warnings;
    let found: Vec<_> = warnings
        .iter()
        .map(|it| (it.severity, it.line, it.column, it.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Severity::Warning, 3, 20, "the connector `n` is in no `connect`"),
            (Severity::Warning, 4, 46, "the key `a` is written twice"),
        ]
    );
    assert!(
        warnings
            .to_string()
            .starts_with("warning: the connector `n` is in no `connect`")
    );
    assert!(warnings.render(true).contains("\u{1b}["));
    assert!(!warnings.render(false).contains('\u{1b}'));
}

#[test]
fn only_the_line_is_shown_however_large_the_file() {
    let many = format!("const a{} = 1;\n", "b".repeat(10_000)).repeat(100);
    let text = format!(
        "{many}const é = {}«; const c = \"\"\"\nx\n#{{nowhere}}\"\"\" + 1",
        "1 + ".repeat(100)
    )
    .replace('«', "");
    let rendered = wrong(&text, Mode::Check).to_string();
    assert!(rendered.contains("t.troy:101:411"), "{rendered}");
    assert!(
        rendered.lines().count() < 1000 && rendered.len() < 100_000,
        "{}",
        rendered.len()
    );
}

#[test]
fn modules_are_found_in_order_and_never_read_in_circles() {
    let flow = |using: &str| {
        format!(
            "{using};
             define flow f flow define connector n from null; create connector n;
               create pipeline p from m::pass; create pipeline q from m::pass;
               connect /pipeline/p to /pipeline/q; connect /pipeline/q to /connector/n end; deploy flow f"
        )
    };
    let pass = "const x = 1; define pipeline pass pipeline select x from in into out end";
    let folder = Folder::default()
        .with("more/a/m.trickle", pass)
        .with("more/a/m.troy", "this is not looked at")
        .with("lib/c/one.tremor", "use c::two;")
        .with("lib/c/two.tremor", "use c::three;")
        .with("lib/c/three.tremor", "use c::one;")
        .with("lib/deep.tremor", "use a::m; use std::time;")
        .with("lib/broken.tremor", "const a = ;\nconst b = 1");
    let load = |using: &str| load_in(&folder, &flow(using), Mode::Run);
    for using in [
        "use a::m",
        "use a::{m}",
        "use deep; use deep as m2; use a::m as m",
        "use a::m; use a::m",
    ] {
        load(using).unwrap_or_else(|wrong| panic!("{using}\n{wrong}"));
    }
    let circle = load("use a::m; use c::one").map(|_| ()).unwrap_err();
    let first = circle.iter().next().unwrap();
    assert_eq!(
        (first.file.as_str(), first.line, first.column),
        ("lib/c/three.tremor", 1, 5),
        "{circle}"
    );
    assert!(first.label.contains("c::one → c::two → c::three → c::one"), "{circle}");

    let broken = load("use a::m; use broken").map(|_| ()).unwrap_err();
    let first = broken.iter().next().unwrap();
    assert_eq!(
        (first.file.as_str(), first.line, first.column),
        ("lib/broken.tremor", 1, 11),
        "{broken}"
    );

    let twice = load("use a::m; use c::x as y; use std as m").map(|_| ()).unwrap_err();
    assert_eq!(twice.len(), 2, "{twice}");
    assert!(
        twice
            .to_string()
            .contains("looked for c/x.tremor, c/x.trickle and c/x.troy in lib, more/"),
        "{twice}"
    );
}

/// Statements that are right in themselves, with names that may not fit.
fn statements() -> impl Strategy<Value = String> {
    let name = || {
        proptest::sample::select(vec![
            "a",
            "b",
            "in",
            "out",
            "err",
            "args",
            "x::a",
            "pipelines::passthrough",
        ])
    };
    let expr = || {
        let leaf = prop_oneof![
            name().prop_map(String::from),
            proptest::sample::select(vec![
                "1", "2.5", "\"s\"", "event", "$", "event.a", "args.a", "null", "true", "[]", "{}"
            ])
            .prop_map(String::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let operator = proptest::sample::select(vec!["+", "-", "/", "==", "<", "and", "or", "<<", "%"]);
            prop_oneof![
                (inner.clone(), operator, inner.clone()).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
                inner.clone().prop_map(|it| format!("{{\"a\": {it}}}")),
                inner.clone().prop_map(|it| format!("\"#{{{it}}}\"")),
                (inner.clone(), inner.clone())
                    .prop_map(|(a, b)| format!("match {a} of case {b} => {a} case _ => {b} end")),
                inner.prop_map(|it| format!("(not ({it}))[0]")),
            ]
        })
    };
    let kind = || proptest::sample::select(vec!["null", "exit", "metronome", "ws_server", "file", "nope"]);
    let inside = prop_oneof![
        (name(), kind(), expr()).prop_map(|(n, k, e)| format!("define connector {n} from {k} with config = {e} end")),
        (name(), expr(), name(), name()).prop_map(|(n, e, i, o)| format!(
            "define pipeline {n} args a = 1 pipeline select {e} from {i} into {o} end"
        )),
        (name(), name()).prop_map(|(n, d)| format!("create connector {n} from {d}")),
        (name(), name(), expr()).prop_map(|(n, d, e)| format!("create pipeline {n} from {d} with a = {e} end")),
        (name(), name()).prop_map(|(c, p)| format!("connect /connector/{c} to /pipeline/{p}")),
        (name(), name()).prop_map(|(p, c)| format!("connect /pipeline/{p} to /connector/{c}")),
        (name(), name()).prop_map(|(p, q)| format!("connect /pipeline/{p} to /pipeline/{q}")),
        Just("use tremor::pipelines".to_owned()),
        (name(), expr()).prop_map(|(n, e)| format!("const {n} = {e}")),
    ];
    proptest::collection::vec(inside, 1..12).prop_map(|all| all.join(";\n"))
}

proptest! {
    #[test]
    fn whatever_stands_in_a_flow_it_is_loaded_or_refused(top in statements(), inside in statements()) {
        let text = format!("{top};\ndefine flow f flow\n{inside}\nend;\ndeploy flow f");
        let unit = Unit { path: "t.troy".into(), text };
        let mut folder = Folder::default();
        for mode in [Mode::Run, Mode::Check] {
            match load(std::slice::from_ref(&unit), &[], &mut folder.clone(), &mut folder, mode) {
                Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|it| it.severity == Severity::Warning)),
                Err(wrong) => prop_assert!(wrong.to_string().contains("error: ")),
            }
        }
    }
}
