//! Content lines (RFC 5545 §3.1, RFC 6350 §3.2), each kept as it was written, and how texts stand in them.

/// Octets of a line before it is folded (RFC 5545 §3.1, RFC 6350 §3.2).
const FOLD_BYTES: usize = 75;

/// A content line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// As it stands in the file, folds and end included.
    pub(super) raw: String,
    /// The same unfolded, without its end.
    pub(super) text: String,
}

/// A parameter and its values; without any where it is a word alone, as vCard 2.1 has them.
pub(crate) type Param = (String, Vec<String>);

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
