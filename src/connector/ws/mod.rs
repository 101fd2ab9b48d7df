//! What `ws_server` and `ws_client` have in common: addresses, options, metadata, frames.

pub(super) mod check;
pub(super) mod control;
pub(super) mod frame;
pub(super) mod life;
pub(super) mod meta;
pub(super) mod options;
pub(super) mod url;
