//! A line of text as it is shown: white space made one, nothing that cannot be seen, a limit in bytes.

use super::html::Reading;

/// A line that is being written, and ends where its limit is reached.
pub(crate) struct Line {
    text: String,
    limit: usize,
    /// White space is only written when something comes behind it.
    is_space_due: bool,
    is_full: bool,
}

impl Line {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, is_space_due: false, is_full: limit == 0 }
    }

    /// A text as one line; `None` if nothing of it can be seen.
    pub(crate) fn of(text: &str, limit: usize) -> Option<String> {
        let mut line = Self::new(limit);
        line.push_text(text);
        line.text()
    }

    pub(super) fn text(self) -> Option<String> {
        (!self.text.is_empty()).then_some(self.text)
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn space(&mut self) {
        self.is_space_due = !self.text.is_empty();
    }

    pub(super) fn push_text(&mut self, text: &str) {
        for character in text.chars() {
            if self.is_full {
                return;
            }
            self.push(character);
        }
    }

    pub(super) fn push(&mut self, character: char) {
        if character.is_whitespace() {
            return self.space();
        }
        let begins_a_word = self.is_space_due || self.text.is_empty();
        if is_invisible(character) || begins_a_word && is_joiner(character) {
            return;
        }
        let needed = usize::from(self.is_space_due) + character.len_utf8();
        if self.text.len() + needed > self.limit {
            self.is_full = true;
            return;
        }
        if self.is_space_due {
            self.text.push(' ');
            self.is_space_due = false;
        }
        self.text.push(character);
    }
}

impl Reading for Line {
    fn is_full(&self) -> bool {
        Line::is_full(self)
    }

    fn push_text(&mut self, text: &str) {
        Line::push_text(self, text);
    }

    fn push(&mut self, character: char) {
        Line::push(self, character);
    }

    fn part(&mut self, _: &str, _: bool) {
        self.space();
    }
}

/// Control characters, and those that only steer how others are shown: fillers of newsletters, and directions, with which
/// an address can be made to look like another.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// What joins the characters around it, in emoji and in some scripts; alone it is a filler.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}
