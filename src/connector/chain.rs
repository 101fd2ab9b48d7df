//! The processing of one stream: preprocessors, codec and events on the way in; codec, postprocessors and chunks on
//! the way out.

use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use super::codec::{self, Codec};
use super::config::ConfigError;
use super::event::{Event, Origin, Origins, Port};
use super::registry::{Factory, Gives, resolve, resolve_all};
use super::stage::{self, Piece, Stage, StageError};
use super::ticket::Ticket;
use super::value::{Record, Value};
use super::{postprocessor, preprocessor};

/// A connector's codec and processors, found and checked; makes the state of each stream.
pub struct Processing {
    codec: Factory<dyn Codec>,
    preprocessors: Vec<Factory<dyn Stage>>,
    postprocessors: Vec<Factory<dyn Stage>>,
    /// What comes out need not be text.
    gives_bytes: bool,
}

impl Processing {
    /// Reads the keys `codec`, `preprocessors` and `postprocessors` of a definition, and appends every mistake to
    /// `errors`; `None` if there was one, or if there is no codec (which the caller judges).
    pub fn from_definition(with: &Record, errors: &mut Vec<ConfigError>) -> Option<Self> {
        let before = errors.len();
        let codec = with.get("codec").and_then(|codec| {
            let codec = resolve("codec", codec::TABLE, &["codec".into()], codec);
            codec.map_err(|error| errors.push(error)).ok()
        });
        let mut stages = |what, table, key: &str| resolve_all(what, table, key, with.get(key), errors);
        let preprocessors = stages("preprocessor", preprocessor::TABLE, "preprocessors");
        let postprocessors = stages("postprocessor", postprocessor::TABLE, "postprocessors");
        let (codec, gives) = codec.filter(|_| errors.len() == before)?;
        let gives = postprocessors.iter().fold(gives, |before, (_, gives)| match gives {
            Gives::Same => before,
            Gives::Text | Gives::Bytes => *gives,
        });
        Some(Self {
            codec,
            preprocessors: preprocessors.into_iter().map(|(stage, _)| stage).collect(),
            postprocessors: postprocessors.into_iter().map(|(stage, _)| stage).collect(),
            gives_bytes: gives == Gives::Bytes,
        })
    }

    /// Whether what comes out need not be text.
    #[must_use]
    pub const fn gives_bytes(&self) -> bool {
        self.gives_bytes
    }

    /// The way in of a new stream of the connector `source` (`flow::connector`).
    #[must_use]
    pub fn reader(&self, source: Arc<str>, origin: Origin) -> StreamReader {
        StreamReader {
            source,
            origin,
            pull: 0,
            codec: (self.codec)(),
            stages: self.preprocessors.iter().map(|make| make()).collect(),
        }
    }

    /// The way out of a new stream.
    #[must_use]
    pub fn writer(&self) -> StreamWriter {
        StreamWriter {
            codec: (self.codec)(),
            stages: self.postprocessors.iter().map(|make| make()).collect(),
            encoded: Vec::new(),
        }
    }
}

/// What a connector that moves no bytes has: codec `null`, no processors.
impl Default for Processing {
    fn default() -> Self {
        Self {
            codec: codec::null(),
            preprocessors: Vec::new(),
            postprocessors: Vec::new(),
            gives_bytes: false,
        }
    }
}

/// The way in of one stream.
pub struct StreamReader {
    source: Arc<str>,
    origin: Origin,
    pull: u64,
    codec: Box<dyn Codec>,
    stages: Vec<Box<dyn Stage>>,
}

impl StreamReader {
    /// Takes what was read (a message, a chunk of a file) and appends the events that come of it: values for `out`,
    /// and for `err` whatever can't be understood. The events carry `meta`, shared.
    pub fn read(&mut self, bytes: &[u8], meta: &Value, ingest_ns: u64, emitted: &mut Vec<(Port, Event)>) {
        let Self {
            source,
            origin,
            pull,
            codec,
            stages,
        } = self;
        let mut emit = Emit {
            source,
            origin: *origin,
            pull: *pull,
            codec: codec.as_mut(),
            meta,
            ingest_ns,
            emitted,
        };
        stage::process(stages, Piece { bytes, ingest_ns }, &mut |result| emit.take(result));
        *pull += 1;
    }

