//! Which patterns match a channel: a tree of segments with a place for `*` and one for `**`.

use std::collections::HashMap;

use crate::name::{ChannelName, Pattern, hidden_from_leading_wildcards};

/// Values by pattern, found by channel.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    root: Node<T>,
    len: usize,
}

#[derive(Debug)]
struct Node<T> {
    /// The value of the pattern that ends here.
    here: Option<T>,
    /// The value of the pattern that goes on with `**`.
    rest: Option<T>,
    /// What goes on with `*`.
    any: Option<Box<Node<T>>>,
    literal: HashMap<Box<str>, Node<T>>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { here: None, rest: None, any: None, literal: HashMap::new() }
    }
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { root: Node::default(), len: 0 }
    }
}

impl<T: Clone> Trie<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, pattern: &Pattern) -> Option<&T> {
        let mut node = &self.root;
        for segment in pattern.as_str().split('/') {
            node = match segment {
                "**" => return node.rest.as_ref(),
                "*" => node.any.as_deref()?,
                literal => node.literal.get(literal)?,
            };
        }
        node.here.as_ref()
    }

    pub(crate) fn insert(&mut self, pattern: &Pattern, value: T) {
        let mut node = &mut self.root;
        for segment in pattern.as_str().split('/') {
            node = match segment {
                "**" => {
                    self.len += usize::from(node.rest.replace(value).is_none());
                    return;
                }
                "*" => node.any.get_or_insert_default(),
                literal => node.literal.entry(literal.into()).or_default(),
            };
        }
        self.len += usize::from(node.here.replace(value).is_none());
    }

    pub(crate) fn remove(&mut self, pattern: &Pattern) -> Option<T> {
        let segments: Vec<&str> = pattern.as_str().split('/').collect();
        let removed = self.root.remove(&segments);
        self.len -= usize::from(removed.is_some());
        removed
    }

    /// The values of all patterns that match, in no order.
    pub(crate) fn matches(&self, channel: &ChannelName) -> Vec<T> {
        let mut found = Vec::new();
        if self.len > 0 {
            let name = channel.as_str();
            self.root.collect(Some(name), !hidden_from_leading_wildcards(name), &mut found);
        }
        found
    }

    /// Whether `wanted` holds for the value of any pattern that can match a channel whose name begins with `prefix`.
    pub(crate) fn any_below(&self, prefix: &str, mut wanted: impl FnMut(&T) -> bool) -> bool {
        self.root.any_below(prefix, !hidden_from_leading_wildcards(prefix), &mut wanted)
    }

    pub(crate) fn for_each(&self, mut visit: impl FnMut(&T)) {
        self.root.for_each(&mut visit);
    }
}

impl<T: Clone> Node<T> {
    /// `rest` is what of the name is left, `None` behind its end. As deep as a name has segments: 150 at most.
    fn collect(&self, rest: Option<&str>, wildcards: bool, found: &mut Vec<T>) {
        let Some(rest) = rest else {
            found.extend(self.here.clone());
            return;
        };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if wildcards {
            found.extend(self.rest.clone());
            if let Some(any) = &self.any {
                any.collect(rest, true, found);
            }
        }
        if let Some(node) = self.literal.get(segment) {
            node.collect(rest, true, found);
        }
    }

    /// As deep as the prefix has segments and patterns have more.
    fn any_below(&self, prefix: &str, wildcards: bool, wanted: &mut impl FnMut(&T) -> bool) -> bool {
        let Some((segment, rest)) = prefix.split_once('/') else {
            let begun = self.literal.iter().filter(|(literal, _)| literal.starts_with(prefix)).map(|(_, node)| node);
            let any = self.any.as_deref().filter(|_| wildcards);
            return wildcards && self.rest.as_ref().is_some_and(&mut *wanted)
                || any.into_iter().chain(begun).any(|node| node.any(wanted));
        };
        wildcards
            && (self.rest.as_ref().is_some_and(&mut *wanted)
                || self.any.as_ref().is_some_and(|any| any.any_below(rest, true, wanted)))
            || self.literal.get(segment).is_some_and(|node| node.any_below(rest, true, wanted))
    }

    fn any(&self, wanted: &mut impl FnMut(&T) -> bool) -> bool {
        self.here.iter().chain(&self.rest).any(&mut *wanted)
            || self.any.as_deref().into_iter().chain(self.literal.values()).any(|node| node.any(wanted))
    }

