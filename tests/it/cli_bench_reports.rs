//! What `wsloop bench` leaves: JSON, a histogram log, a page, and comparisons of runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::cli_bench::Server;
use super::cli_support::{folder, run};

/// A folder with the reports of two short runs: `a.json`, `b.json`, their pages and logs.
fn measured() -> tempfile::TempDir {
    let dir = folder(&[]);
    let server = Server::echo();
    for (name, extra) in [("a", &["-c", "2"][..]), ("b", &["--rate", "2000", "-c", "2"])] {
        let (json, html, hdr) = (format!("{name}.json"), format!("{name}.html"), format!("{name}.hdr"));
        let mut arguments = vec![
            "bench",
            &server.url,
            "-d",
            "1500ms",
            "--warm-up",
            "100ms",
            "--label",
            name,
        ];
        arguments.extend(["--json", &json, "--html", &html, "--hdr", &hdr]);
        arguments.extend(extra);
        let output = run(dir.path(), &arguments);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    dir
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap()
}

#[test]
fn reports_logs_and_comparisons_hold_what_was_measured() {
    let dir = measured();
    let json: Value = serde_json::from_str(&read(dir.path(), "b.json")).unwrap();
    assert_eq!(
        (&json["version"], &json["settings"]["loop"]),
        (&1.into(), &"open".into())
    );
    let intervals = json["intervals"].as_array().unwrap();
    let echoes: u64 = intervals
        .iter()
        .map(|interval| interval["messages"].as_u64().unwrap())
        .sum();
    assert!(echoes >= json["result"]["echoes"].as_u64().unwrap(), "{json}");
    assert_eq!(json["result"]["sent"], 3000);

    let log = read(dir.path(), "b.hdr");
    assert!(
        log.contains("#[Histogram log format version 1.") && log.contains("#[BaseTime: "),
        "{log}"
    );
    let lines: Vec<_> = log.lines().filter(|line| !line.starts_with(['#', '"'])).collect();
    assert_eq!(lines.len(), intervals.len(), "{log}");
    for line in lines {
        let fields: Vec<_> = line.split(',').collect();
        assert!(fields.len() == 4 && fields[3].starts_with("HISTFAAA"), "{line}");
    }

    let output = run(
        dir.path(),
        &["bench", "compare", "a.json", "b.json", "--html", "ab.html"],
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    for text in [
        "A  a: 2 connections",
        "B  b: 2 connections",
        "not alike: loop: closed / open",
        "latency p99.9",
        " %",
    ] {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    for (name, plots) in [("a.html", 3), ("b.html", 3), ("ab.html", 4)] {
        let page = read(dir.path(), name);
        assert_eq!(page.matches("<svg class=\"plot\"").count(), plots, "{name}");
        assert!(
            !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
            "{name}"
        );
        assert!(page.contains("prefers-color-scheme: dark"), "{name}");
        assert!(!page.contains("NaN"), "{name}");
    }
}

#[test]
fn what_is_no_report_is_refused_with_its_name() {
    let dir = folder(&[("a.json", "{}"), ("b.json", "{\"version\": 99}"), ("c.json", "[")]);
    for (files, text) in [
        (["a.json", "b.json"], "a.json: not a report"),
        (["b.json", "a.json"], "b.json: a report of version 99"),
        (["c.json", "a.json"], "c.json: EOF"),
        (["d.json", "a.json"], "d.json: No such file"),
    ] {
        let output = run(dir.path(), &["bench", "compare", files[0], files[1]]);
        assert_eq!(output.code, Some(1));
        assert!(output.stderr.contains(text), "{}", output.stderr);
    }
}

#[test]
fn pages_are_rendered_without_complaint() {
    let Ok(program) = std::env::var("WSLOOP_CHROMIUM") else {
        println!("left out: WSLOOP_CHROMIUM is not set; tests/run installs Chromium where it can, and sets it");
        return;
    };
    let dir = measured();
    let output = run(
        dir.path(),
        &["bench", "compare", "a.json", "b.json", "--html", "ab.html"],
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    // A plot has been laid out if its axes' names have: the page tells, by a script of the test's own.
    let probe = "<script>onload = () => {
        const shown = [...document.querySelectorAll('svg.plot')].filter(plot => {
            const [box, line] = [plot.getBoundingClientRect(), plot.querySelector('path.line').getBBox()];
            const names = [...plot.querySelectorAll('text')].map(text => text.getBoundingClientRect());
            const inside = names.every(name => name.left >= box.left && name.right <= box.right && name.bottom <= box.bottom);
            return box.height > 100 && line.width > 100 && inside;
        });
        const wide = document.documentElement.scrollWidth > innerWidth;
        document.title = `plots ${shown.length} wide ${wide} paper ${getComputedStyle(document.body).backgroundColor}`;
    }</script>";
    for (name, plots) in [("a", 3), ("b", 3), ("ab", 4)] {
        let page = read(dir.path(), &format!("{name}.html")).replace("</body>", &format!("{probe}</body>"));
        let probed = dir.path().join(format!("{name}-probed.html"));
        fs::write(&probed, page).unwrap();
        // 0 is dark, 1 is light.
        for (scheme, paper) in [(0, "rgb(20, 23, 27)"), (1, "rgb(255, 255, 255)")] {
            let profile = tempfile::tempdir().unwrap();
            let output = Command::new(&program)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                ])
                .args(["--enable-logging=stderr", "--window-size=1000,2000", "--dump-dom"])
                .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg(format!("file://{}", probed.display()))
                .output()
                .unwrap();
            let (dom, log) = (
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let title = format!("<title>plots {plots} wide false paper {paper}</title>");
            let found = dom
                .split("<title>")
                .nth(1)
                .unwrap_or_default()
                .split('<')
                .next()
                .unwrap_or_default();
            assert!(dom.contains(&title), "{name} {scheme}: {found}");
            let complaints: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
            assert!(complaints.is_empty(), "{name} {scheme}: {complaints:?}");
        }
    }
}