    /// The stream has ended: appends what the preprocessors held back, as events that carry `meta`.
    pub fn finish(&mut self, meta: &Value, ingest_ns: u64, emitted: &mut Vec<(Port, Event)>) {
        let Self {
            source,
            origin,
            pull,
            codec,
            stages,
        } = self;
        let mut emit = Emit {
            source,
            origin: *origin,
            pull: *pull,
            codec: codec.as_mut(),
            meta,
            ingest_ns,
            emitted,
        };
        stage::finish(stages, ingest_ns, &mut |result| emit.take(result));
        *pull += 1;
    }
}

/// Makes events of pieces.
struct Emit<'a> {
    source: &'a str,
    origin: Origin,
    pull: u64,
    codec: &'a mut dyn Codec,
    meta: &'a Value,
    ingest_ns: u64,
    emitted: &'a mut Vec<(Port, Event)>,
}

impl Emit<'_> {
    fn take(&mut self, result: Result<Piece<'_>, StageError>) {
        let decoded = result.and_then(|piece| {
            self.ingest_ns = piece.ingest_ns;
            self.codec.decode(piece.bytes, piece.ingest_ns)
        });
        let event = |value| Event {
            value,
            meta: self.meta.clone(),
            origins: Origins::One(self.origin),
            ingest_ns: self.ingest_ns,
            is_error: false,
            ticket: Ticket::default(),
        };
        match decoded {
            Ok(None) => {}
            Ok(Some(value)) => self.emitted.push((Port::Out, event(value))),
            Err(error) => {
                let base = event(Value::Null);
                let error = error_event(self.source, &error.0, self.origin.stream, self.pull, base);
                self.emitted.push((Port::Err, error));
            }
        }
    }
}

/// The event that the `err` port gives: `base` says where it comes from and what metadata it has, to which the text
/// is added as `error`.
#[must_use]
pub fn error_event(source: &str, text: &str, stream: u64, pull: u64, base: Event) -> Event {
    let mut meta = base.meta;
    meta.set_field("error", text);
    let value = Value::record([
        ("error", Value::from(text)),
        ("source", Value::from(source)),
        ("stream_id", Value::from(stream)),
        ("pull_id", Value::from(pull)),
    ]);
    Event {
        value,
        meta,
        is_error: true,
        ..base
    }
}

/// The way out of one stream.
pub struct StreamWriter {
    codec: Box<dyn Codec>,
    stages: Vec<Box<dyn Stage>>,
    encoded: Vec<u8>,
}

impl StreamWriter {
    /// Whether what becomes of an event depends on those before it.
    pub(super) fn is_streaming(&self) -> bool {
        self.stages.iter().any(|stage| stage.is_streaming())
    }

    /// Encodes a value, with the metadata of its event, sends it through the postprocessors and hands each chunk to `chunk`: a frame, or what is
    /// written to a file at once.
    ///
    /// # Errors
    /// The value has no bytes in this codec, or a postprocessor can't take them; chunks made before the error were
    /// handed over.
    pub fn write(
        &mut self,
        value: &Value,
        meta: &Value,
        ingest_ns: u64,
        chunk: &mut dyn FnMut(&[u8]),
    ) -> Result<(), StageError> {
        /// Above this the memory is given back, so that one large event doesn't stay for the stream's life.
        const KEEP_BYTES: usize = 64 << 10;

        self.encoded.clear();
        self.codec.encode(value, meta, &mut self.encoded)?;
        let mut outcome = Ok(());
        let piece = Piece {
            bytes: &self.encoded,
            ingest_ns,
        };
        stage::process(&mut self.stages, piece, &mut |result| {
            hand_over(result, chunk, &mut outcome)
        });
        self.encoded.shrink_to(KEEP_BYTES);
        outcome
    }

