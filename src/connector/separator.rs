//! The separator of both processors `separate`.

use std::format;

use super::config::{ConfigError, Segment};
use super::value::Value;

/// The one byte that `separator`, of the configuration at `path`, names.
pub(super) fn check(path: &[Segment], separator: &str) -> Result<u8, ConfigError> {
    if let [byte] = separator.as_bytes() {
        return Ok(*byte);
    }
    let message = format!("`separator` must be one byte of text, not {}", Value::from(separator));
    let path = path.iter().cloned().chain([Segment::from("separator")]);
    Err(ConfigError::new(path, message).expected("one byte of text, such as \"\\n\" or \",\""))
}