    fn remove(&mut self, segments: &[&str]) -> Option<T> {
        match segments {
            [] => self.here.take(),
            ["**"] => self.rest.take(),
            ["*", rest @ ..] => {
                let any = self.any.as_deref_mut()?;
                let removed = any.remove(rest);
                if any.is_unused() {
                    self.any = None;
                }
                removed
            }
            [literal, rest @ ..] => {
                let node = self.literal.get_mut(*literal)?;
                let removed = node.remove(rest);
                if node.is_unused() {
                    self.literal.remove(*literal);
                }
                removed
            }
        }
    }

    fn is_unused(&self) -> bool {
        self.here.is_none() && self.rest.is_none() && self.any.is_none() && self.literal.is_empty()
    }

    fn for_each(&self, visit: &mut impl FnMut(&T)) {
        self.here.iter().chain(&self.rest).for_each(&mut *visit);
        for node in self.any.as_deref().into_iter().chain(self.literal.values()) {
            node.for_each(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern_text() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "*", "$x", "mail"]);
        (prop::collection::vec(segment, 1..4), any::<bool>()).prop_map(|(segments, rest)| {
            let text = segments.join("/");
            if rest { format!("{text}/**") } else { text }
        })
    }

    fn channel_text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "$x", "mail"]), 1..5).prop_map(|s| s.join("/"))
    }

    #[test]
    fn a_pattern_is_below_a_prefix_only_if_a_name_that_begins_so_can_match() {
        let table = [
            (
                "mail/a/",
                &["mail/a/*", "mail/**", "mail/*/INBOX", "mail/a/**", "mail/a/x/y", "mail/*/*"][..],
                &["**", "*/a/x", "mail/*", "mail/a", "mail/b/*", "mail", "*/**"][..],
            ),
            ("mail/a", &["mail/a", "mail/ab/**", "mail/*", "mail/**", "mail/abc"], &["mail/b", "*/a", "**", "mail"]),
            ("ma", &["mail/a", "**", "*", "*/x", "mango"], &["m", "news", "$ma"]),
            ("$sys/", &["$sys/**"], &["**", "*/x"]),
            ("", &["**", "a", "mail/a"], &[]),
        ];
        for (prefix, below, beside) in table {
            for text in below.iter().chain(beside) {
                let pattern = Pattern::parse(text).expect("a pattern");
                let mut trie = Trie::default();
                trie.insert(&pattern, ());
                assert_eq!(trie.any_below(prefix, |()| true), below.contains(text), "{text} below {prefix}");
                assert!(!trie.any_below(prefix, |()| false));
            }
        }
    }

    proptest! {
        #[test]
        fn the_trie_finds_what_a_linear_scan_finds(
            patterns in prop::collection::vec(pattern_text(), 0..20),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            channels in prop::collection::vec(channel_text(), 1..10),
        ) {
            let mut trie = Trie::default();
            let mut model: Vec<Pattern> = Vec::new();
            for text in patterns {
                let pattern = Pattern::parse(&text).expect("a pattern");
                if !model.contains(&pattern) {
                    model.push(pattern.clone());
                }
                trie.insert(&pattern, pattern.clone());
            }
            for index in removed {
                if !model.is_empty() {
                    let pattern = model.swap_remove(index.index(model.len()));
                    prop_assert_eq!(trie.remove(&pattern), Some(pattern.clone()));
                    prop_assert!(trie.get(&pattern).is_none());
                }
            }
            prop_assert_eq!(trie.len(), model.len());
            for text in channels {
                let channel = ChannelName::parse(&text).expect("a channel");
                let mut found = trie.matches(&channel);
                let mut expected: Vec<_> = model.iter().filter(|p| p.matches(&channel)).cloned().collect();
                found.sort();
                expected.sort();
                prop_assert_eq!(found, expected);
                // Every name is below each of its beginnings.
                for end in 0..=text.len() {
                    for pattern in model.iter().filter(|pattern| pattern.matches(&channel)) {
                        prop_assert!(trie.any_below(&text[..end], |found| found == pattern), "{pattern} {}", &text[..end]);
                    }
                }
            }
            for pattern in model {
                prop_assert_eq!(trie.get(&pattern), Some(&pattern));
                trie.remove(&pattern);
            }
            prop_assert!(trie.root.is_unused());
        }
    }
}
