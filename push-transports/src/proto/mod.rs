//! What each transport says: pure protocol code, without sockets, tasks or a clock.

pub mod websocket;
