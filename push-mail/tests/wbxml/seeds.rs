//! The fuzzer's corpus, without the fuzzer.

use std::{fs, path::Path};

use super::fuzzed;

/// What a byte is replaced by, everywhere, besides itself with a bit changed: tokens.
const BYTES: [u8; 7] = [0x00, 0x01, 0x02, 0x03, 0x45, 0x83, 0xC3];

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/wbxml_decode");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "the corpus is there: {}", paths.len());
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn what_must_hold_holds_for_each_seed_of_the_fuzzer() {
    seeds().iter().for_each(|seed| fuzzed::holds(seed));
}

#[test]
fn what_must_hold_holds_for_each_seed_cut_anywhere() {
    for seed in seeds() {
        (0..seed.len()).for_each(|length| fuzzed::holds(&seed[..length]));
    }
}

#[test]
fn what_must_hold_holds_for_each_seed_with_any_byte_replaced() {
    for seed in seeds() {
        for at in 0..seed.len() {
            for byte in BYTES.into_iter().chain([0x01, 0x40, 0x80].map(|bit| seed[at] ^ bit)) {
                let mut changed = seed.clone();
                changed[at] = byte;
                fuzzed::holds(&changed);
            }
        }
    }
}

#[test]
fn what_must_hold_holds_for_the_beginning_of_each_seed_with_the_end_of_each_other() {
    let seeds = seeds();
    for first in &seeds {
        for second in &seeds {
            for (from, to) in [(first.len() / 2, second.len() / 2), (first.len(), 4), (4, second.len() / 3)] {
                fuzzed::holds(&[&first[..from.min(first.len())], &second[to.min(second.len())..]].concat());
            }
        }
    }
}
