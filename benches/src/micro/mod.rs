//! Operations to be measured by themselves: what each does is in [`text`], [`wire`], [`frames`] and [`hub`].
//!
//! Nothing here depends on time or chance, as far as it is ours: clocks stand still, and the hub's epoch is always the
//! same. What is left is the seed of hash tables.

use std::hint::black_box;

pub mod frames;
pub mod hub;
pub mod text;
pub mod wire;

/// Something that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its family and its name, with a slash between.
    pub name: &'static str,
    /// Bytes that it reads or makes, where there are many.
    pub bytes: Option<u64>,
    /// Makes what it works on, and gives what does it once.
    pub prepare: fn() -> Work,
}

/// Does an operation once.
pub type Work = Box<dyn FnMut()>;

impl Operation {
    const fn new(name: &'static str, prepare: fn() -> Work) -> Self {
        Self { name, bytes: None, prepare }
    }

    const fn of_bytes(name: &'static str, bytes: u64, prepare: fn() -> Work) -> Self {
        Self { name, bytes: Some(bytes), prepare }
    }
}

/// All of them.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    [hub::OPERATIONS, wire::OPERATIONS, frames::OPERATIONS, text::OPERATIONS].into_iter().flatten()
}

/// Makes work of a function whose result nobody else looks at.
fn work<T>(mut function: impl FnMut() -> T + 'static) -> Work {
    Box::new(move || {
        black_box(function());
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_can_be_done_again_and_again() {
        for operation in operations() {
            let mut work = (operation.prepare)();
            for _ in 0..3 {
                work();
            }
        }
    }

    #[test]
    fn every_operation_has_a_family_and_a_name_of_its_own() {
        let names: Vec<_> = operations().map(|operation| operation.name).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:?}");
        assert!(names.iter().all(|name| name.split('/').count() == 2), "{names:?}");
    }
}
