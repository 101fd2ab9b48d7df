//! Log records of what the loop does, with the feature `log`; without it nothing is formatted and nothing is left of them.
//! Nothing is told of a message that goes its way.

use super::events::Kind;
use super::id::StreamId;

/// `tell!(level, "format", …)`: a record of the target `wsloop`.
#[cfg(feature = "log")]
macro_rules! tell {
    ($level:ident, $($what:tt)+) => {
        ::log::$level!(target: "wsloop", $($what)+)
    };
}

/// What is told nobody hears.
#[cfg(not(feature = "log"))]
macro_rules! tell {
    ($level:ident, $($what:tt)+) => {{
        let _ = || format_args!($($what)+).as_str();
    }};
}

pub(super) use tell;

/// A stream has ended.
pub(super) fn tell_end(id: StreamId, last: &Kind) {
    if let Kind::Failed(failure) = last {
        tell!(debug, "{id:?} has ended: {failure}");
    } else if let Kind::Closed(closed) = last {
        match closed.code {
            Some(code) => tell!(debug, "{id:?} is closed with {code}"),
            None => tell!(debug, "{id:?} is closed without a code"),
        }
    }
}
