//! push-transports

pub mod proto;
