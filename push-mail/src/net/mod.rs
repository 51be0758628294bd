//! Connections to mail servers: TCP, and TLS over it from the start or later.

mod endpoint;
mod stream;
mod tls;

pub(crate) use endpoint::{Endpoint, Schemes, Security};
pub(crate) use stream::Stream;
pub(crate) use tls::Tls;
