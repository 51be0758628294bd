//! push-transports

pub mod server;
