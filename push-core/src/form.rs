//! Wire forms: the bytes of a publication as one transport writes them, made once and shared.
//!
//! Forms are a cache. A hub gives them a budget of bytes; the oldest go first, and whoever needs one
//! that is gone makes it again. So live delivery shares bytes, and a long history costs only its payloads.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::publication::Publication;
use crate::sync::Mutex;

/// Which wire form; the numbers are the transports' to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FormId(pub u8);

/// The forms made of one publication.
#[derive(Debug)]
pub(crate) struct Forms {
    /// A handful at most, so a list beats a map.
    made: Mutex<Vec<(FormId, Bytes)>>,
    /// Who to charge for them.
    budget: Arc<FormBudget>,
}

impl Forms {
    pub(crate) fn new(budget: &Arc<FormBudget>) -> Self {
        Self { made: Mutex::new(Vec::new()), budget: Arc::clone(budget) }
    }

    pub(crate) fn get(publication: &Arc<Publication>, id: FormId, make: impl FnOnce(&Publication) -> Bytes) -> Bytes {
        let forms = &publication.forms;
        let bytes = {
            // Held while the form is made: the others who want it wait instead of making it again.
            let mut made = forms.made.lock();
            if let Some((_, bytes)) = made.iter().find(|(have, _)| *have == id) {
                return bytes.clone();
            }
            let bytes = make(publication);
            made.push((id, bytes.clone()));
            bytes
        };
        forms.budget.charge(publication, id, bytes.len());
        bytes
    }

    fn forget(&self, id: FormId) {
        self.made.lock().retain(|(have, _)| *have != id);
    }
}

/// The bytes that all forms of a hub may take together.
#[derive(Debug)]
pub(crate) struct FormBudget {
    limit: u64,
    state: Mutex<Charged>,
}

#[derive(Debug, Default)]
struct Charged {
    /// Oldest first; an entry outlives a publication that was dropped until its turn comes.
    entries: VecDeque<(Weak<Publication>, FormId, u64)>,
    bytes: u64,
}

/// What an entry costs beside the form's bytes: list places, and the allocation a weak reference keeps.
const ENTRY_BYTES: u64 = 320;

impl FormBudget {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, state: Mutex::new(Charged::default()) })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    fn charge(&self, publication: &Arc<Publication>, id: FormId, len: usize) {
        let cost = len as u64 + ENTRY_BYTES;
        let mut evicted = Vec::new();
        {
            let mut state = self.state.lock();
            state.entries.push_back((Arc::downgrade(publication), id, cost));
            state.bytes += cost;
            while state.bytes > self.limit {
                let Some((publication, id, cost)) = state.entries.pop_front() else { break };
                state.bytes -= cost;
                evicted.push((publication, id));
            }
        }
        // Outside the lock: a publication's own lock is never taken under the budget's.
        for (publication, id) in evicted {
            if let Some(publication) = publication.upgrade() {
                publication.forms.forget(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Epoch;
    use crate::name::ChannelName;
    use crate::publication::{Draft, Numbered};

    fn publication(budget: &Arc<FormBudget>) -> Arc<Publication> {
        let draft = Draft::text("x");
        let class = draft.classify().expect("text");
        let channel = ChannelName::parse("c").expect("a name");
        let numbered = Numbered { channel, epoch: Epoch::from_u64(1), number: 1, offset: 1, time_ms: 0 };
        Publication::new(draft, class, numbered, budget)
    }

    #[test]
    fn a_form_is_made_once_and_shared() {
        let publication = publication(&FormBudget::new(10_000));
        let first = publication.form(FormId(1), |_| Bytes::from(vec![7; 100]));
        let again = publication.form(FormId(1), |_| panic!("made twice"));
        assert_eq!(first.as_ptr(), again.as_ptr());
        assert_eq!(publication.form(FormId(2), |_| Bytes::from_static(b"other")), "other");
    }

    #[test]
    fn the_oldest_forms_go_when_the_budget_is_spent() {
        let budget = FormBudget::new(3_000);
        let publications: Vec<_> = (0..10).map(|_| publication(&budget)).collect();
        for publication in &publications {
            publication.form(FormId(0), |_| Bytes::from(vec![0; 600]));
        }
        assert!(budget.bytes() <= 3_000);
        let held = publications.iter().filter(|p| !p.forms.made.lock().is_empty()).count();
        assert_eq!(held, 3);
        assert_eq!(publications[0].form(FormId(0), |_| Bytes::from_static(b"again")), "again");
    }
}
