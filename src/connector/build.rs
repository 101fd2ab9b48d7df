//! From a definition to a connector: the kinds that there are, and what each of them asks for.

use std::boxed::Box;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use super::api::{Built, Connector};
use super::config::{ConfigError, did_you_mean, list};
use super::doc::Page;
use super::event::Port;
use super::reconnect::Strategy;
use super::value::{Record, Value};
use super::{Files, Processing, exit, file, metronome, null, stdio, ws_client, ws_server};

/// A connector as a flow defines it, all expressions evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `flow::alias`, as error events and the log name it.
    pub name: String,
    /// The kind, `ws_server` for example.
    pub kind: String,
    /// What stands behind `with`.
    pub with: Record,
}

/// Whether a kind of connector takes a `codec`, and the processors with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecUse {
    /// It moves bytes, and has no default.
    Required,
    /// It does nothing with one.
    Optional,
    /// It moves no bytes.
    Forbidden,
}

/// The ports that may be linked, the default one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Those that take events.
    pub sinks: &'static [Port],
    /// Those that give events.
    pub sources: &'static [Port],
}

/// What a kind's constructor gets.
pub struct Setup<'a> {
    /// `flow::alias`.
    pub name: Arc<str>,
    /// The whole definition, of which codec and processors have been read.
    pub with: &'a Record,
    /// Codec and processors.
    pub processing: Processing,
    /// What to do when a connection is lost or can't be made; for kinds that have one.
    pub reconnect: Strategy,
    /// For files that the configuration names.
    pub files: &'a mut dyn Files,
    /// What was found good but doubtful, for [`Built::warnings`].
    pub warnings: &'a mut Vec<ConfigError>,
    /// For [`Built::needs_binary`].
    pub needs_binary: &'a mut bool,
}

impl<'a> Setup<'a> {
    /// The record `config`, unread.
    #[must_use]
    pub fn config(&self) -> Option<&'a Value> {
        self.with.get("config")
    }
}

/// Reads a kind's `config` and makes the connector, or tells every mistake.
type Make = fn(Setup<'_>) -> Result<Box<dyn Connector>, Vec<ConfigError>>;

/// A kind of connector.
pub struct Kind {
    /// The name behind `from` in `define connector … from`.
    pub name: &'static str,
    /// Whether it takes a codec.
    pub codec: CodecUse,
    /// Whether it has connections that `reconnect` is about.
    pub reconnects: bool,
    ports: fn(&Record) -> Ports,
    make: Make,
    page: &'static Page,
}

impl Kind {
    /// What the reference says of it.
    #[must_use]
    pub const fn page(&self) -> &'static Page {
        self.page
    }

    /// The ports of a connector of this kind that is defined so.
    #[must_use]
    pub fn ports(&self, with: &Record) -> Ports {
        (self.ports)(with)
    }
}

/// In, out and err: the ports of most kinds.
const BOTH: Ports = Ports {
    sinks: &[Port::In],
    sources: &[Port::Out, Port::Err],
};
/// Those of connectors with connections that come and go.
const CONNECTED: Ports = Ports {
    sinks: &[Port::In],
    sources: &[Port::Out, Port::Err, Port::Connections],
};
const SINK: Ports = Ports {
    sinks: &[Port::In],
    sources: &[],
};
const SOURCE: Ports = Ports {
    sinks: &[],
    sources: &[Port::Out, Port::Err],
};
const STDIO: Ports = Ports {
    sinks: &[Port::In, Port::Stdout, Port::Stderr],
    sources: &[Port::Out, Port::Err],
};

/// Every kind. A new one is a file and a line here.
static KINDS: &[Kind] = &[
    Kind {
        name: "ws_server",
        codec: CodecUse::Required,
        reconnects: true,
        ports: |_| CONNECTED,
        make: ws_server::make,
        page: &ws_server::PAGE,
    },
    Kind {
        name: "ws_client",
        codec: CodecUse::Required,
        reconnects: true,
        ports: |_| CONNECTED,
        make: ws_client::make,
        page: &ws_client::PAGE,
    },
    Kind {
        name: "file",
        codec: CodecUse::Required,
        reconnects: false,
        ports: file_ports,
        make: file::make,
        page: &file::PAGE,
    },
    Kind {
        name: "stdio",
        codec: CodecUse::Required,
        reconnects: false,
        ports: |_| STDIO,
        make: stdio::make,
        page: &stdio::PAGE,
    },
    Kind {
        name: "metronome",
        codec: CodecUse::Forbidden,
        reconnects: false,
        ports: |_| SOURCE,
        make: metronome::make,
        page: &metronome::PAGE,
    },
    Kind {
        name: "exit",
        codec: CodecUse::Forbidden,
        reconnects: false,
        ports: |_| SINK,
        make: exit::make,
        page: &exit::PAGE,
    },
    Kind {
        name: "null",
        codec: CodecUse::Optional,
        reconnects: false,
        ports: |_| SINK,
        make: null::make,
        page: &null::PAGE,
    },
];

