//! Name look-ups on helper threads, since the system's resolver blocks.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::inbox::Inbox;
use crate::engine::{SysEvent, Token};

/// Look-ups that may wait for a thread; one more is refused with `ResourceBusy`.
const QUEUE_LEN: usize = 1024;

/// Threads at most: a name server that doesn't answer holds one for half a minute, and must not hold up the others.
const THREADS_MAX: usize = 4;

/// Hands look-ups to threads that it starts as they are needed. The threads end when it is dropped; nobody waits for
/// them.
pub(super) struct Resolver {
    inbox: Arc<Inbox>,
    requests: Option<SyncSender<Request>>,
    source: Option<Arc<Mutex<Receiver<Request>>>>,
    threads: usize,
}

struct Request {
    token: Token,
    host: String,
    port: u16,
}

impl Resolver {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            requests: None,
            source: None,
            threads: 0,
        }
    }

    pub(super) fn resolve(&mut self, token: Token, host: &str, port: u16) {
        if let Err(error) = self.try_resolve(Request {
            token,
            host: host.to_owned(),
            port,
        }) {
            self.inbox.push(SysEvent::Resolved {
                token,
                result: Err(error),
            });
        }
    }

    fn try_resolve(&mut self, request: Request) -> io::Result<()> {
        let requests = self.requests.get_or_insert_with(|| {
            let (requests, source) = sync_channel(QUEUE_LEN);
            self.source = Some(Arc::new(Mutex::new(source)));
            requests
        });
        match requests.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "too many name look-ups are waiting",
                ));
            }
        }
        if self.threads < THREADS_MAX
            && let Some(source) = &self.source
        {
            let (source, inbox) = (Arc::clone(source), Arc::clone(&self.inbox));
            match thread::Builder::new()
                .name("wsloop-resolve".into())
                .spawn(move || work(&source, &inbox))
            {
                Ok(_) => self.threads += 1,
                // The threads that run already will come to it.
                Err(_) if self.threads > 0 => {}
                Err(error) => {
                    self.requests = None;
                    self.source = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

fn work(source: &Mutex<Receiver<Request>>, inbox: &Inbox) {
    loop {
        let next = source.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Request { token, host, port }) = next else {
            return;
        };
        inbox.push(SysEvent::Resolved {
            token,
            result: look_up(&host, port),
        });
    }
}

fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut addrs: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    addrs.dedup();
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}
