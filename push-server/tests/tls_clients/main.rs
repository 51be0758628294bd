//! TLS as others speak it: curl, OpenSSL, and a device of ours, against the binary.

mod doors;
mod foreign;
mod world;
