//! Components and the lines in them, as they stand in a file.

use std::fmt::Write as _;

use super::lines::{Line, escaped};

/// Components within components.
const MAX_DEPTH: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Line(Line),
    Component(Component),
}

/// What is between `BEGIN` and `END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Component {
    /// In capital letters.
    pub(crate) name: String,
    begin: String,
    end: String,
    parts: Vec<Part>,
}

/// A file: one component, and what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    head: String,
    pub(crate) root: Component,
    tail: String,
}

impl Component {
    pub(crate) fn new(name: &str) -> Self {
        let (begin, end) = (format!("BEGIN:{name}\r\n"), format!("END:{name}\r\n"));
        Self { name: name.to_owned(), begin, end, parts: Vec::new() }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.parts.iter().filter_map(|part| if let Part::Line(line) = part { Some(line) } else { None })
    }

    pub(crate) fn all<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Line> {
        self.lines().filter(move |line| line.is(name))
    }

    /// The first line of that name.
    pub(crate) fn line(&self, name: &str) -> Option<&Line> {
        self.lines().find(|line| line.is(name))
    }

    /// The text of the first line of that name, if there is any in it.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.line(name).map(Line::to_text).filter(|text| !text.is_empty())
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = &Component> {
        self.parts.iter().filter_map(|part| if let Part::Component(inner) = part { Some(inner) } else { None })
    }

    pub(crate) fn components_mut(&mut self) -> impl Iterator<Item = &mut Component> {
        self.parts.iter_mut().filter_map(|part| if let Part::Component(inner) = part { Some(inner) } else { None })
    }

    /// In the place of all lines of that name: where the first was, else behind the last line.
    pub(crate) fn replace(&mut self, name: &str, lines: impl IntoIterator<Item = Line>) {
        self.replace_where(|line| line.is(name), lines);
    }

    /// The same for all lines of which that is so.
    pub(crate) fn replace_where(&mut self, is_old: impl Fn(&Line) -> bool, lines: impl IntoIterator<Item = Line>) {
        let is_it = |part: &Part| matches!(part, Part::Line(line) if is_old(line));
        let behind_lines = || self.parts.iter().position(|part| matches!(part, Part::Component(_)));
        let place = self.parts.iter().position(is_it).or_else(behind_lines).unwrap_or(self.parts.len());
        let behind = self.parts.split_off(place);
        self.parts.extend(lines.into_iter().map(Part::Line));
        self.parts.extend(behind.into_iter().filter(|part| !is_it(part)));
    }

    /// In the place of the first line of which that is so, or behind the last line if there is none.
    pub(crate) fn replace_first(&mut self, is_old: impl Fn(&Line) -> bool, line: Option<Line>) {
        let is_it = |part: &Part| matches!(part, Part::Line(line) if is_old(line));
        let Some(place) = self.parts.iter().position(is_it) else {
            return self.replace_where(|_| false, line);
        };
        match line {
            Some(line) => self.parts[place] = Part::Line(line),
            None => drop(self.parts.remove(place)),
        }
    }

    /// One line of that name with that text, or none.
    pub(crate) fn set_text(&mut self, name: &str, text: Option<&str>) {
        let text = text.filter(|text| !text.is_empty());
        if text.map(str::to_owned) == self.text(name) {
            return;
        }
        let line = text.map(|text| match self.line(name) {
            Some(line) if line.params().iter().all(|(name, _)| !is_about_text(name)) => line.with_value(&escaped(text)),
            _ => Line::text(name, text),
        });
        self.replace(name, line);
    }

    /// One line of that name, or none, unless what is there is the same already.
    pub(crate) fn set(&mut self, name: &str, line: Option<Line>) {
        let is_so = self.line(name) == line.as_ref() && self.all(name).count() == usize::from(line.is_some());
        if !is_so {
            self.replace(name, line);
        }
    }

    pub(crate) fn push(&mut self, component: Component) {
        self.parts.push(Part::Component(component));
    }

