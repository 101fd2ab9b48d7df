//! In which named ways other implementations differ.

/// Where an implementation does not do as RFC 6455 says, or does something that the RFC leaves open in another way than
/// `proto`. Each field is a row in `docs/PROTOCOL.md`, "Where others differ".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Looks at a frame's rules only when the whole frame is there, and in another order.
    pub(crate) judges_whole_frames: bool,
    /// Takes lengths in more bytes than they need, and takes one of 2^63 or more for a frame above the limit.
    pub(crate) takes_any_length: bool,
    /// Counts the bytes of a message's fragments, but not the fragments.
    pub(crate) counts_no_fragments: bool,
    /// Turns a Close with a code that must not be sent into one of its own, code 1002 and reason "Protocol violation".
    pub(crate) mends_close_codes: bool,
    /// Takes 1014, which IANA has assigned, for a code that must not be sent.
    pub(crate) refuses_1014: bool,
    /// Takes any code in the answer to its own Close.
    pub(crate) takes_any_answer: bool,
    /// Does not answer pings between its own Close and the peer's.
    pub(crate) ignores_pings_when_closing: bool,
    /// Ends without a Close when the peer breaks a rule.
    pub(crate) breaks_off: bool,
}

/// What tungstenite 0.28 does.
pub(crate) const TUNGSTENITE: Habits = Habits {
    judges_whole_frames: true,
    takes_any_length: true,
    counts_no_fragments: true,
    mends_close_codes: true,
    refuses_1014: true,
    takes_any_answer: true,
    ignores_pings_when_closing: true,
    breaks_off: true,
};

/// Where an implementation reads a head in another way than `proto` does. Each field is a row in `docs/PROTOCOL.md`,
/// "Where others differ".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HeadHabits {
    /// Of several fields of one name, looks at the first alone.
    pub(crate) first_of_several: bool,
    /// `Upgrade` must be `websocket` and not a list, be it one of the same thing twice.
    pub(crate) upgrade_alone: bool,
    /// On a server, spaces part the items of `Connection` as commas do.
    pub(crate) parts_at_spaces: bool,
    /// On a client, `Connection` must be `Upgrade` alone.
    pub(crate) connection_alone: bool,
    /// A server takes any key that is there.
    pub(crate) any_key: bool,
    /// A server does not look at `Host`.
    pub(crate) no_host: bool,
    /// A server does not look at `Content-Length` and `Transfer-Encoding`.
    pub(crate) no_body_check: bool,
    /// A server does not look at `Expect`.
    pub(crate) no_expect_check: bool,
    /// A server does not look at the subprotocols that are offered.
    pub(crate) no_offer_check: bool,
    /// A server does not look at the extensions that are offered.
    pub(crate) no_extension_check: bool,
    /// A server takes whatever the crate `http` takes for an address.
    pub(crate) any_address: bool,
    /// A server refuses a request that more bytes came with.
    pub(crate) nothing_behind: bool,
    /// A client takes any extension.
    pub(crate) any_extension: bool,
    /// A client that offered subprotocols insists on one.
    pub(crate) insists_on_subprotocol: bool,
    /// A client takes an interim answer for the answer.
    pub(crate) interim_is_final: bool,
    /// A client does not take folded fields.
    pub(crate) no_folding: bool,
    /// A client looks neither at how the body of a refusal is framed nor at the head of one in HTTP/1.0.
    pub(crate) no_refusal_body: bool,
}

/// What tungstenite 0.28 does.
pub(crate) const TUNGSTENITE_HEADS: HeadHabits = HeadHabits {
    first_of_several: true,
    upgrade_alone: true,
    parts_at_spaces: true,
    connection_alone: true,
    any_key: true,
    no_host: true,
    no_body_check: true,
    no_expect_check: true,
    no_offer_check: true,
    no_extension_check: true,
    any_address: true,
    nothing_behind: true,
    any_extension: true,
    insists_on_subprotocol: true,
    interim_is_final: true,
    no_folding: true,
    no_refusal_body: true,
};
