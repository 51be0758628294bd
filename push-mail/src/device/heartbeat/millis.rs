//! Durations as whole milliseconds, for what a device stores.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// No stored duration is longer: a year, so that sums of them cannot overflow.
const LONGEST_MS: u64 = 366 * 24 * 3600 * 1000;

pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(in_millis(*value))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(of_millis)
}

fn in_millis(value: Duration) -> u64 {
    u64::try_from(value.as_millis()).unwrap_or(LONGEST_MS)
}

fn of_millis(value: u64) -> Duration {
    Duration::from_millis(value.min(LONGEST_MS))
}

pub(super) mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer, in_millis, of_millis};

    pub(in super::super) fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.serialize_some(&in_millis(*value)),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(of_millis))
    }
}
