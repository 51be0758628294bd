//! push-transports

pub mod proto;
pub mod server;
