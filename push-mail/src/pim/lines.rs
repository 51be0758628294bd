//! Components and content lines (RFC 5545 §3.1, RFC 6350 §3.2), each kept as it was written.

use std::fmt::Write as _;

/// Octets of a line before it is folded (RFC 5545 §3.1, RFC 6350 §3.2).
const FOLD_BYTES: usize = 75;

/// Components within components.
const MAX_DEPTH: usize = 16;

/// A content line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// As it stands in the file, folds and end included.
    raw: String,
    /// The same unfolded, without its end.
    text: String,
}

/// A parameter and its values; without any where it is a word alone, as vCard 2.1 has them.
pub(crate) type Param = (String, Vec<String>);

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

impl Line {
    /// A line of this name, these parameters, and this value as it is to be written.
    pub(crate) fn new(name: &str, params: &[(&str, &str)], value: &str) -> Self {
        let params: Vec<Param> =
            params.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        Self::written(name, &params, value)
    }

    /// A line whose value is a text.
    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self::new(name, &[], &escaped(text))
    }

    fn written(name: &str, params: &[Param], value: &str) -> Self {
        let mut text = name.to_owned();
        for (name, values) in params {
            text.push(';');
            text.push_str(name);
            for (place, value) in values.iter().enumerate() {
                text.push(if place == 0 { '=' } else { ',' });
                push_param_value(&mut text, value);
            }
        }
        text.push(':');
        text.extend(value.chars().filter(|c| !c.is_control() || *c == '\t'));
        Self { raw: folded(&text), text }
    }

    /// The same with another value, as it is to be written.
    pub(crate) fn with_value(&self, value: &str) -> Self {
        Self::written(self.full_name(), &self.params(), value)
    }

    /// The same with a parameter of this name and value, and no other of this name; without any if there is no value.
    pub(crate) fn with_param(&self, name: &str, value: Option<&str>) -> Self {
        let mut params = self.params();
        let place = params.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
        params.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            let place = place.unwrap_or(params.len()).min(params.len());
            params.insert(place, (name.to_owned(), vec![value.to_owned()]));
        }
        Self::written(self.full_name(), &params, self.value())
    }

    fn full_name(&self) -> &str {
        let end = self.text.find([':', ';']).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// Its name, without the group before it (RFC 6350 §3.3).
    pub(crate) fn name(&self) -> &str {
        let name = self.full_name();
        name.rsplit_once('.').map_or(name, |(_, name)| name)
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// Where the value begins: behind the first colon that is not quoted.
    fn colon(&self) -> Option<usize> {
        let mut is_quoted = false;
        self.text.find(|c| {
            is_quoted ^= c == '"';
            c == ':' && !is_quoted
        })
    }

    /// Its value as it is written.
    pub(crate) fn value(&self) -> &str {
        self.colon().map_or("", |colon| &self.text[colon + 1..])
    }

    /// Its value as text.
    pub(crate) fn to_text(&self) -> String {
        let value = if self.has_value_in("ENCODING", "QUOTED-PRINTABLE") {
            let decoded = mail_parser::decoders::quoted_printable::quoted_printable_decode(self.value().as_bytes());
            return decoded.map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).into_owned());
        } else {
            self.value()
        };
        unescaped(value)
    }

    /// Its parameters, in their order.
    pub(crate) fn params(&self) -> Vec<Param> {
        let end = self.colon().unwrap_or(self.text.len());
        let Some((_, words)) = self.text[..end].split_once(';') else { return Vec::new() };
        let param = |word: &str| match word.split_once('=') {
            None => (word.to_owned(), Vec::new()),
            Some((name, values)) => {
                let plain = |value: &str| decoded_param(value.trim_matches('"'));
                (name.to_owned(), unquoted_split(values, ',').map(plain).collect())
            }
        };
        unquoted_split(words, ';').map(param).collect()
    }

    /// The first value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let params = self.params().into_iter();
        params.filter(|(known, _)| known.eq_ignore_ascii_case(name)).find_map(|(_, values)| values.into_iter().next())
    }

    /// Whether a parameter has this value among others; vCard 2.1 leaves `TYPE=` and `ENCODING=` out.
    pub(crate) fn has_value_in(&self, name: &str, value: &str) -> bool {
        self.params().iter().any(|(known, values)| {
            let is_bare = values.is_empty() && known.eq_ignore_ascii_case(value);
            let mut words = values.iter().flat_map(|list| list.split(','));
            is_bare || known.eq_ignore_ascii_case(name) && words.any(|word| word.eq_ignore_ascii_case(value))
        })
    }
}

/// The parts between separators that are not within quotes.
fn unquoted_split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}

/// RFC 6868 §3.1.
fn decoded_param(value: &str) -> String {
    let mut decoded = String::with_capacity(value.len());
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        let stands_for = match (c, rest.peek()) {
            ('^', Some('n')) => Some('\n'),
            ('^', Some('^')) => Some('^'),
            ('^', Some('\'')) => Some('"'),
            _ => None,
        };
        if stands_for.is_some() {
            rest.next();
        }
        decoded.push(stands_for.unwrap_or(c));
    }
    decoded
}

fn push_param_value(text: &mut String, value: &str) {
    let needs_quotes = value.contains([':', ';', ',']);
    if needs_quotes {
        text.push('"');
    }
    for c in value.chars() {
        match c {
            '\n' => text.push_str("^n"),
            '^' => text.push_str("^^"),
            '"' => text.push_str("^'"),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    if needs_quotes {
        text.push('"');
    }
}

fn folded(text: &str) -> String {
    let mut raw = String::with_capacity(text.len() + text.len() / FOLD_BYTES * 3 + 2);
    let mut length = 0;
    for c in text.chars() {
        if length + c.len_utf8() > FOLD_BYTES {
            raw.push_str("\r\n ");
            length = 1;
        }
        raw.push(c);
        length += c.len_utf8();
    }
    raw.push_str("\r\n");
    raw
}

/// A text as it stands in a value (RFC 5545 §3.3.11, RFC 6350 §3.4).
pub(crate) fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\r' => value.push_str("\\n"),
            '\\' | ';' | ',' => {
                value.push('\\');
                value.push(c);
            }
            c => value.push(c),
        }
    }
    value
}

/// The text that stands in a value.
pub(crate) fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(c) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    text
}

/// The parts of a value between separators that are not escaped, as text.
pub(crate) fn split(value: &str, separator: char) -> Vec<String> {
    written_parts(value, separator).map(unescaped).collect()
}

/// The same as they are written.
pub(crate) fn written_parts(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    value.split(move |c| {
        let is_here = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_here
    })
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
    let mut component = Component::new(&name.to_ascii_uppercase());
    while depth < MAX_DEPTH {
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
    None
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
