//! What a connection that waits costs the server, held as budgets in bytes, and that it is given back.
//!
//! - In lots (`lots`): 64 bytes, whatever the connection waits for; 1,400 for a device that waits for mail, with what
//!   is remembered of it.
//! - On the portable path (`portable`): hyper keeps its connection for each, two buffers of 8 KiB and the objects around
//!   them, so 24 KiB. A WebSocket's socket is taken out of hyper, and takes far less: 6 KiB.
//! - Under TLS (`tls`): what rustls keeps, some 3 KB, beside the above: 3,300 bytes in lots, 4,200 for a device, and
//!   without lots 18 KiB, 7 for a WebSocket.
//!
//! The server is a process of its own, of which resident memory is read before and after. One test runs at a time: they
//! need the descriptors of a whole process.

mod clients;
#[cfg(target_os = "linux")]
mod lots;
mod measure;
mod portable;
mod tls;
