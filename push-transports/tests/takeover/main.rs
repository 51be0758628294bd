//! When a connection may be taken from its HTTP server, and that nobody notices: whatever is asked, however it is asked and
//! whatever stands between, what comes back is HTTP to the last byte.

#[path = "../serving/paths.rs"]
#[macro_use]
mod paths;
#[path = "../serving/mod.rs"]
mod serving;

mod bodies;
mod endings;
mod middleware;
mod requests;
mod sameness;
