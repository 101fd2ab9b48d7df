//! Frames as bytes: headers, masks, UTF-8 across cuts, payloads of Close. No state, and no idea of who speaks.

pub(crate) mod close;
pub(crate) mod header;
pub(crate) mod mask;
pub(crate) mod utf8;
