//! TLS under `serve`: who gets in, what is said to who does not, certificates that change, and ends.

mod connections;
mod handshakes;
mod reload;
mod subscribers;
mod world;
