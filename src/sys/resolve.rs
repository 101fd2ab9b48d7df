//! Name look-ups on helper threads, since the system's resolver blocks.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::inbox::Inbox;
use crate::engine::{SysEvent, Token};

/// Names that may wait for a thread; one more is refused with `ResourceBusy`.
const QUEUE_LEN: usize = 1024;

/// Threads at most: a name whose server doesn't answer holds one for half a minute, and must not hold up the others.
const THREADS_MAX: usize = 8;

/// Hands look-ups to threads that it starts as they are needed. The threads end when it is dropped; nobody waits for
/// them.
///
/// A name is looked up once for all who ask while that is going on: many who try again and again to reach a name that
/// can't be looked up would else take all the threads.
pub(super) struct Resolver {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    inbox: Arc<Inbox>,
    look_up: LookUp,
}

/// Finds the addresses of a name, with port 0.
type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

#[derive(Default)]
struct State {
    /// Names that no thread has taken yet, the oldest first.
    queue: VecDeque<String>,
    /// Who waits for each name that is queued or being looked up, with the port to be added.
    waiters: HashMap<String, Vec<(Token, u16)>>,
    /// Threads that wait for work.
    idle: usize,
    is_closed: bool,
}

impl Resolver {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self::with(inbox, look_up)
    }

    fn with(inbox: Arc<Inbox>, look_up: LookUp) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            inbox,
            look_up,
        };
        Self {
            shared: Arc::new(shared),
            threads: 0,
        }
    }

    pub(super) fn resolve(&mut self, token: Token, host: &str, port: u16) {
        if let Err(error) = self.try_resolve(token, host, port) {
            self.shared.inbox.push(SysEvent::Resolved {
                token,
                result: Err(error),
            });
        }
    }

    fn try_resolve(&mut self, token: Token, host: &str, port: u16) -> io::Result<()> {
        let mut state = self.shared.lock();
        if let Some(waiters) = state.waiters.get_mut(host) {
            waiters.push((token, port));
            return Ok(());
        }
        if state.queue.len() >= QUEUE_LEN {
            return Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "too many name look-ups are waiting",
            ));
        }
        if state.queue.len() >= state.idle && self.threads < THREADS_MAX {
            let shared = Arc::clone(&self.shared);
            match thread::Builder::new()
                .name("wsloop-resolve".into())
                .spawn(move || shared.work())
            {
                Ok(_) => self.threads += 1,
                // The threads that run already will come to it.
                Err(_) if self.threads > 0 => {}
                Err(error) => return Err(error),
            }
        }
        state.waiters.insert(host.to_owned(), vec![(token, port)]);
        state.queue.push_back(host.to_owned());
        self.shared.work.notify_one();
        Ok(())
    }

    /// Nobody wants to know any more. A name that no thread has taken yet is not looked up then.
    pub(super) fn forget(&mut self, token: Token, host: &str) {
        let mut state = self.shared.lock();
        let Some(waiters) = state.waiters.get_mut(host) else {
            return;
        };
        waiters.retain(|(waiter, _)| *waiter != token);
        if waiters.is_empty() {
            let place = state.queue.iter().position(|name| name == host);
            if place.and_then(|place| state.queue.remove(place)).is_some() {
                state.waiters.remove(host);
            }
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        while let Some(host) = self.next() {
            let result = (self.look_up)(&host);
            let waiters = self.lock().waiters.remove(&host).unwrap_or_default();
            for (token, port) in waiters {
                let result = match &result {
                    Ok(addrs) => Ok(addrs.iter().map(|addr| with_port(*addr, port)).collect()),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                self.inbox.push(SysEvent::Resolved { token, result });
            }
        }
    }

    /// The next name; `None` when the resolver is gone.
    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(host) = state.queue.pop_front() {
                return Some(host);
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

fn with_port(mut addr: SocketAddr, port: u16) -> SocketAddr {
    addr.set_port(port);
    addr
}

fn look_up(host: &str) -> io::Result<Vec<SocketAddr>> {
    let mut addrs: Vec<SocketAddr> = Vec::new();
    for addr in (host, 0).to_socket_addrs()? {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addrs)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    /// Open when the slow names may be found.
    static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
    static SLOW: AtomicUsize = AtomicUsize::new(0);
    static UNWANTED: AtomicUsize = AtomicUsize::new(0);

    fn slow_or_not(host: &str) -> io::Result<Vec<SocketAddr>> {
        if host.starts_with("slow") {
            SLOW.fetch_add(1, Ordering::SeqCst);
            let gate = GATE.0.lock().unwrap();
            let (_gate, timeout) = GATE
                .1
                .wait_timeout_while(gate, Duration::from_secs(30), |open| !*open)
                .unwrap();
            assert!(!timeout.timed_out());
        }
        if host.starts_with("unwanted") {
            UNWANTED.fetch_add(1, Ordering::SeqCst);
        }
        if host.starts_with("missing") {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()])
    }

    /// The next `count` answers, by token.
    fn answers(inbox: &Inbox, count: usize) -> HashMap<Token, io::Result<Vec<SocketAddr>>> {
        let begun = Instant::now();
        let (mut answers, mut events) = (HashMap::new(), Vec::new());
        while answers.len() < count {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "{} of {count}",
                answers.len()
            );
            inbox.drain(&mut events);
            for event in events.drain(..) {
                let SysEvent::Resolved { token, result } = event else {
                    panic!("{event:?}");
                };
                assert!(answers.insert(token, result).is_none());
            }
            thread::yield_now();
        }
        answers
    }

    /// Many ask for one slow name, then others for others: these don't wait, and the slow one is looked up once. What is
    /// given up while it waits is never looked up.
    #[test]
    fn a_slow_name_is_in_nobodys_way() {
        let inbox = Inbox::silent();
        let mut resolver = Resolver::with(Arc::clone(&inbox), slow_or_not);
        for number in 0..100 {
            resolver.resolve(Token(number), "slow", number as u16);
        }
        resolver.resolve(Token(1000), "quick", 80);
        resolver.resolve(Token(1001), "missing", 80);
        let mut found = answers(&inbox, 2);
        let quick = found.remove(&Token(1000)).unwrap().unwrap();
        assert_eq!(quick, ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()]);
        assert_eq!(
            found[&Token(1001)].as_ref().unwrap_err().kind(),
            io::ErrorKind::NotFound
        );

        // Now all threads are held.
        for number in 1..THREADS_MAX {
            resolver.resolve(Token(2000 + number as u64), &format!("slow {number}"), 1);
        }
        while SLOW.load(Ordering::SeqCst) < THREADS_MAX {
            thread::yield_now();
        }
        assert_eq!(resolver.threads, THREADS_MAX);
        resolver.resolve(Token(3000), "unwanted", 1);
        resolver.resolve(Token(3001), "unwanted too", 1);
        resolver.resolve(Token(3002), "unwanted too", 1);
        for (token, host) in [(3000, "unwanted"), (3001, "unwanted too"), (7, "slow"), (1, "nobody")] {
            resolver.forget(Token(token), host);
        }
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
        let found = answers(&inbox, 99 + THREADS_MAX - 1 + 1);
        assert!(!found.contains_key(&Token(7)) && found.contains_key(&Token(3002)));
        for (token, result) in found.iter().filter(|(token, _)| token.0 < 100) {
            assert_eq!(u64::from(result.as_ref().unwrap()[0].port()), token.0);
        }
        assert_eq!(SLOW.load(Ordering::SeqCst), THREADS_MAX);
        assert_eq!(UNWANTED.load(Ordering::SeqCst), 1);
        assert!(resolver.shared.lock().waiters.is_empty());
    }

    #[test]
    fn the_queue_is_bounded_and_the_threads_end() {
        let inbox = Inbox::silent();
        let mut resolver = Resolver::with(Arc::clone(&inbox), |_| Err(io::ErrorKind::NotFound.into()));
        // As if all threads were busy for ever.
        resolver.threads = THREADS_MAX;
        for number in 0..=QUEUE_LEN {
            resolver.resolve(Token(number as u64), &number.to_string(), 1);
        }
        let refused = answers(&inbox, 1);
        let error = refused[&Token(QUEUE_LEN as u64)].as_ref().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        let shared = Arc::clone(&resolver.shared);
        let thread = thread::spawn(move || shared.work());
        answers(&inbox, QUEUE_LEN);
        drop(resolver);
        thread.join().unwrap();
    }
}
