//! push-transports
