//! Following a server that answers with another place to ask (RFC 9110 section 15.4, which RFC 6455 section 4.1 allows).

use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::super::core::Core;
use super::super::engine::dialled_profile;
use super::super::error::{Failure, RedirectError};
use super::super::events::Entry;
use super::super::id::StreamId;
use super::super::options::ConnectOptions;
use super::super::options::url::{Resolved, Url, bare_host, resolve, without_dots};
use super::super::peer::Peer;
use super::super::seam::{Address, Sys};
use super::super::stream::{Flags, Phase, Stream};
use super::Dial;
use crate::proto::{ClientRequest, Refusal};

impl<S: Sys> Stream<S> {
    /// Goes where a refusal redirects to, if redirects are to be followed: then the stream is being dialled again, or has
    /// failed. False if the refusal is one.
    pub(in crate::engine) fn follow(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        sink: &mut Vec<Entry>,
        refusal: &Refusal,
    ) -> bool {
        let Some(dial) = self.dial.as_ref().filter(|dial| dial.options.redirects_max > 0) else {
            return false;
        };
        // RFC 9110 section 15.4: to what comes with another status of this class a client can't be sent by itself.
        let (301 | 302 | 303 | 307 | 308, Some(location)) = (refusal.status, refusal.headers.get("location")) else {
            return false;
        };
        match next(dial, location) {
            Ok((options, request)) => self.dial_again(id, core, sink, options, request),
            Err(error) => {
                let location = shown(location);
                self.flags.set(Flags::CUT);
                self.fail(id, core, sink, Failure::Redirect { location, error });
            }
        }
        true
    }

    fn dial_again(
        &mut self,
        id: StreamId,
        core: &mut Core<S>,
        sink: &mut Vec<Entry>,
        options: ConnectOptions,
        request: ClientRequest,
    ) {
        if let Some(socket) = self.socket.take() {
            core.sys.close(socket);
        }
        core.adopted.remove(&id);
        self.secure = None;
        self.peer = Peer::UNKNOWN;
        // What is known of the old socket; lists that the stream stands in know it still.
        for flag in [
            Flags::READABLE,
            Flags::BLOCKED,
            Flags::HANGUP,
            Flags::EOF,
            Flags::UNWRITABLE,
            Flags::CUT,
        ] {
            self.flags.clear(flag);
        }
        let mut visited = self.dial.take().map(|dial| dial.visited).unwrap_or_default();
        if let Some(url) = &self.profile.url {
            visited.push(String::from(&**url));
        }
        self.profile = dialled_profile(&options);
        self.phase = Phase::Resolving;
        let mut dial = Dial::new(options, request, core.now);
        dial.visited = visited;
        self.dial = Some(Box::new(dial));
        self.start_dial(id, core, sink);
    }
}

/// How to ask at `location`.
fn next<K>(dial: &Dial<K>, location: &str) -> Result<(ConnectOptions, ClientRequest), RedirectError> {
    if dial.visited.len() >= usize::from(dial.options.redirects_max) {
        return Err(RedirectError::TooMany);
    }
    let options = redirected(&dial.options, location)?;
    let url = options.url();
    if url == dial.options.url() || dial.visited.contains(&url) {
        return Err(RedirectError::Loop);
    }
    let request = options.request().map_err(|_| RedirectError::BadLocation)?;
    request.check().map_err(|_| RedirectError::BadLocation)?;
    options.tunnel().map_err(|_| RedirectError::BadLocation)?;
    Ok((options, request))
}

/// The options of a dial whose server sends it on to `location`.
fn redirected(from: &ConnectOptions, location: &str) -> Result<ConnectOptions, RedirectError> {
    let was_secure = from.speaks_tls();
    let url = match resolve(if was_secure { "wss" } else { "ws" }, &from.target, location) {
        Resolved::Target(target) => {
            let mut options = from.clone();
            options.target = target;
            return Ok(options);
        }
        Resolved::Url(url) => url,
    };
    let url = Url::parse(&url).map_err(|_| RedirectError::BadLocation)?;
    let secure = match url.scheme.to_ascii_lowercase().as_str() {
        "ws" | "http" => false,
        "wss" | "https" => true,
        _ => return Err(RedirectError::BadLocation),
    };
    if url.userinfo.is_some() {
        return Err(RedirectError::BadLocation);
    }
    if was_secure && !secure {
        return Err(RedirectError::Downgrade);
    }
    let host = bare_host(url.host);
    let port = url.port.unwrap_or(if secure { 443 } else { 80 });
    let mut options = from.clone();
    options.target = without_dots(&url.target());
    let same_origin = was_secure == secure && port == from.port && host.eq_ignore_ascii_case(&from.host);
    if !same_origin {
        leave_origin(&mut options, secure)?;
        options.host = host.into();
        options.port = port;
        options.secure = secure;
        options.name_server(host);
    }
    Ok(options)
}

/// Drops what was meant for the origin that is left.
fn leave_origin(options: &mut ConnectOptions, secure: bool) -> Result<(), RedirectError> {
    if options
        .addresses
        .iter()
        .any(|address| matches!(address, Address::Unix(_)))
        && options.proxy.is_none()
    {
        return Err(RedirectError::LeavesUnixSocket);
    }
    options.basic = None;
    options.headers.retain(|header| !header.is_sensitive);
    options.offered = options.offered_to_anybody().cloned().collect();
    options.host_header = None;
    if options.proxy.is_none() {
        options.addresses.clear();
    }
    if secure && !options.begin_tls() {
        return Err(RedirectError::TlsMissing);
    }
    Ok(())
}

/// A location without its query, which may hold secrets of the server's, and of bounded length.
fn shown(location: &str) -> String {
    let end = location.find(['?', '#']).unwrap_or(location.len());
    location[..end].chars().take(200).collect()
}
