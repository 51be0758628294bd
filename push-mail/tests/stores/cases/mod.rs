//! The list, by what is tried.

pub(crate) mod changes;
pub(crate) mod commands;
pub(crate) mod dates;
pub(crate) mod fetch;
pub(crate) mod folders;
pub(crate) mod restarts;
pub(crate) mod tokens;
pub(crate) mod watch;
