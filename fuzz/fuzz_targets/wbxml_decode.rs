//! `cargo +nightly fuzz run wbxml_decode`, in this folder's parent.
#![no_main]

#[path = "../src/wbxml.rs"]
mod wbxml;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wbxml::holds(bytes));
