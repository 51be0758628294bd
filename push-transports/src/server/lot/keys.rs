//! Maps by a lot's keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by keys, which the lot gives out itself: nobody outside can aim at its places, so spreading them is enough.
pub(crate) type KeyMap<V> = HashMap<u32, V, BuildHasherDefault<KeyHasher>>;

/// Gives back the room of a crowd that has left.
pub(super) fn shrink<V>(map: &mut KeyMap<V>) {
    if map.capacity() > 256 && map.len() * 8 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}

/// Spreads a key over all bits. Source: Knuth, The Art of Computer Programming, vol. 3, §6.4 (Fibonacci hashing).
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn write_u32(&mut self, key: u32) {
        self.0 = (self.0 ^ u64::from(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The map takes its places from the low bits; the product is spread best in the high ones.
        self.0 ^ (self.0 >> 32)
    }
}
