//! Files of a folder, read at the start and served from memory: no request can lead out of the folder, or block the loop.

use std::collections::HashMap;
use std::format;
use std::hash::{DefaultHasher, Hasher as _};
use std::string::{String, ToString as _};
use std::sync::Arc;
use std::vec::Vec;

use super::plain;
use crate::connector::config::ConfigError;
use crate::connector::options::options;
use crate::engine::Files;
use crate::proto::{Request, Response};

options! {
    /// Files of a folder.
    pub(in crate::connector) struct FilesRecord {
        /// The folder; relative to the working directory. It is read at the start, and again upon SIGHUP; links are not
        /// followed.
        folder: String,
        /// The path at which it appears.
        path: String = "/".into(),
        /// The file that stands for a folder.
        index: String = "index.html".into(),
        /// The most files that are served; more are a mistake.
        max_files: usize = 1024,
        /// The most bytes that all of them may have together.
        max_bytes: usize = 64 << 20,
    }
}

/// The folder as it was read last.
pub(super) struct Site {
    record: FilesRecord,
    /// By their paths from the folder.
    files: HashMap<String, File>,
}

struct File {
    content: Arc<[u8]>,
    content_type: &'static str,
    /// RFC 9110 section 8.8.3, in its quotes.
    etag: String,
}

impl Site {
    pub(super) fn read(mut record: FilesRecord, files: &mut dyn Files) -> Result<Self, ConfigError> {
        if !record.path.starts_with('/') || record.path.contains(['?', '#', '%']) {
            let message = format!("`path` must begin with `/` and hold no query, unlike `{}`", record.path);
            return Err(
                ConfigError::new(["config", "http", "files", "path"], message).expected("a path such as \"/demo/\"")
            );
        }
        if !record.path.ends_with('/') {
            record.path.push('/');
        }
        let content = read_all(&record, files)?;
        Ok(Self { record, files: content })
    }

    pub(super) fn reload(&mut self, files: &mut dyn Files) -> Result<(), ConfigError> {
        self.files = read_all(&self.record, files)?;
        Ok(())
    }

    /// `None` if the path is none of the folder's.
    pub(super) fn answer(&self, request: &Request) -> Option<Response> {
        let inside = request.path().strip_prefix(&self.record.path)?;
        let Some(name) = percent_decoded(inside) else {
            return Some(plain(400, "This is no path.\n"));
        };
        let file = if name.is_empty() || name.ends_with('/') {
            self.files.get(&(name + &self.record.index))
        } else {
            self.files.get(&name)
        }?;
        let is_known = request.headers().get("if-none-match").is_some_and(|tags| {
            tags.split(',')
                .any(|tag| matches!(tag.trim(), tag if tag == file.etag || tag == "*"))
        });
        let response = Response::new(if is_known { 304 } else { 200 })
            .header("ETag", file.etag.as_str())
            .header("Cache-Control", "no-cache");
        if is_known {
            return Some(response);
        }
        Some(
            response
                .header("Content-Type", file.content_type)
                // Browsers take the type as it is told.
                .header("X-Content-Type-Options", "nosniff")
                .body(file.content.to_vec()),
        )
    }
}

fn read_all(record: &FilesRecord, files: &mut dyn Files) -> Result<HashMap<String, File>, ConfigError> {
    let place = ["config", "http", "files", "folder"];
    let folder = record.folder.trim_end_matches('/');
    let names = files.list(folder, record.max_files).map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::FileTooLarge => format!("there are more than {} files in it", record.max_files),
            _ => error.to_string(),
        };
        ConfigError::new(
            place,
            format!("can't read the folder {}: {what}", files.absolute(folder)),
        )
        .help("paths begin at the working directory")
    })?;
    let mut left = record.max_bytes;
    let mut content = HashMap::new();
    for name in names {
        let path = format!("{folder}/{name}");
        let bytes = files.read_whole(&path, left).map_err(|error| {
            let what = match error.kind() {
                std::io::ErrorKind::FileTooLarge => {
                    format!(
                        "the files of the folder have more than {} bytes together",
                        record.max_bytes
                    )
                }
                _ => error.to_string(),
            };
            ConfigError::new(place, format!("can't read {}: {what}", files.absolute(&path)))
        })?;
        left -= bytes.len();
        let file = File {
            content_type: content_type(&name),
            etag: etag(&bytes),
            content: bytes.into(),
        };
        content.insert(name, file);
    }
    Ok(content)
}

/// The same content has the same one, in this build.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("\"{:x}-{:016x}\"", bytes.len(), hasher.finish())
}

/// RFC 3986 section 2.1; `None` of what can't be a file's name.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let number = digit(digits[0])? * 16 + digit(digits[1])?;
        bytes.push(u8::try_from(number).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// What a demo page is made of; everything else is bytes.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_once() {
        for (text, expected) in [
            ("a%20b", Some("a b")),
            ("%2e%2e/x", Some("../x")),
            ("%252e", Some("%2e")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%+1", None),
            ("%ff", None),
            ("a%00", None),
        ] {
            assert_eq!(percent_decoded(text).as_deref(), expected, "{text}");
        }
    }
}
