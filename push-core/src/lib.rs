//! push-core