    /// Puts it before the other components.
    pub(crate) fn push_front(&mut self, component: Component) {
        let place = self.parts.iter().position(|part| matches!(part, Part::Component(_)));
        self.parts.insert(place.unwrap_or(self.parts.len()), Part::Component(component));
    }

    pub(crate) fn retain_components(&mut self, is_kept: impl Fn(&Component) -> bool) {
        self.parts.retain(|part| if let Part::Component(inner) = part { is_kept(inner) } else { true });
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.begin);
        for part in &self.parts {
            match part {
                Part::Line(line) => out.push_str(&line.raw),
                Part::Component(component) => component.write(out),
            }
        }
        out.push_str(&self.end);
    }
}

/// Parameters that say how the old text was written, or what else it was.
fn is_about_text(name: &str) -> bool {
    ["ENCODING", "CHARSET", "ALTREP", "QUOTED-PRINTABLE"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl Document {
    pub(crate) fn new(root: Component) -> Self {
        Self { head: String::new(), root, tail: String::new() }
    }

    /// The first component of a file; `None` where there is no whole one.
    pub(crate) fn parse(raw: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(raw).ok()?;
        let mut lines = Lines { rest: text };
        let mut head = String::new();
        loop {
            let line = lines.next()?;
            let plain = line.text.trim_start_matches('\u{feff}');
            match keyword(plain, "BEGIN") {
                Some(name) => {
                    let mut root = component(&mut lines, name, 0)?;
                    root.begin = line.raw;
                    return Some(Self { head, root, tail: lines.rest.to_owned() });
                }
                None if plain.trim().is_empty() => head.push_str(&line.raw),
                None => return None,
            }
        }
    }

    pub(crate) fn to_bytes(&self) -> bytes::Bytes {
        let mut out = self.head.clone();
        self.root.write(&mut out);
        out.push_str(&self.tail);
        out.into()
    }
}

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.root.write(&mut out);
        f.write_str(&self.head)?;
        f.write_str(&out)?;
        f.write_str(&self.tail)
    }
}

fn keyword<'l>(text: &'l str, word: &str) -> Option<&'l str> {
    let (name, value) = text.split_once(':')?;
    name.eq_ignore_ascii_case(word).then(|| value.trim())
}

/// What follows a `BEGIN`, up to its `END`.
fn component(lines: &mut Lines<'_>, name: &str, depth: usize) -> Option<Component> {
    if depth == MAX_DEPTH {
        return None;
    }
    let mut component = Component::new(&name.to_ascii_uppercase());
    loop {
        let line = lines.next()?;
        if let Some(name) = keyword(&line.text, "BEGIN") {
            let mut inner = self::component(lines, name, depth + 1)?;
            inner.begin = line.raw;
            component.parts.push(Part::Component(inner));
        } else if let Some(name) = keyword(&line.text, "END") {
            let is_its = name.eq_ignore_ascii_case(&component.name);
            component.end = line.raw;
            return is_its.then_some(component);
        } else {
            component.parts.push(Part::Line(line));
        }
    }
}

/// Takes lines from a text.
struct Lines<'t> {
    rest: &'t str,
}

impl<'t> Lines<'t> {
    fn physical(&mut self) -> Option<&'t str> {
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!line.is_empty()).then_some(line)
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let plain = |line: &str| line.trim_end_matches('\n').trim_end_matches('\r').to_owned();
        let first = self.physical()?;
        let mut line = Line { raw: first.to_owned(), text: plain(first) };
        loop {
            let is_fold = self.rest.starts_with([' ', '\t']);
            // vCard 2.1 §2.1.3: a soft line break within a value.
            let is_soft = line.text.ends_with('=') && line.text.to_ascii_uppercase().contains("QUOTED-PRINTABLE");
            if !is_fold && !is_soft {
                return Some(line);
            }
            let Some(more) = self.physical() else { return Some(line) };
            line.raw.push_str(more);
            if is_soft && !is_fold {
                line.text.pop();
            }
            let more = plain(more);
            // Writing to a string cannot fail.
            let _ = write!(line.text, "{}", if is_fold { &more[1..] } else { &more });
        }
    }
}
