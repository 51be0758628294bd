//! The calls of wire.md §9, as a device sees them.

mod channels;
mod content;
mod crowd;
mod devices;
mod pings;
mod restarts;
mod syncs;
mod who;
mod wire;
mod world;
