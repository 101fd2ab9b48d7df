//! Events to frames: the type of the frame, and what is wrong with an event that can't be one.

use std::format;
use std::string::String;

use crate::connector::StreamWriter;
use crate::connector::event::Event;
use crate::connector::options::choices;
use crate::connector::value::Value;
use crate::proto::Message;

choices! {
    /// What becomes of a chunk that should go out as text and isn't.
    pub(crate) enum NotText {
        /// The event is an error, and nothing of it is sent from there on.
        Error = "error",
        /// It goes out as a binary frame.
        Binary = "binary",
    }
}

/// Whether an event with this metadata goes out as binary frames: `$ws_server.binary`, `$ws_client.binary` or `$binary`
/// is exactly `true`.
pub(crate) fn is_binary(meta: &Value) -> bool {
    let is_true = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    is_true(meta.field("binary"))
        || is_true(meta.at(&["ws_server", "binary"]))
        || is_true(meta.at(&["ws_client", "binary"]))
}

/// Encodes an event and hands each chunk to `send` as a message, until one is not text although it should be.
///
/// # Errors
/// The codec's or a postprocessor's, or that a chunk which goes out as text is not UTF-8.
pub(crate) fn write(
    writer: &mut StreamWriter,
    event: &Event,
    not_text: NotText,
    send: &mut dyn FnMut(Message<'_>),
) -> Result<(), String> {
    let mut frames = Frames {
        is_binary: is_binary(&event.meta),
        not_text,
        result: Ok(()),
    };
    let written = writer.write(&event.value, &event.meta, event.ingest_ns, &mut |chunk| {
        frames.send(chunk, send)
    });
    written.map_err(|error| error.0)?;
    frames.result
}

/// Sends what the postprocessors held back, as text where it is text.
///
/// # Errors
/// A postprocessor's.
pub(crate) fn finish(writer: &mut StreamWriter, wall_ns: u64, send: &mut dyn FnMut(Message<'_>)) -> Result<(), String> {
    let finished = writer.finish(wall_ns, &mut |chunk| match core::str::from_utf8(chunk) {
        Ok(text) => send(Message::from(text)),
        Err(_) => send(Message::from(chunk)),
    });
    finished.map_err(|error| error.0)
}

struct Frames {
    is_binary: bool,
    not_text: NotText,
    result: Result<(), String>,
}

impl Frames {
    fn send(&mut self, chunk: &[u8], send: &mut dyn FnMut(Message<'_>)) {
        if self.result.is_err() {
            return;
        }
        if self.is_binary {
            return send(Message::from(chunk));
        }
        match simdutf8::basic::from_utf8(chunk) {
            Ok(text) => send(Message::from(text)),
            Err(_) if self.not_text == NotText::Binary => send(Message::from(chunk)),
            Err(_) => {
                self.result = Err(format!(
                    "{} bytes are not UTF-8 and can't be sent as text; set `$binary` to `true` for a binary frame, or \
                     `\"not_text\": \"binary\"` in `config`",
                    chunk.len()
                ));
            }
        }
    }
}
