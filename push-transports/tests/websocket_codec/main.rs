//! The WebSocket codec against RFC 6455, RFC 7692 and a foreign client.
//!
//! Each rule is a row or a test whose name or tag says which; rows are read whole and byte by byte,
//! with the same outcome. The families of the usual conformance suite (1..=10, 12, 13) are named where
//! they are covered.

mod closing;
mod deflate;
mod fragments;
mod frames;
mod handshake;
mod peer;
mod pieces;
mod support;
mod text;
mod times;
