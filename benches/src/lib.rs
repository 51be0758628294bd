//! The small operations that a delivery, a connection and a subscriber are made of, for whoever measures them: criterion
//! (`cargo bench -p benches`) in time, and the program of this crate (`benches instructions`) in instructions.
#![forbid(unsafe_code)]

pub mod micro;
