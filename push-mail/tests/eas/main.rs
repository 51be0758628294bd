//! Exchange ActiveSync, as a phone sees it.

mod client;
mod scenarios;
mod world;
