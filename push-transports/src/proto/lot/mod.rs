//! The tables of the fast path: what a lot knows about its sockets, without the sockets.
//!
//! ```text
//!  epoll event ─▶ key ─▶ records: state, address, deadline ──▶ group, place
//!                        handles: the descriptor                    │
//!                                                                   ▼
//!  crowd's batch ─▶ pass: one buffer ───────────────▶ slots: key key key│key key
//!                                                          have it      ▲ next
//! ```
//!
//! In reading order: [`ticks`] (the lot's coarse time), [`records`] (one entry a connection), [`slots`] (who is in a
//! group, and how far a pass has come), [`pass`] (the bytes that a pass sends), [`addresses`] (connections counted by
//! address, for all lots), [`grow`] (how tables take memory and give it back).

pub(crate) mod addresses;
pub(crate) mod grow;
pub(crate) mod pass;
pub(crate) mod records;
pub(crate) mod slots;
pub(crate) mod ticks;
