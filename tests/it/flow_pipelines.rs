//! What pipelines make of events, and which way these go.

use std::sync::Arc;

use wsloop::connector::api::Wiring;
use wsloop::connector::{ConnectorId, Event, Origin, Origins, Port};
use wsloop::flow::{Graph, MAX_STEPS};

use super::flow_support::{good, results, send, value};

/// A flow with a source `s` (number 0), the pipeline `p` of which the definition is given, and the sinks `out` (1) and
/// `err` (2) on its ports of these names.
fn graph_of(pipeline: &str) -> Graph {
    let text = format!(
        "const top = 40;
         define flow f flow
           use std::time::nanos;
           const half = 2;
           define connector source from metronome with config = {{\"interval\": 1}} end;
           define connector sink from null;
           {pipeline};
           create connector s from source; create connector out from sink; create connector err from sink;
           create pipeline p;
           connect /connector/s to /pipeline/p;
           connect /pipeline/p to /connector/out; connect /pipeline/p/err to /connector/err
         end; deploy flow f"
    );
    good(&text).deployment.graph
}

fn select(expr: &str) -> Graph {
    graph_of(&format!(
        "define pipeline p args n = 7, r = {{\"a\": [1, 2]}} pipeline select {expr} from in into out end"
    ))
}

const EVENT: &str = r#"{"a":1,"b":[10,20,30],"s":"x","n":null,"t":true,"deep":{"k":{"l":2}},"key":"a","f":2.5}"#;
const META: &str = r#"{"ws_server":{"tls":false,"peer":{"host":"h","port":9}}}"#;

#[test]
fn expressions() {
    for (expr, expected) in [
        // Literals and paths.
        ("event.a", "1"),
        ("event.deep.k.l", "2"),
        ("event[\"deep\"].k[\"l\"]", "2"),
        ("event.b[0]", "10"),
        ("event.b[event.a]", "20"),
        ("event[event.key]", "1"),
        ("event.b[1:3]", "[20,30]"),
        ("event.b[1:1]", "[]"),
        ("(event.deep).k", r#"{"l":2}"#),
        ("$ws_server.peer.port", "9"),
        ("$[\"ws_server\"].tls", "false"),
        ("$.ws_server.peer.host", "\"h\""),
        ("args.n + half + top", "49"),
        ("args.r.a[1]", "2"),
        ("args", r#"{"n":7,"r":{"a":[1,2]}}"#),
        ("nanos::from_seconds(event.a)", "1000000000"),
        ("[1, event.a, [], {}]", "[1,1,[],{}]"),
        (
            r##"{"k#{event.a}": event.s, "z": {"y": event.n}}"##,
            r#"{"k1":"x","z":{"y":null}}"#,
        ),
        (r##"{"#{event.b}": 1}"##, r#"{"[10,20,30]":1}"#),
        // Strings.
        (
            r##""a#{event.a}b#{event.s}c#{event.deep}d#{event.f}#{true}""##,
            r#""a1bxc{\"k\":{\"l\":2}}d2.5true""#,
        ),
        ("\"\"\"\n  a\n#{event.s}\"\"\"", r#""  a\nx""#),
        (r#""a" + event.s"#, r#""ax""#),
        // Numbers.
        ("event.a + 1 * 2 - 3", "0"),
        ("7 / 2", "3.5"),
        ("4 / event.a", "4.0"),
        ("7 % 4 + event.a", "4"),
        ("7.5 % event.f", "0.0"),
        ("-event.a", "-1"),
        ("+event.f", "2.5"),
        ("-9223372036854775808 + 0 * event.a", "-9223372036854775808"),
        ("18446744073709551615 - event.a", "18446744073709551614"),
        ("9223372036854775807 + event.a", "9223372036854775808"),
        ("0xff & 0x0f ^ event.a", "14"),
        ("1 << 4 >> event.a", "8"),
        ("-8 >> event.a", "-4"),
        ("-1 >>> 63 + 0 * event.a", "1"),
        ("!event.a", "-2"),
        // Records and lists.
        ("event.b + [1]", "[10,20,30,1]"),
        ("event.deep + {\"k\": 1, \"m\": 2}", r#"{"k":1,"m":2}"#),
        // Truth.
        ("event.a == 1.0", "true"),
        ("event.a != \"1\"", "true"),
        ("event.deep == {\"k\": {\"l\": 2}}", "true"),
        ("[1] == [1.0] and event.t", "true"),
        ("event.a < 2 and event.s >= \"x\"", "true"),
        ("event.f <= 2 or event.f > 2", "true"),
        ("event.t xor true", "false"),
        ("not event.t or event.t", "true"),
        ("false and event.missing", "false"),
        ("true or event.missing", "true"),
        ("event.t ^ event.t", "false"),
        ("not event.a == 1 or true", "fault"),
        // Presence.
        ("present event.a", "true"),
        ("present event.deep.k.x", "false"),
        ("present event.a.b.c", "false"),
        ("present event.b[2]", "true"),
        ("absent event.b[3]", "true"),
        ("absent $binary", "true"),
        ("present args.n and present args.r.a", "true"),
        ("present args.x or absent args.r.b", "true"),
        ("present event.n", "true"),
        // match
        (
            "match event.a of case 0 => \"zero\" case 1 => \"one\" case _ => \"many\" end",
            "\"one\"",
        ),
        (
            "match event of case %{a == 2} => 1 case %{present s, absent q, f > 2} => 2 default => 3 end",
            "2",
        ),
        (
            "match event of case %{deep ~= %{k ~= %{l == 2}}} => event.key case _ => 0 end",
            "\"a\"",
        ),
        (
            "match event.b of case %[20] => \"has\" case _ => \"not\" end",
            "\"has\"",
        ),
        (
            "match event.b of case %(10, _) => 1 case %(10, _, ...) => 2 case _ => 3 end",
            "2",
        ),
        ("match event.b of case %(_, 20, 30) => 1 case _ => 3 end", "1"),
        (
            "match event.a of case _ when event.f > 3 => 1, case _ when event.t => 2; case _ => 3 end",
            "2",
        ),
        ("match event.s of case \"x\" => event.a, event.f end + 1", "3.5"),
        ("match 1 of case 1 => \"known\" end", "\"known\""),
    ] {
        let found = results(&mut select(expr), EVENT, META);
        if expected == "fault" {
            assert!(found.is_err(), "{expr}: {found:?}");
        } else {
            assert_eq!(found, Ok(vec![expected.to_owned()]), "{expr}");
        }
    }
}

#[test]
fn faults_lose_the_event_and_tell_the_place() {
    for (expr, fault) in [
        (
            "event.x",
            "Trying to access a non existing event key `x`; there are: `a`, `b`",
        ),
        (
            "$binary",
            "Trying to access a non existing meta key `binary`; there are: `ws_server`",
        ),
        ("event.n.x", "non existing event key `x`: there is only null"),
        ("event.a.x", "the integer 1 has no field `x`"),
        ("event.b[3]", "there is no item 3 in a list of 3"),
        ("event.b[-1]", "there is no item -1 in a list of 3"),
        ("event.b.x", "a list has no field `x`"),
        ("event.b[true]", "a list has no item the boolean true"),
        ("event.b[2:1]", "no range 2:1 in a list of 3"),
        ("event.s[0]", "the integer 0 is no key of the string \"x\""),
        (
            "event.a + event.s",
            "`+` can't be applied to the integer 1 and the string \"x\"",
        ),
        ("event.a < event.s", "`<` can't be applied"),
        ("event.a and true", "`and` can't be applied"),
        ("not event.a", "`not` can't be applied to the integer 1"),
        ("-event.s", "`-` can't be applied to the string \"x\""),
        ("1 / (event.a - 1)", "division by zero"),
        ("1 % (event.a - 1)", "division by zero"),
        ("18446744073709551615 + event.a", "no integer of 64 bits"),
        ("1 << (event.a + 63)", "by 0 to 63 bits, not by 64"),
        ("1.0e308 * (event.a * 10)", "too large for a float"),
        ("match event.a of case 2 => 1 end", "no case matches the integer 1"),
        (
            "match event.a of case _ when event.s => 1 end",
            "a guard must be true or false, not the string \"x\"",
        ),
        (
            "nanos::from_seconds(event.s)",
            "nanos::from_seconds: expected a number, found the string \"x\"",
        ),
    ] {
        let found = results(&mut select(expr), EVENT, META).expect_err(expr);
        assert!(
            found.contains(fault) && found.contains("t.troy:7:") && found.ends_with("; the event is lost"),
            "{found}"
        );
    }
}

#[test]
fn where_and_having_choose() {
    let mut graph = graph_of(
        "define pipeline p pipeline
           create stream big;
           select event.v from in where event.v > 10 into big;
           select event * 2 from big into out having event < 100;
           select event.v from in where event.v <= 10 into err
         end",
    );
    let mut arrives = |event: &str| results(&mut graph, event, "{}");
    assert_eq!(arrives(r#"{"v":11}"#), Ok(vec!["22".into()]));
    assert_eq!(arrives(r#"{"v":50}"#), Ok(vec![]));
    assert_eq!(arrives(r#"{"v":10}"#), Ok(vec!["10".into()]));
    let lost = arrives(r#"{"w":10}"#).unwrap_err();
    assert!(
        lost.starts_with("t.troy:9:47: Trying to access a non existing event key `v`"),
        "{lost}"
    );
    let mut graph = graph_of("define pipeline p pipeline select event from in where event into out end");
    assert!(
        results(&mut graph, "1", "{}")
            .unwrap_err()
            .contains("`where` must be true or false, not the integer 1")
    );
}

#[test]
fn everything_but_the_value_is_kept() {
    let mut graph = graph_of("define pipeline p pipeline select {\"v\": event} from in into out end");
    let origin = |stream| Origin {
        connector: ConnectorId(0),
        stream,
    };
    let event = Event {
        value: value("1"),
        meta: value(META),
        origins: Origins::Many(Arc::new(vec![origin(4), origin(9)])),
        ingest_ns: 77,
        is_error: true,
        ..Event::default()
    };
    let (deliveries, log) = send(&mut graph, event.clone());
    assert!(log.is_empty());
    let [delivery] = &deliveries[..] else {
        panic!("{deliveries:?}")
    };
    assert_eq!((delivery.to, delivery.port), (ConnectorId(1), Port::In));
    assert_eq!(
        delivery.event,
        Event {
            value: value("{\"v\":1}"),
            ..event
        }
    );
}

#[test]
fn pipelines_lead_to_pipelines_and_contain_them() {
    let text = "define flow f flow
        use tremor::pipelines;
        define connector source from metronome with config = {\"interval\": 1} end;
        define connector sink from stdio with codec = \"json\" end;
        define pipeline add args n pipeline select event + args.n from in into out end;
        define pipeline outer from a, B into x, y args n pipeline
          use tremor::pipelines;
          create pipeline inner from add with n = args.n end;
          create pipeline pass from pipelines::passthrough;
          select event from a into inner;
          select event from inner/out into pass;
          select event from pass into X;
          select event from b into y
        end;
        create connector s from source; create connector t from sink;
        create pipeline first from outer with n = 10 end;
        create pipeline second from outer with n = 100 end;
        create pipeline p from pipelines::passthrough;
        connect /connector/s to /pipeline/p;
        connect /pipeline/p to /pipeline/first/A;
        connect /pipeline/p to /pipeline/second/b;
        connect /pipeline/first/x to /pipeline/second/a;
        connect /pipeline/second/x to /connector/t/STDERR;
        connect /pipeline/second/y to /connector/t
      end; deploy flow f";
    let mut graph = good(text).deployment.graph;
    let event = Event {
        value: value("1"),
        ..Event::default()
    };
    let (deliveries, _) = send(&mut graph, event);
    let mut arrived: Vec<_> = deliveries
        .iter()
        .map(|it| (it.to, it.port, it.event.value.to_string()))
        .collect();
    arrived.sort();
    assert_eq!(
        arrived,
        [
            (ConnectorId(1), Port::In, "1".into()),
            (ConnectorId(1), Port::Stderr, "111".into())
        ]
    );
    assert_eq!(graph.sinks_behind(ConnectorId(0)), [ConnectorId(1)]);
    assert!(graph.sinks_behind(ConnectorId(1)).is_empty());
    assert!(graph.links(ConnectorId(0)).out && !graph.links(ConnectorId(0)).err && graph.links(ConnectorId(1)).sink);
    assert_eq!(graph.poll_timeout(), None);
}

#[test]
fn circles_end_by_a_condition_or_by_the_bound() {
    let circle = |value: &str, condition: &str| {
        good(&format!(
            "define flow f flow
               define connector source from metronome with config = {{\"interval\": 1}} end;
               define connector sink from null;
               define pipeline p into again, out pipeline
                 select {value} from in where {condition} into again;
                 select event from in where not ({condition}) into out
               end;
               create connector s from source; create connector n from sink; create pipeline p;
               connect /connector/s to /pipeline/p; connect /pipeline/p/again to /pipeline/p;
               connect /pipeline/p to /connector/n
             end; deploy flow f"
        ))
        .deployment
        .graph
    };
    assert_eq!(
        results(&mut circle("event + 1", "event < 1000"), "0", "{}"),
        Ok(vec!["1000".into()])
    );
    let endless = results(&mut circle("event + 1", "event >= 0"), "0", "{}").unwrap_err();
    assert!(
        endless.contains(&MAX_STEPS.to_string()) && endless.contains("is there a circle?"),
        "{endless}"
    );
    let deep = results(&mut circle("[event]", "true"), "0", "{}").unwrap_err();
    assert!(deep.contains("nested more than 256 levels"), "{deep}");
    let long = results(&mut circle("event + event", "true"), "\"0123456789\"", "{}").unwrap_err();
    assert!(long.contains("longer than 67108864 bytes"), "{long}");
}

#[test]
fn a_flood_of_faults_does_not_fill_the_log() {
    let mut graph = select("event.x");
    let mut deliveries = Vec::new();
    for _ in 0..1000 {
        graph.handle_event(ConnectorId(0), Port::Out, Event::default(), &mut deliveries);
    }
    let mut log = Vec::new();
    graph.poll_log(&mut log);
    assert_eq!(log.len(), 65);
    assert_eq!(log[0].source, "f::p");
    assert!(log[64].text.contains("936 more events were lost"), "{}", log[64].text);
    log.clear();
    graph.poll_log(&mut log);
    assert!(log.is_empty());
}

#[test]
fn a_flow_is_deployed_under_several_names_with_values_of_their_own() {
    let text = "define flow f args n, m = args_default flow
          define connector source from metronome args every with config = {\"interval\": args.every} end;
          define connector sink from null;
          define pipeline add args n pipeline select event + args.n from in into out end;
          create connector s from source with every = args.n end; create connector t from sink;
          create pipeline add with n = args.n + args.m end;
          connect /connector/s to /pipeline/add; connect /pipeline/add to /connector/t
        end;
        deploy flow one from f with n = 1 end; deploy flow two from f with n = 2, m = 5 end";
    let deployment = good(&format!("const args_default = 100; {text}")).deployment;
    let names: Vec<_> = deployment.connectors.iter().map(|built| built.name.as_str()).collect();
    assert_eq!(names, ["one::s", "one::t", "two::s", "two::t"]);
    let mut graph = deployment.graph;
    let mut deliveries = Vec::new();
    for id in [0, 2] {
        let event = Event {
            value: value("0"),
            ..Event::default()
        };
        graph.handle_event(ConnectorId(id), Port::Out, event, &mut deliveries);
    }
    let arrived: Vec<_> = deliveries
        .iter()
        .map(|it| (it.to.0, it.event.value.to_string()))
        .collect();
    assert_eq!(arrived, [(1, "101".into()), (3, "7".into())]);
}
