//! The list, by what is tried.

pub mod changes;
pub mod commands;
pub mod fetch;
pub mod folders;
pub mod restarts;
pub mod tokens;
pub mod watch;
