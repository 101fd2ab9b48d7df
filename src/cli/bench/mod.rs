//! `wsloop bench`: measures a server that echoes, and checks every echo.

pub(super) mod arguments;
mod check;
mod compare;
mod hdr;
mod html;
mod load;
mod payload;
mod plot;
mod progress;
mod record;
mod report;
mod schedule;
pub(super) mod settings;
mod tool;

use std::path::Path;

use wsloop::engine::Config;
use wsloop::proto::Entropy;

use super::outcome::Outcome;
use super::{echo, print, service, sources};
use arguments::{Bench, BenchCommand, Compare, Load};
use load::{End, Measured, Run};
use report::Report;
use settings::{Dialing, Settings};

/// Does what the arguments say.
pub(crate) fn run(arguments: &Bench) -> Outcome {
    let outcome = match &arguments.command {
        Some(BenchCommand::Compare(arguments)) => compare(arguments),
        None => measure(&arguments.load),
    };
    outcome.unwrap_or_else(|text| {
        log::error!("{text}");
        Outcome::Failed
    })
}

fn measure(load: &Load) -> Result<Outcome, String> {
    let dialing = match Dialing::new(load) {
        Ok(dialing) => dialing,
        Err(text) => {
            log::error!("{text}");
            return Ok(Outcome::Usage);
        }
    };
    settings::raise_files_limit(load.connections)?;
    let mut event_loop = service::event_loop(Config::default()).map_err(|error| error.to_string())?;
    let seed = load.seed.unwrap_or_else(|| {
        let mut bytes = [0; 8];
        event_loop.sys_mut().fill(&mut bytes);
        // JSON's numbers are exact up to here.
        u64::from_le_bytes(bytes) >> 11
    });
    let settings = Settings::new(load, seed);
    let run = Run::new(&settings, &dialing, event_loop, load.hdr.is_some())?;
    match run.run()? {
        End::Killed(signal) => Ok(echo::at_once(signal)),
        End::Measured(measured) => deliver(load, settings, &measured),
    }
}

/// Puts runs side by side.
fn compare(arguments: &Compare) -> Result<Outcome, String> {
    let reports = arguments
        .files
        .iter()
        .map(|path| compare::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    print(&compare::to_text(&reports));
    if let Some(path) = &arguments.html {
        write(path, &html::page(&reports))?;
    }
    Ok(Outcome::Done)
}

/// Writes the report wherever it is wanted.
fn deliver(load: &Load, settings: Settings, measured: &Measured) -> Result<Outcome, String> {
    let report = Report::new(settings, load.label.clone(), command(), measured);
    let to_stdout = load.json.as_deref() == Some(Path::new("-"));
    if to_stdout {
        eprint!("{}", report.to_text());
    } else {
        print(&report.to_text());
    }
    if let Some(path) = &load.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())? + "\n";
        if to_stdout {
            print(&json);
        } else {
            write(path, &json)?;
        }
    }
    if let Some(path) = &load.html {
        write(path, &html::page(std::slice::from_ref(&report)))?;
    }
    if let (Some(path), Some(log)) = (&load.hdr, &measured.recorder.log) {
        let text = log.to_text(measured.began, &format!("{} {}", report.tool, report.settings.url))?;
        write(path, &String::from_utf8_lossy(&text))?;
    }
    Ok(if report.result.ok {
        Outcome::Done
    } else {
        Outcome::Failed
    })
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    sources::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The command line, without the values of headers: they may be credentials.
fn command() -> String {
    let mut words = vec!["wsloop".to_owned()];
    let mut is_header = false;
    for word in std::env::args().skip(1) {
        let header = if is_header {
            Some(("", word.as_str()))
        } else {
            word.strip_prefix("--header=").map(|value| ("--header=", value))
        };
        let shown = match header {
            Some((flag, value)) => format!("{flag}{}: ...", value.split(':').next().unwrap_or_default()),
            None => word.clone(),
        };
        is_header = matches!(word.as_str(), "-H" | "--header");
        words.push(if shown.contains(' ') {
            format!("'{shown}'")
        } else {
            shown
        });
    }
    words.join(" ")
}
