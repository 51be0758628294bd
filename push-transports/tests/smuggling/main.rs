//! What is no request is never answered as one, and what is one is answered once and in its turn: request smuggling, early
//! bytes and split segments around connections that are taken over and come back.

#[path = "../serving/paths.rs"]
#[macro_use]
mod paths;
#[path = "../serving/mod.rs"]
mod serving;

mod early;
mod framing;
mod pipelines;
