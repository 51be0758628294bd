//! Vectors that grow by a quarter and give back what they no longer use.
//!
//! A vector that doubles has on average a third of its room empty. With tables of a few bytes a connection that room
//! is most of what a connection costs (a trial measured 41 bytes where 24 were in use), and the copying that doubling
//! saves is not worth it: the allocator moves large blocks by remapping their pages.

/// The least room that is added, so that small tables do not grow one by one.
const LEAST: usize = 4;

/// The most room that is added, so that large tables do not hold megabytes for connections that may never come.
const MOST: usize = 4096;

/// Below this much room nothing is given back: it is not worth a call of the allocator.
const WORTH_GIVING_BACK: usize = 64;

fn room_for(len: usize) -> usize {
    (len / 4).clamp(LEAST, MOST)
}

/// Makes room for one more element, and for a quarter more if there was none.
pub(crate) fn reserve_one<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact(room_for(vec.len()));
    }
}

/// Gives room back once less than a quarter of it is in use.
pub(crate) fn give_back<T>(vec: &mut Vec<T>) {
    if vec.capacity() >= WORTH_GIVING_BACK && vec.len() < vec.capacity() / 4 {
        vec.shrink_to(vec.len() + room_for(vec.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_never_has_more_than_a_quarter_of_its_room_empty_while_it_grows() {
        let mut table: Vec<u32> = Vec::new();
        let mut moves = 0;
        for element in 0..100_000 {
            let before = table.capacity();
            reserve_one(&mut table);
            moves += usize::from(table.capacity() != before);
            table.push(element);
            let spare = table.capacity() - table.len();
            assert!(spare <= (table.len() / 4).clamp(LEAST, MOST), "{spare} spare of {}", table.len());
        }
        assert!(moves < 100, "moved {moves} times");
    }

    #[test]
    fn a_table_that_was_large_gives_its_room_back_without_doing_so_at_each_removal() {
        let mut table: Vec<u32> = (0..100_000).collect();
        let mut moves = 0;
        while table.pop().is_some() {
            let before = table.capacity();
            give_back(&mut table);
            moves += usize::from(table.capacity() != before);
            assert!(table.capacity() < WORTH_GIVING_BACK || table.capacity() <= table.len().max(LEAST) * 5);
        }
        assert!(moves < 20, "moved {moves} times");
        assert!(table.capacity() < WORTH_GIVING_BACK);
    }
}