/// A file is read or written, as its `mode` says.
fn file_ports(with: &Record) -> Ports {
    let mode = with
        .get("config")
        .and_then(|config| config.field("mode"))
        .and_then(Value::as_str);
    match mode {
        Some("read") => SOURCE,
        Some(_) => SINK,
        None => BOTH,
    }
}

/// Every kind of connector that there is.
#[must_use]
pub fn kinds() -> &'static [Kind] {
    KINDS
}

/// The kind of that name.
///
/// # Errors
/// There is none; the error names the one that was probably meant.
pub fn kind(name: &str) -> Result<&'static Kind, ConfigError> {
    let known = || KINDS.iter().map(|kind| kind.name);
    KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let mut error = ConfigError::whole(format!("there is no kind of connector `{name}`")).expected(list(known()));
        error.help = did_you_mean(name, known());
        error
    })
}

/// The keys that may stand behind `with`.
const KEYS: &[&str] = &[
    "codec",
    "config",
    "preprocessors",
    "postprocessors",
    "reconnect",
    "metrics_interval_s",
];

/// Checks a definition through and through, reads the files that it names, and makes the connector; opens no port and
/// connects nowhere.
///
/// # Errors
/// Every mistake that was found.
pub fn build(definition: &Definition, files: &mut dyn Files) -> Result<Built, Vec<ConfigError>> {
    let kind = kind(&definition.kind).map_err(|error| vec![error])?;
    let with = &definition.with;
    let mut needs_binary = false;
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    check_keys(kind, with, &mut errors);
    let processing = Processing::from_definition(with, &mut errors);
    if processing.is_none() && kind.codec == CodecUse::Required && !with.contains_key("codec") {
        errors.push(
            ConfigError::whole(format!("`{}` is missing a `codec`", definition.name))
                .expected("`codec`, which says how bytes and values become each other")
                .help("add `codec = \"json\"`"),
        );
    }
    let reconnect = Strategy::read(with.get("reconnect")).unwrap_or_else(|error| {
        errors.push(error);
        Strategy::default()
    });
    // Made even if something is wrong already, so that the mistakes in `config` are told along with the others.
    let setup = Setup {
        name: definition.name.as_str().into(),
        with,
        processing: processing.unwrap_or_default(),
        reconnect,
        files,
        warnings: &mut warnings,
        needs_binary: &mut needs_binary,
    };
    match (kind.make)(setup) {
        Ok(connector) if errors.is_empty() => Ok(Built {
            name: definition.name.clone(),
            connector,
            warnings,
            needs_binary,
        }),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

fn check_keys(kind: &Kind, with: &Record, errors: &mut Vec<ConfigError>) {
    for (key, value) in with {
        let key = key.as_str();
        if !KEYS.contains(&key) {
            let known = KEYS.iter().copied();
            let mut error = ConfigError::new([key], format!("unknown key `{key}`"))
                .at_key()
                .expected(list(known.clone()));
            error.help = did_you_mean(key, known);
            errors.push(error);
        } else if kind.codec == CodecUse::Forbidden && matches!(key, "codec" | "preprocessors" | "postprocessors") {
            let message = format!(
                "a connector of kind `{}` moves no bytes and takes no `{key}`",
                kind.name
            );
            errors.push(ConfigError::new([key], message).at_key().help("leave it out"));
        } else if key == "metrics_interval_s" && value.as_u64().is_none() && !value.is_null() {
            let message = format!("`{key}` must be an integer of at least 0, not {value}");
            errors.push(ConfigError::new([key], message).expected("seconds"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::lines;
    use super::super::testing::{FakeFiles, with};
    use super::*;

    fn try_build(kind: &str, definition: &str) -> Result<Built, String> {
        let definition = Definition {
            name: "flow::here".into(),
            kind: kind.into(),
            with: with(definition),
        };
        build(&definition, &mut FakeFiles::default()).map_err(|errors| lines(&errors))
    }

    #[test]
    fn right_definitions_are_built() {
        for (kind, definition) in [
            (
                "file",
                r#"{"codec":"json","config":{"path":"x","mode":"read"},"metrics_interval_s":10}"#,
            ),
            (
                "file",
                r#"{"codec":"json","config":{"path":"x","mode":"append","chunk_size":1}}"#,
            ),
            (
                "stdio",
                r#"{"codec":"string","preprocessors":["separate"],"postprocessors":["separate"]}"#,
            ),
            (
                "stdio",
                r#"{"codec":{"name":"json","config":{"mode":"sorted"}},"config":{},"reconnect":{"none":null}}"#,
            ),
            ("metronome", r#"{"config":{"interval":1}}"#),
            ("exit", "{}"),
            ("exit", r#"{"config":{"delay":100,"graceful":false}}"#),
            ("null", r#"{"codec":"json"}"#),
            ("null", "{}"),
        ] {
            let built = try_build(kind, definition);
            assert_eq!(
                built.map(|built| built.name).as_deref(),
                Ok("flow::here"),
                "{kind} {definition}"
            );
        }
    }

    #[test]
    fn wrong_definitions_tell_all_that_is_wrong() {
        for (kind, definition, mistakes) in [
            (
                "metronom",
                "{}",
                "there is no kind of connector `metronom`; did you mean `metronome`?",
            ),
            (
                "stdio",
                "{}",
                "`flow::here` is missing a `codec`; add `codec = \"json\"`",
            ),
            (
                "file",
                "{}",
                "`flow::here` is missing a `codec`; add `codec = \"json\"`\n\
                 `config` is missing: `config` lacks the key `path`; add `\"path\": …`",
            ),
            (
                "file",
                r#"{"codec":"jsn","preprocessor":[],"config":{"path":"x","mode":"raed"},"reconnect":"none"}"#,
                "preprocessor: unknown key `preprocessor`; did you mean `preprocessors`?\n\
                 codec: there is no codec `jsn`; did you mean `json`?\n\
                 reconnect: `reconnect` must be a record, not the string \"none\"; \
                 write `reconnect = {\"none\": null}`\n\
                 config.mode: `mode` can't be `raed`; did you mean `read`?",
            ),
            (
                "file",
                r#"{"codec":"json","config":{"path":"","mode":"read"}}"#,
                "config.path: `path` must not be empty",
            ),
            (
                "file",
                r#"{"codec":"json","config":{"path":"x","mode":"read","chunk_size":0}}"#,
                "config.chunk_size: `chunk_size` must be an integer from 1 to 16777216, not the integer 0",
            ),
            (
                "file",
                r#"{"codec":"json","config":{"path":"x","mode":"read","chunk_size":16777217}}"#,
                "config.chunk_size: `chunk_size` must be an integer from 1 to 16777216, not the integer 16777217",
            ),
            (
                "exit",
                r#"{"codec":"json","config":{"delay":-1}}"#,
                "codec: a connector of kind `exit` moves no bytes and takes no `codec`; leave it out\n\
                 config.delay: `delay` must be an integer of at least 0, not the integer -1",
            ),
            (
                "metronome",
                "{}",
                "`config` is missing: `config` lacks the key `interval`; add `\"interval\": …`",
            ),
            (
                "metronome",
                r#"{"config":{"interval":0}}"#,
                "config.interval: `interval` must be an integer of at least 1, not the integer 0",
            ),
            (
                "null",
                r#"{"metrics_interval_s":"10","config":{"a":1}}"#,
                "metrics_interval_s: `metrics_interval_s` must be an integer of at least 0, not \"10\"\n\
                 config.a: unknown key `a`",
            ),
        ] {
            assert_eq!(
                try_build(kind, definition).err().as_deref(),
                Some(mistakes),
                "{kind} {definition}"
            );
        }
    }

    #[test]
    fn ports_follow_the_mode_of_a_file() {
        let ports = |definition: &str| kind("file").map(|kind| kind.ports(&with(definition))).unwrap();
        assert_eq!(ports(r#"{"config":{"mode":"read"}}"#), SOURCE);
        assert_eq!(ports(r#"{"config":{"mode":"write"}}"#), SINK);
        assert!(
            kinds()
                .iter()
                .any(|kind| kind.name == "stdio" && kind.ports(&Record::default()) == STDIO)
        );
    }
}
