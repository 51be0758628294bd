//! push-server from outside: started as a process, spoken to over sockets, as its operator, its users and its
//! attackers do. Written from the published surface alone.

mod configuration;
mod drain;
mod garbage;
mod operation;
mod presence;
mod security;
mod support;
mod tokens;
mod websocket_offences;
