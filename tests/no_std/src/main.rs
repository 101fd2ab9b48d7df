//! A client and a server that open, echo and close, on nothing but `core`, `alloc` and an arena of 64 KiB.
//!
//! Ends with 0, or with the number of the step that failed.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::sync::Arc;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use wsloop::proto::{Accept, ClientRequest, CloseCode, Config, Connection, Entropy, Event, Instant, Side};

const ARENA_BYTES: usize = 64 << 10;

/// Gives memory out once, which is enough for one short conversation.
struct Arena {
    bytes: UnsafeCell<[u8; ARENA_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: each byte is given to one caller only, since `used` never goes back.
unsafe impl Sync for Arena {}

// SAFETY: what is given out is aligned, within the arena, and never given out again.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let most = layout.size() + layout.align();
        let used = self.used.fetch_add(most, Ordering::Relaxed);
        if used + most > ARENA_BYTES {
            return core::ptr::null_mut();
        }
        let start = self.bytes.get().cast::<u8>().wrapping_add(used);
        start.wrapping_add(start.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena {
    bytes: UnsafeCell::new([0; ARENA_BYTES]),
    used: AtomicUsize::new(0),
};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

// `alloc` comes compiled to unwind and names the two halves of that, though nothing unwinds here.
#[link(name = "gcc_s")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    // SAFETY: it takes nothing and doesn't come back.
    unsafe { abort() }
}

struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(97);
            *byte = self.0;
        }
    }
}

/// Carries what waits from one end to the other, which answers; how many messages and last events there were.
fn carry(from: &mut Connection, to: &mut Connection, entropy: &mut Counter) -> Option<usize> {
    let mut bytes = from.poll_transmit(Instant::ZERO, entropy).to_vec();
    from.transmitted(Instant::ZERO, bytes.len());
    let mut input = to.handle_bytes(Instant::ZERO, &mut bytes);
    let mut count = 0;
    while let Some(event) = to.poll_event(&mut input, entropy) {
        match event {
            Event::Request(_) => to.accept(&Accept::new()).ok()?,
            Event::Opened(_) if to.side() == Side::Client => to.send("grüß dich".into(), entropy).ok()?,
            Event::Message(message) if to.side() == Side::Server => to.send(message.as_message(), entropy).ok()?,
            Event::Message(message) => {
                count += usize::from(message.as_message().as_text()?.as_str() == "grüß dich");
                to.close(Instant::ZERO, Some(CloseCode::NORMAL), "", entropy).ok()?;
            }
            Event::Closed(closed) => count += usize::from(closed.code == Some(CloseCode::NORMAL)),
            _ => {}
        }
    }
    Some(count)
}

fn talk() -> Result<(), i32> {
    let (config, mut entropy) = (Arc::new(Config::default()), Counter(0));
    let request = ClientRequest::new("localhost", "/");
    let mut client = Connection::client(config.clone(), &request, Instant::ZERO, &mut entropy).map_err(|_| 1)?;
    let mut server = Connection::server(config, Instant::ZERO);
    let mut count = 0;
    for _ in 0..8 {
        count += carry(&mut client, &mut server, &mut entropy).ok_or(2)?;
        count += carry(&mut server, &mut client, &mut entropy).ok_or(3)?;
    }
    // The echo, and a Close at each end.
    if count != 3 {
        return Err(4);
    }
    if client.is_finished() && server.is_finished() {
        Ok(())
    } else {
        Err(5)
    }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    talk().map_or_else(|step| step, |()| 0)
}
