use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::ast::{Expr, ExprKind, Piece, Root, Step};
use super::super::diagnostic::Diagnostics;
use super::super::source::Sources;
use super::*;

fn parsed(text: &str) -> (Vec<Statement>, Diagnostics) {
    let mut sources = Sources::default();
    let mut reports = Reports::default();
    let source = sources.add("t.troy", text);
    let (statements, _) = parse(source, text, false, &mut reports);
    (statements, Diagnostics::new(&Arc::new(sources), reports.into_vec()))
}

/// The expression, with a parenthesis around each operation.
fn shape(text: &str) -> String {
    let (statements, diagnostics) = parsed(&format!("const x = {text}"));
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics}");
    let [Statement::Const(constant)] = &statements[..] else {
        panic!("{statements:?}")
    };
    let mut out = String::new();
    write_shape(&constant.value, &mut out);
    out
}

fn write_shape(expr: &Expr, out: &mut String) {
    match &expr.kind {
        ExprKind::Literal(value) => write!(out, "{value:?}").unwrap(),
        ExprKind::Text(pieces) => {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => write!(out, "<{text}>").unwrap(),
                    Piece::Value(expr) => write_shape(expr, out),
                }
            }
        }
        ExprKind::Unary(operator, operand) => {
            write!(out, "({} ", operator.text()).unwrap();
            write_shape(operand, out);
            out.push(')');
        }
        ExprKind::Binary(operator, _, operands) => {
            out.push('(');
            write_shape(&operands.0, out);
            write!(out, " {} ", operator.text()).unwrap();
            write_shape(&operands.1, out);
            out.push(')');
        }
        ExprKind::Present { negated, path } => {
            out.push_str(if *negated { "(absent " } else { "(present " });
            write_shape(path, out);
            out.push(')');
        }
        ExprKind::Get(root, steps) => {
            match &**root {
                Root::Event => out.push_str("event"),
                Root::Meta => out.push('$'),
                Root::Args => out.push_str("args"),
                Root::Name(path) => out.push_str(&path.name.name),
                Root::Expr(expr) => write_shape(expr, out),
            }
            for step in steps {
                match step {
                    Step::Field(name) => write!(out, ".{}", name.name).unwrap(),
                    Step::Index(index) => {
                        out.push('[');
                        write_shape(index, out);
                        out.push(']');
                    }
                    Step::Range(range, _) => {
                        out.push('[');
                        write_shape(&range.0, out);
                        out.push(':');
                        write_shape(&range.1, out);
                        out.push(']');
                    }
                }
            }
        }
        other => write!(out, "{other:?}").unwrap(),
    }
}

#[test]
fn each_operator_binds_as_tightly_as_its_place_in_the_table_says() {
    let table: [&[&str]; 10] = [
        &["or"],
        &["xor"],
        &["and"],
        &["^"],
        &["&"],
        &["==", "!="],
        &[">=", ">", "<=", "<"],
        &[">>", ">>>", "<<"],
        &["+", "-"],
        &["*", "/", "%"],
    ];
    for (level, operators) in table.iter().enumerate() {
        for a in *operators {
            for b in *operators {
                assert_eq!(shape(&format!("x {a} y {b} z")), format!("((x {a} y) {b} z)"));
            }
            for b in table[level + 1..].iter().copied().flatten() {
                assert_eq!(shape(&format!("x {a} y {b} z")), format!("(x {a} (y {b} z))"));
                assert_eq!(shape(&format!("x {b} y {a} z")), format!("((x {b} y) {a} z)"));
            }
        }
    }
    assert_eq!(shape("-x * y"), "((- x) * y)");
    assert_eq!(shape("not present event.a and x"), "((not (present event.a)) and x)");
    assert_eq!(shape("not x == y"), "((not x) == y)");
    assert_eq!(shape("!x + y"), "((! x) + y)");
    assert_eq!(shape("- not x"), "(- (not x))");
    assert_eq!(shape("(x + y) * z"), "((x + y) * z)");
}

#[test]
fn paths() {
    for text in [
        "event",
        "$",
        "$.a",
        "event.a.b",
        "args.x",
        "event[Int(0)].b",
        "$.ws_server[String(\"binary\")]",
    ] {
        let source = text.replace("Int(0)", "0").replace("String(\"binary\")", "\"binary\"");
        assert_eq!(shape(&source), text);
    }
    assert_eq!(shape("$ws_server.peer"), "$.ws_server.peer");
    assert_eq!(shape("event.end.`select`"), "event.end.select");
    assert_eq!(shape("event.a[1:x]"), "event.a[Int(1):x]");
    assert_eq!(shape("(event).a"), "event.a");
    assert_eq!(shape("`state`"), "state");
}

