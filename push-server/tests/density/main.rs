//! What a connection that waits costs the server, held as budgets in bytes, and that it is given back.
//!
//! - In lots (`lots`): 64 bytes, whatever the connection waits for; 1,400 for a device that waits for mail, with what
//!   is remembered of it.
//! - On the portable path (`portable`): hyper keeps its connection for each, two buffers of 8 KiB and the objects around
//!   them, so 24 KiB. A WebSocket's socket is taken out of hyper, and takes far less: 6 KiB.
//! - Under TLS (`tls`): the portable path, and what rustls keeps, 6 KiB, of which 4 are its read buffer: 28 KiB, a
//!   WebSocket 12 KiB.
//!
//! The server is a process of its own, of which resident memory is read before and after. One test runs at a time: they
//! need the descriptors of a whole process.

mod clients;
#[cfg(target_os = "linux")]
mod lots;
mod measure;
mod portable;
mod tls;
