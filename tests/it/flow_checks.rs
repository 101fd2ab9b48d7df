//! What is looked at besides single mistakes: all of them at once, modules, warnings, and what nobody uses.

use wsloop::flow::{Mode, Severity};

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
