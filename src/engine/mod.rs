//! Many connections on one thread: listeners, timers, stream ids and the event queue, generic over [`Sys`].

mod seam;

pub use seam::{FileId, Files, OpenMode, Signal, SocketOptions, Sys, SysEvent, Token, Wake};