#[test]
fn literals() {
    assert_eq!(shape("0xFF"), "Int(255)");
    assert_eq!(shape("18_446_744_073_709_551_615"), "UInt(18446744073709551615)");
    assert_eq!(shape("1.5e3"), "Float(1500.0)");
    assert_eq!(
        shape(r##""a\"\\\b\f\n\r\t\#{\u00e9\ud83d\ude00#""##),
        "String(\"a\\\"\\\\\\u{8}\\u{c}\\n\\r\\t#{é😀#\")"
    );
    assert_eq!(shape(r##""a#{ x + 1 }b#{"c#{y}"}""##), "<a>(x + Int(1))<b><c>y");
    assert_eq!(
        shape("\"\"\"\n  a \"b\" \\n\n#{x}\\#{y}\n\"\"\""),
        "<  a \"b\" \\n\n>x<#{y}\n>"
    );
    assert_eq!(shape("\"\"\" \n\"\"\""), "String(\"\")");
}

#[test]
fn trailing_commas_and_semicolons_are_optional() {
    for text in [
        "const a = [1, 2,]; const b = {\"x\": 1,};",
        "const a = [1, 2];; const b = {\"x\": 1}",
        "define connector a from null",
        "define connector a from ws_server args x, y = 1, with codec = \"json\", end;",
        "define pipeline p from a, b into c, d args e pipeline select event from a into c; end",
        "define flow f args x flow create connector y; end; deploy flow f with x = 1 end",
        "define flow f flow use a::{b, c::{d, e as f},}; connect / connector / a to /pipeline/b/in end",
        "#!config metrics_interval_s = 5\n### module\n## doc\ndefine connector a from exit;",
    ] {
        let (_, diagnostics) = parsed(text);
        assert!(diagnostics.is_empty(), "{text}\n{diagnostics}");
    }
}

#[test]
fn depth_is_bounded_by_a_diagnostic_wherever_it_comes_from() {
    let many = 100_000;
    for text in [
        format!("const x = {}", "(".repeat(many)),
        format!("const x = {}", "[".repeat(many)),
        format!("const x = {}", "{\"a\":".repeat(many)),
        format!("const x = {}1", "-".repeat(many)),
        format!("const x = {}1", "not ".repeat(many)),
        format!("const x = {}", "match ".repeat(many)),
        format!("const x = match 1 of case {}", "%(".repeat(many)),
        format!("const x = match 1 of case {}", "%{a ~= ".repeat(many)),
        format!("const x = 1{}", " + 1".repeat(many)),
        format!("const x = {}", "a[".repeat(many)),
        format!("const x = {}", "a(".repeat(many)),
        format!("const x = {}", "\"#{".repeat(200) + &"}\"".repeat(200)),
        "define pipeline p pipeline ".repeat(many),
        format!("use {}", "a::{".repeat(many)),
    ] {
        let (_, diagnostics) = parsed(&text);
        let first = diagnostics
            .iter()
            .next()
            .map(|it| it.message.clone())
            .unwrap_or_default();
        assert!(
            diagnostics
                .iter()
                .any(|it| it.message.contains("lie within one another")),
            "{} {first}",
            &text[..40]
        );
    }
}

#[test]
fn whatever_follows_whatever_the_parser_comes_to_an_end() {
    let openers = [
        "",
        "define connector a from b with",
        "define connector a from b with c = 1",
        "define connector a from b args",
        "define pipeline p",
        "define pipeline p pipeline",
        "define pipeline p from a,",
        "define flow f",
        "define flow f flow",
        "create",
        "create pipeline a from b with",
        "connect /connector/a",
        "deploy flow f with",
        "use a::{",
        "use a",
        "const a = [",
        "const a = {",
        "const a = {\"k\"",
        "const a = f(",
        "const a = b[",
        "const a = match 1 of",
        "const a = match 1 of case",
        "const a = match 1 of case %{",
        "const a = match 1 of case %(1",
        "define script s",
        "define pipeline p pipeline select",
        "define pipeline p pipeline select event from in",
        "fn x",
        "const a = present",
    ];
    let words = [
        ")",
        "]",
        "}",
        "end",
        ";",
        ",",
        "=",
        ":",
        "::",
        "with",
        "define",
        "a",
        "1",
        "\"s\"",
        "\"",
        "§",
        "from",
        "case",
        "=>",
        "%{",
        "-",
        "/",
        "pipeline",
        "flow",
        "connector",
        "deploy",
        "|x|",
        "...",
        "`a`",
        "merge",
    ];
    for opener in openers {
        for first in words {
            for second in words {
                parsed(&format!("{opener} {first} {second} {first}"));
            }
        }
    }
}

/// Words of the language, so that random texts come further than the first mistake.
fn words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => proptest::sample::select(super::super::token::Keyword::TEXTS).prop_map(String::from),
        4 => proptest::sample::select(vec![
            "a", "b", "in", "out", "ws_server", "/", "::", ";", ",", "=", ":", "{", "}", "[", "]", "(", ")", "\"k\"", "\"#{",
            "}\"", "1", "1.5", "=>", "==", "%{", "%(", "...", "$", ".", "+", "-", "\n", "#", "\"\"\"", "|x|", "~", "_",
        ]).prop_map(String::from),
        1 => "\\PC{0,3}",
    ];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic_or_the_renderer(text in prop_oneof!["\\PC*", words()]) {
        let (_, diagnostics) = parsed(&text);
        prop_assert_eq!(diagnostics.render(false).is_empty(), diagnostics.is_empty());
    }
}
