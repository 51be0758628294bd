//! Publications outside any hub, for tests of wire forms. Only with the feature `testkit`.

use std::sync::Arc;

use crate::cursor::Epoch;
use crate::form::FormBudget;
use crate::name::ChannelName;
use crate::publication::{Draft, InvalidJson, Numbered, Publication};

impl Publication {
    /// What a hub would make of `draft`: epoch 1, time 1780000000123, `number` and `offset` as given.
    ///
    /// # Errors
    ///
    /// [`InvalidJson`] if the payload is not what its type says.
    pub fn sample(draft: Draft, channel: ChannelName, number: u64, offset: u64) -> Result<Arc<Self>, InvalidJson> {
        let class = draft.classify()?;
        let numbered = Numbered { channel, epoch: Epoch::from_u64(1), number, offset, time_ms: 1_780_000_000_123 };
        Ok(Self::new(draft, class, numbered, &FormBudget::new(1 << 20)))
    }
}