    /// The stream has ended: hands over what the postprocessors held back.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(&mut self, ingest_ns: u64, chunk: &mut dyn FnMut(&[u8])) -> Result<(), StageError> {
        let mut outcome = Ok(());
        stage::finish(&mut self.stages, ingest_ns, &mut |result| {
            hand_over(result, chunk, &mut outcome)
        });
        outcome
    }
}

/// Keeps the first error.
fn hand_over(
    result: Result<Piece<'_>, StageError>,
    chunk: &mut dyn FnMut(&[u8]),
    outcome: &mut Result<(), StageError>,
) {
    match result {
        Ok(piece) => chunk(piece.bytes),
        Err(error) if outcome.is_ok() => *outcome = Err(error),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{read_all, reader, try_processing, value, write_all};
    use super::*;

    #[test]
    fn an_event_tells_where_it_comes_from() {
        let mut reader = reader(r#"{"codec":"json"}"#);
        let mut emitted = Vec::new();
        let meta = value(r#"{"file":{"path":"x"}}"#);
        reader.read(b"[1]", &meta, 5, &mut emitted);
        reader.read(b"nul", &meta, 6, &mut emitted);
        let [(Port::Out, event), (Port::Err, error)] = emitted.as_slice() else {
            panic!("{emitted:?}")
        };
        assert_eq!(
            (event.value.to_string(), event.meta.to_string()),
            ("[1]".into(), meta.to_string())
        );
        let origin = Origin {
            connector: super::super::ConnectorId(3),
            stream: 9,
        };
        assert_eq!(
            (&event.origins, event.ingest_ns, event.is_error),
            (&Origins::One(origin), 5, false)
        );
        let text = "invalid JSON at byte 0: a value was expected, not an unknown word";
        let expected = Value::record([
            ("error", Value::from(text)),
            ("source", Value::from("flow::here")),
            ("stream_id", Value::from(9)),
            ("pull_id", Value::from(1)),
        ]);
        assert_eq!(error.value, expected);
        assert_eq!(
            error.meta,
            Value::record([("file", meta.field("file").unwrap().clone()), ("error", text.into())])
        );
        assert_eq!(
            (&error.origins, error.ingest_ns, error.is_error),
            (&Origins::One(origin), 6, true)
        );
    }

    #[test]
    fn finish_passes_through_the_whole_chain() {
        let both = r#"{"codec":"string","preprocessors":["separate","base64"]}"#;
        assert_eq!(
            read_all(both, ["MQ==\nMg", "==\n", "Mw=="]),
            [r#""1""#, r#""2""#, r#""3""#]
        );
        let twice = r#"{"codec":"string","preprocessors":["separate",{"name":"separate","config":{"separator":","}}]}"#;
        assert_eq!(read_all(twice, ["a,b\nc", "d,e"]), [r#""a""#, r#""bcd""#, r#""e""#]);
    }

    #[test]
    fn an_error_of_a_stage_leaves_the_pieces_around_it() {
        let definition = r#"{"codec":"string","preprocessors":["separate","base64"]}"#;
        assert_eq!(read_all(definition, ["MQ==\n?\nMg==\n"]), [r#""1""#, "error", r#""2""#]);
    }

    #[test]
    fn the_way_out_runs_in_the_order_of_the_list() {
        let chunks = write_all(
            r#"{"codec":"json","postprocessors":["base64","separate"]}"#,
            &value("1"),
        );
        assert_eq!(chunks.unwrap(), [b"MQ==\n"]);
        let chunks = write_all(
            r#"{"codec":"json","postprocessors":["separate","base64"]}"#,
            &value("1"),
        );
        assert_eq!(chunks.unwrap(), [b"MQo="]);
        let empty = write_all(r#"{"codec":"null"}"#, &value("1"));
        assert_eq!(empty.unwrap(), [b""]);
        let error = write_all(r#"{"codec":"json"}"#, &Value::Float(f64::NAN));
        assert_eq!(error.unwrap_err(), "JSON has no text for a number that is not finite");
    }

    #[test]
    fn a_definition_tells_all_its_mistakes() {
        for (definition, mistakes) in [
            (
                r#"{"codec":"jsno"}"#,
                "codec: there is no codec `jsno`; did you mean `json`?",
            ),
            (
                r#"{"codec":7}"#,
                "codec: a codec was expected, not a value of type integer",
            ),
            (
                r#"{"codec":{"nam":"json"}}"#,
                "codec.nam: unknown key `nam`; did you mean `name`?",
            ),
            (r#"{"codec":{"name":"nope"}}"#, "codec.name: there is no codec `nope`"),
            (
                r#"{"codec":{"config":{}}}"#,
                "codec: `codec` lacks the key `name`; add `\"name\": …`",
            ),
            (
                r#"{"codec":{"name":"json","config":{"mode":"sort"}}}"#,
                "codec.config.mode: `mode` can't be `sort`",
            ),
            (
                r#"{"codec":{"name":"string","config":{"a":1}}}"#,
                "codec.config.a: unknown key `a`",
            ),
            (
                r#"{"codec":"json","preprocessors":["lines",{"name":"separate","config":{"separator":"\r\n"}}],
                    "postprocessors":"separate"}"#,
                "preprocessors[0]: there is no preprocessor `lines`\n\
                 preprocessors[1].config.separator: `separator` must be one byte of text, not \"\\r\\n\"\n\
                 postprocessors: `postprocessors` must be a list, not of type string; \
                 write `postprocessors = [\"separate\"]`",
            ),
        ] {
            assert_eq!(
                try_processing(definition).err().as_deref(),
                Some(mistakes),
                "{definition}"
            );
        }
    }

    /// Cuts `bytes` at the given places, each taken modulo what is left.
    fn cut(mut bytes: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
        let mut parts = Vec::new();
        for place in places {
            let (part, rest) = bytes.split_at(place % (bytes.len() + 1));
            parts.push(part.to_vec());
            bytes = rest;
        }
        parts.push(bytes.to_vec());
        parts
    }

    proptest! {
        /// Whatever the postprocessors wrote, the preprocessors of the same names read, wherever it is cut.
        #[test]
        fn what_is_written_is_read_again(
            pieces in proptest::collection::vec("[a-c\n,]{0,9}", 0..6),
            places in proptest::collection::vec(any::<usize>(), 0..8),
            chain in prop_oneof![
                Just(r#"["length-prefixed"]"#), Just(r#"["textual-length-prefixed"]"#),
            ],
        ) {
            let out = std::format!(r#"{{"codec":"string","postprocessors":{chain}}}"#);
            let into = std::format!(r#"{{"codec":"string","preprocessors":{chain}}}"#);
            let bytes: Vec<u8> =
                pieces.iter().flat_map(|piece| write_all(&out, &Value::from(piece.as_str())).unwrap().concat()).collect();
            let expected: Vec<_> = pieces.iter().map(|piece| Value::from(piece.as_str()).to_string()).collect();
            prop_assert_eq!(read_all(&into, cut(&bytes, &places)), expected);
        }

        /// `separate` gives the same pieces and the same errors wherever its input is cut.
        #[test]
        fn separate_does_not_mind_being_cut(
            bytes in "[ab\n]{0,40}",
            places in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let definition = r#"{"codec":"string",
                "preprocessors":[{"name":"separate","config":{"max_length":3}},"remove-empty"]}"#;
            let expected: Vec<_> = bytes
                .split('\n')
                .filter(|piece| !piece.is_empty())
                .map(|piece| if piece.len() > 3 { "error".into() } else { std::format!("\"{piece}\"") })
                .collect();
            prop_assert_eq!(read_all(definition, cut(bytes.as_bytes(), &places)), expected);
        }

        /// Hostile bytes give events or errors, never a panic, and nothing out of bounds is held.
        #[test]
        fn any_bytes_are_survived(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 0..6),
            chain in prop_oneof![
                Just(r#"["length-prefixed","base64"]"#), Just(r#"["textual-length-prefixed"]"#),
                Just(r#"["separate","length-prefixed"]"#), Just(r#"["base64","separate"]"#),
            ],
        ) {
            let definition = std::format!(r#"{{"codec":"json","preprocessors":{chain}}}"#);
            read_all(&definition, messages);
        }
    }
}
