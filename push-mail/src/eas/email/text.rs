//! Text as documents can have it, and parts of it.

use crate::message::html::{self, Reading};
use crate::message::line::Line;

/// Whether XML can say it (XML 1.0 §2.2).
pub(super) fn is_sayable(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// One line of at most so many characters: white space made one space, nothing that cannot be seen or said.
pub(super) fn line(text: &str, characters: usize) -> String {
    let line = Line::of(text, characters.saturating_mul(4)).unwrap_or_default();
    line.chars().filter(|character| is_sayable(*character)).take(characters).collect()
}

/// The beginning of at most so many bytes, cut at the end of a character.
pub(in crate::eas) fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// With the line ends of mail, and nothing that cannot be said.
pub(super) fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 32);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                lines.push_str("\r\n");
            }
            '\n' => lines.push_str("\r\n"),
            _ if is_sayable(character) => lines.push(character),
            _ => {}
        }
    }
    lines
}

/// Text as HTML that shows it.
pub(in crate::eas) fn to_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("<br>\n"),
            '\r' => {}
            _ => out.push(character),
        }
    }
    out
}

/// The text of HTML as a reader sees it, in lines.
pub(in crate::eas) fn of_html(html: &str) -> String {
    let mut page = Page::default();
    html::read(html, &mut page);
    page.text
}

/// Elements that stand apart from what is around them by an empty line.
const APART: [&str; 12] = ["p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre"];

/// Elements that only part words.
const CELLS: [&str; 4] = ["td", "th", "img", "input"];

/// Lines that are being written.
#[derive(Debug, Default)]
struct Page {
    text: String,
    is_space_due: bool,
    /// Line ends that come before the next word.
    breaks_due: usize,
    /// Elements that are open in which white space is text.
    pre: usize,
}

impl Page {
    fn break_lines(&mut self, breaks: usize) {
        self.is_space_due = false;
        self.breaks_due = self.breaks_due.max(breaks);
    }

    fn write_what_is_due(&mut self) {
        if !self.text.is_empty() {
            let breaks = self.breaks_due;
            self.text.extend(std::iter::repeat_n('\n', breaks));
            if breaks == 0 && self.is_space_due {
                self.text.push(' ');
            }
        }
        self.breaks_due = 0;
        self.is_space_due = false;
    }
}

impl Reading for Page {
    fn is_full(&self) -> bool {
        false
    }

    fn push_text(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }

    fn push(&mut self, character: char) {
        match character {
            '\n' if self.pre > 0 => self.breaks_due += 1,
            '\u{a0}' => {
                self.write_what_is_due();
                self.text.push(' ');
            }
            _ if character.is_whitespace() && self.pre == 0 => self.is_space_due |= self.breaks_due == 0,
            _ => {
                self.write_what_is_due();
                self.text.push(character);
            }
        }
    }

    fn part(&mut self, element: &str, is_end: bool) {
        let is = |other: &&str| element.eq_ignore_ascii_case(other);
        if is(&"br") {
            self.is_space_due = false;
            self.breaks_due += 1;
        } else if CELLS.iter().any(is) {
            self.is_space_due |= self.breaks_due == 0;
        } else {
            self.break_lines(if APART.iter().any(is) { 2 } else { 1 });
        }
        if is(&"pre") {
            self.pre = if is_end { self.pre.saturating_sub(1) } else { self.pre + 1 };
        }
        if is(&"li") && !is_end {
            self.write_what_is_due();
            self.text.push_str("- ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_read_in_lines() {
        for (html, text) in [
            ("<p>one</p>\n<p>two</p>", "one\n\ntwo"),
            ("<div>one</div><div>two<br>three</div>", "one\ntwo\nthree"),
            ("a<br><br>b", "a\n\nb"),
            ("<ul><li>x</li><li>y</li></ul>z", "- x\n- y\n\nz"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("<pre>a\n  b</pre>c", "a\n  b\n\nc"),
            ("x &amp; <b>y</b>&nbsp;z <style>no</style>", "x & y z"),
        ] {
            assert_eq!(of_html(html), text, "{html}");
        }
    }

    #[test]
    fn text_is_cut_at_the_end_of_a_character_and_has_nothing_that_cannot_be_said() {
        assert_eq!(beginning("aüb", 2), "a");
        assert_eq!(beginning("aüb", 3), "aü");
        assert_eq!(beginning("aüb", 9), "aüb");
        assert_eq!(lines("a\nb\rc\r\nd\0\u{1}\u{fffe}e"), "a\r\nb\r\nc\r\nde");
        assert_eq!(line(" a\r\n\tb\0c ", 10), "a bc");
        assert_eq!(line("abc def", 5), "abc d");
        assert_eq!(to_html("<a> & \"b\"\n"), "&lt;a&gt; &amp; &quot;b&quot;<br>\n");
    }
}
