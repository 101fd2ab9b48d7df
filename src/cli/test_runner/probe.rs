//! Whether a port is open, and whether an HTTP server answers: asked through the same system layer that the engine
//! stands on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use wsloop::engine::{SocketOptions, Sys, SysEvent, Token};
use wsloop::sys::MioSys;

/// How long one attempt may take; the conditions are asked again and again.
const ATTEMPT: Duration = Duration::from_millis(1000);

/// The bytes of an HTTP answer that are looked at.
const HEAD_BYTES: usize = 64;

/// Asks ports and servers.
pub(super) struct Probe {
    /// Made when it is first needed.
    sys: Option<MioSys>,
    tokens: u64,
}

/// What one question found: yes, or why not.
type Answer = Result<(), io::Error>;

impl Probe {
    pub(super) fn new() -> Self {
        Self { sys: None, tokens: 0 }
    }

    /// Whether something listens on `port`, which is a port of this host or `host:port`.
    ///
    /// # Errors
    /// `port` is neither.
    pub(super) fn is_open(&mut self, port: &str) -> Result<Answer, String> {
        let (host, number) = port.rsplit_once(':').unwrap_or(("localhost", port));
        let number = number
            .parse()
            .map_err(|_| format!("port-open: `{port}` is neither a port nor host:port"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(self.connected(&host, number, |_, _, _| Ok(())))
    }

    /// Whether a GET of `url` gives a status from 200 to 299.
    ///
    /// # Errors
    /// `url` is not one of `http://`.
    pub(super) fn is_ok(&mut self, url: &str) -> Result<Answer, String> {
        let unusable = || format!("http-ok: `{url}` is not of the form http://host:port/path");
        let rest = url.strip_prefix("http://").ok_or_else(unusable)?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| unusable())?),
            _ => (authority, 80),
        };
        if host.is_empty() || rest.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err(unusable());
        }
        let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        let host = host.trim_matches(['[', ']']);
        Ok(self.connected(host, port, |sys, socket, deadline| {
            get(sys, socket, request.as_bytes(), deadline)
        }))
    }

    /// Connects to one of the host's addresses, and asks there.
    fn connected(
        &mut self,
        host: &str,
        port: u16,
        mut ask: impl FnMut(&mut MioSys, &mut <MioSys as Sys>::Socket, Instant) -> Answer,
    ) -> Answer {
        let deadline = Instant::now() + ATTEMPT;
        let sys = match &mut self.sys {
            Some(sys) => sys,
            none => none.insert(MioSys::new()?),
        };
        self.tokens += 1;
        let addresses = addresses(sys, Token(self.tokens), host, port, deadline)?;
        let mut last = Err(io::ErrorKind::NotFound.into());
        for address in addresses {
            self.tokens += 1;
            let mut socket = match sys.connect(Token(self.tokens), &address.into(), &SocketOptions::default()) {
                Ok(socket) => socket,
                Err(error) => {
                    last = Err(error);
                    continue;
                }
            };
            last =
                retry(sys, deadline, |sys| sys.connected(&mut socket)).and_then(|()| ask(sys, &mut socket, deadline));
            sys.close(socket);
            if last.is_ok() {
                break;
            }
        }
        last
    }
}

fn addresses(sys: &mut MioSys, token: Token, host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    sys.resolve(token, host, port);
    let mut events = Vec::new();
    loop {
        wait(sys, &mut events, deadline)?;
        for event in events.drain(..) {
            match event {
                SysEvent::Resolved { token: of, result } if of == token => return result,
                _ => {}
            }
        }
    }
}

/// Sends the request and reads the status line.
fn get(sys: &mut MioSys, socket: &mut <MioSys as Sys>::Socket, request: &[u8], deadline: Instant) -> Answer {
    let mut unsent = request;
    while !unsent.is_empty() {
        let count = retry(sys, deadline, |sys| sys.write(socket, unsent))?;
        unsent = &unsent[count..];
    }
    let mut head = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < head.len() && !head[..filled].contains(&b'\n') {
        match retry(sys, deadline, |sys| sys.read(socket, &mut head[filled..]))? {
            0 => break,
            count => filled += count,
        }
    }
    let head = String::from_utf8_lossy(&head[..filled]);
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") && status.starts_with('2') => Ok(()),
        _ => Err(io::Error::other(format!(
            "`{}`",
            head.lines().next().unwrap_or_default()
        ))),
    }
}

/// Does something that says `WouldBlock` until it is done or `deadline` has passed.
fn retry<T>(
    sys: &mut MioSys,
    deadline: Instant,
    mut action: impl FnMut(&mut MioSys) -> io::Result<T>,
) -> io::Result<T> {
    let mut events = Vec::new();
    loop {
        match action(sys) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(sys, &mut events, deadline)?,
            done => return done,
        }
    }
}

fn wait(sys: &mut MioSys, events: &mut Vec<SysEvent>, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    events.clear();
    sys.poll(events, Some(left))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_open_port_is_told_from_a_closed_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let mut probe = Probe::new();
        probe.is_open(&port).unwrap().unwrap();
        probe.is_open(&format!("127.0.0.1:{port}")).unwrap().unwrap();
        drop(listener);
        assert!(probe.is_open(&format!("127.0.0.1:{port}")).unwrap().is_err());
        assert!(probe.is_open("http").unwrap_err().contains("`http`"));
    }

    #[test]
    fn an_http_server_is_asked_for_its_status() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            for status in ["204 No Content", "503 Busy"] {
                let (mut peer, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let count = peer.read(&mut request).unwrap();
                assert!(request[..count].starts_with(b"GET /status?x HTTP/1.1\r\n"));
                write!(peer, "HTTP/1.1 {status}\r\n\r\n").unwrap();
            }
        });
        let url = format!("http://{address}/status?x");
        let mut probe = Probe::new();
        probe.is_ok(&url).unwrap().unwrap();
        assert!(probe.is_ok(&url).unwrap().unwrap_err().to_string().contains("503"));
        server.join().unwrap();
        assert!(probe.is_ok("https://x/").is_err());
        assert!(probe.is_ok("http://:x/").is_err());
    }
}
