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
#[cfg(target_os = "linux")]
pub(crate) mod grow;
#[cfg(target_os = "linux")]
pub(crate) mod pass;
#[cfg(target_os = "linux")]
pub(crate) mod records;
#[cfg(target_os = "linux")]
pub(crate) mod slots;
#[cfg(target_os = "linux")]
pub(crate) mod ticks;
