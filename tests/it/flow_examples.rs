//! The flows under docs/flows and small ones known to run elsewhere: they load, and the mistakes in them are shown.

use wsloop::connector::api::Wiring;
use wsloop::connector::{ConnectorId, Port};
use wsloop::flow::Mode;

use super::flow_support::{Folder, good, load_in, load_text, results, wrong};

const SECURE_ECHO: &str = include_str!("../../docs/flows/secure_echo/config.troy");
const WS_CLIENT: &str = include_str!("../../docs/flows/ws_client.troy");

/// A certificate for localhost and its key where the examples look for them.
fn folder() -> Folder {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Folder::default()
        .with("./before/localhost.cert", pair.cert.pem())
        .with("./before/localhost.key", pair.signing_key.serialize_pem())
}

#[test]
fn definitions_at_the_top_level_are_checked_with_the_files_that_they_name() {
    for text in [
        include_str!("../../docs/flows/ws_server.troy"),
        include_str!("../../docs/flows/ws_server_tls.troy"),
        include_str!("../../docs/flows/ws_client_tls.troy"),
        include_str!("../../docs/flows/ws_client_mended.troy"),
    ] {
        let loaded = load_in(&folder(), text, Mode::Check).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
        assert!(loaded.deployment.connectors.is_empty());
    }
    let missing = wrong(include_str!("../../docs/flows/ws_server_tls.troy"), Mode::Check);
    let first = missing.iter().next().map(|it| (it.line, it.column));
    assert_eq!(first, Some((9, 15)), "{missing}");
    assert!(
        missing.to_string().contains("/here/./before/localhost.cert"),
        "{missing}"
    );
}

#[test]
fn a_definition_without_its_kind_is_shown_with_the_cure_and_checked_all_the_same() {
    let diagnostics = wrong(WS_CLIENT, Mode::Check);
    let rendered = diagnostics.to_string();
    assert!(rendered.contains("t.troy:1:8"), "{rendered}");
    assert!(rendered.contains("define my_wsc out from ws_client"), "{rendered}");
    assert!(
        rendered.contains("write `define connector my_wsc from ws_client`"),
        "{rendered}"
    );
    assert_eq!(diagnostics.len(), 1);

    let also_wrong = WS_CLIENT.replace("\"json\"", "\"jsn\"");
    let diagnostics = wrong(&also_wrong, Mode::Check);
    assert_eq!(diagnostics.len(), 2, "{diagnostics}");

    let mended = WS_CLIENT.replace("define my_wsc out from", "define connector my_wsc from");
    let flow = format!(
        "{mended}
        define flow main flow
          use tremor::pipelines;
          create connector my_wsc; create pipeline p from pipelines::passthrough;
          connect /connector/my_wsc to /pipeline/p; connect /pipeline/p to /connector/my_wsc
        end;
        deploy flow main"
    );
    assert_eq!(good(&flow).deployment.connectors[0].name, "main::my_wsc");
}

#[test]
fn the_secure_echo_service_is_wired_as_it_says() {
    let loaded = load_in(&folder(), SECURE_ECHO, Mode::Run).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let deployment = loaded.deployment;
    let names: Vec<_> = deployment.connectors.iter().map(|built| built.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "main::in",
            "main::ws_client",
            "main::stdio",
            "main::ws_server",
            "main::out",
            "main::exit"
        ]
    );
    let id = |name: &str| ConnectorId(names.iter().position(|known| known.ends_with(name)).unwrap() as u32);
    let behind = |name: &str| deployment.graph.sinks_behind(id(name)).to_vec();
    assert_eq!(behind("in"), [id("ws_client"), id("stdio")]);
    assert_eq!(behind("ws_client"), [id("stdio")]);
    assert_eq!(
        behind("ws_server"),
        [id("stdio"), id("ws_server"), id("out"), id("exit")]
    );
    let links = deployment.graph.links(id("ws_server"));
    assert!(links.sink && links.out && links.err);
    let links = deployment.graph.links(id("stdio"));
    assert!(links.sink && !links.out && !links.err);
    let links = deployment.graph.links(id("in"));
    assert!(!links.sink && links.out && links.err);
}

#[test]
fn the_small_services_load() {
    for text in [
        include_str!("../../docs/flows/echo.troy"),
        include_str!("../../docs/flows/json_echo.troy"),
        include_str!("../../docs/flows/terminal_client.troy"),
    ] {
        for mode in [Mode::Run, Mode::Check] {
            let loaded = load_text(text, mode).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
        }
    }
}

#[test]
fn what_ends_a_test_goes_to_the_exit_port() {
    let flow = |pipeline: &str| {
        good(&format!(
            "define flow f flow
               use integration;
               define connector source from metronome with config = {{\"interval\": 1}} end;
               define connector sink from null;
               create connector s from source; create connector out from sink; create connector exit from sink;
               create pipeline p from integration::{pipeline} with delay = 7 end;
               connect /connector/s to /pipeline/p;
               connect /pipeline/p/Out to /connector/out; connect /pipeline/p/EXIT to /connector/exit/IN
             end; deploy flow f"
        ))
        .deployment
        .graph
    };
    let exit = r#"{"exit":0,"delay":7}"#.to_owned();
    assert_eq!(
        results(&mut flow("out_or_exit"), "\"exit\"", "{}"),
        Ok(vec![exit.clone()])
    );
    assert_eq!(
        results(&mut flow("out_or_exit"), "[\"exit\"]", "{}"),
        Ok(vec!["[\"exit\"]".into()])
    );
    assert_eq!(
        results(&mut flow("out_and_exit"), "\"exit\"", "{}"),
        Ok(vec![exit, "\"exit\"".into()])
    );
    assert_eq!(Port::from_name("EXIT"), None);
}
