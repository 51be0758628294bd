//! The body of a message in the form that a device takes.

use bytes::Bytes;

use super::mime::{Kind, Part};
use super::view::{Form, MimeSupport, Preference, View};
use super::{decode, text};
use crate::wbxml::Element;
use crate::wbxml::tags::air_sync_base;

/// A piece of the body: the same as text and as HTML, as far as it is there in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Piece {
    text: Vec<usize>,
    html: Vec<usize>,
}

/// What is shown of a message: its pieces, one after the other.
#[derive(Debug)]
pub(super) struct Shown<'p, 'm> {
    parts: &'p [Part<'m>],
    pieces: Vec<Piece>,
}

fn is_html(part: &Part<'_>) -> bool {
    part.media_type() == "text/html"
}

/// Whether a part is text to be read, and no file.
fn is_readable(part: &Part<'_>, is_first: bool) -> bool {
    matches!(part.media_type().as_str(), "text/plain" | "text/html")
        && !part.is_attachment()
        && (is_first || part.file_name().is_none())
}

fn pieces(parts: &[Part<'_>], place: usize, is_first: bool) -> Vec<Piece> {
    let part = &parts[place];
    match part.kind {
        Kind::Leaf if !is_readable(part, is_first) => Vec::new(),
        Kind::Leaf if is_html(part) => vec![Piece { text: Vec::new(), html: vec![place] }],
        Kind::Leaf => vec![Piece { text: vec![place], html: Vec::new() }],
        // RFC 2387 §3.2: the first is what is shown.
        Kind::Related => part.parts.first().map_or_else(Vec::new, |root| pieces(parts, *root, is_first)),
        Kind::Mixed => {
            let children = part.parts.iter().enumerate();
            children.flat_map(|(at, child)| pieces(parts, *child, is_first && at == 0)).collect()
        }
        Kind::Alternative => {
            let children: Vec<_> = part.parts.iter().map(|child| pieces(parts, *child, is_first)).collect();
            one_of(&children)
        }
    }
}

/// RFC 2046 §5.1.4: each is the whole in another form, the last the richest.
fn one_of(children: &[Vec<Piece>]) -> Vec<Piece> {
    let of = |child: &[Piece], is_html: bool| {
        let all = child.iter().flat_map(|piece| {
            let (first, second) = if is_html { (&piece.html, &piece.text) } else { (&piece.text, &piece.html) };
            if first.is_empty() { second } else { first }
        });
        all.copied().collect::<Vec<_>>()
    };
    let text = children.iter().find(|child| child.iter().any(|piece| !piece.text.is_empty()));
    let html = children.iter().rev().find(|child| child.iter().any(|piece| !piece.html.is_empty()));
    let piece = Piece {
        text: text.map(|child| of(child, false)).unwrap_or_default(),
        html: html.map(|child| of(child, true)).unwrap_or_default(),
    };
    if piece == Piece::default() { Vec::new() } else { vec![piece] }
}

impl<'p, 'm> Shown<'p, 'm> {
    pub(super) fn of(parts: &'p [Part<'m>]) -> Self {
        let pieces = if parts.is_empty() { Vec::new() } else { pieces(parts, 0, true) };
        Self { parts, pieces }
    }

    /// Whether a part is shown, so that it is no attachment.
    pub(super) fn contains(&self, place: usize) -> bool {
        self.pieces.iter().any(|piece| piece.text.contains(&place) || piece.html.contains(&place))
    }

    /// The form that it was written in ([MS-ASAIRS] 2.2.2.32, NativeBodyType).
    pub(super) fn native(&self) -> Form {
        let is_html = self.pieces.iter().any(|piece| !piece.html.is_empty());
        if is_html { Form::Html } else { Form::Text }
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let mut all = String::new();
        for piece in &self.pieces {
            let own = join(piece.text.iter().map(|place| self.text_of(*place)));
            // Programs that write an empty alternative mean the other one.
            let own = if own.trim().is_empty() && !piece.html.is_empty() {
                join(piece.html.iter().map(|place| self.text_of(*place)))
            } else {
                own
            };
            append(&mut all, &own);
        }
        text::lines(&all)
    }

    fn text_of(&self, place: usize) -> String {
        let part = &self.parts[place];
        let text = decode::text(part);
        if is_html(part) { text::of_html(&text) } else { text }
    }

    /// As HTML.
    pub(super) fn html(&self) -> String {
        let mut all = String::new();
        for piece in &self.pieces {
            let places = if piece.html.is_empty() { &piece.text } else { &piece.html };
            for place in places {
                let part = &self.parts[*place];
                let text = decode::text(part);
                let html = if is_html(part) { text } else { page(&text) };
                append(&mut all, &html);
            }
        }
        text::lines(&all)
    }

    /// In the form in which it was written if a device takes that, else in the first that can be made of it; the next
    /// where it is wanted whole or not at all and is too long ([MS-ASAIRS] 2.2.2.3.2). `None` where a device takes no
    /// form that there is.
    fn chosen(&self, view: &View) -> Option<(Preference, String)> {
        let native = self.native();
        let mut listed: Vec<Preference> =
            view.bodies.iter().filter(|one| matches!(one.form, Form::Text | Form::Html)).copied().collect();
        listed.sort_by_key(|one| one.form != native);
        let mut first = None;
        for preference in &listed {
            let whole = self.in_form(preference.form);
            let fits = preference.truncation.is_none_or(|most| whole.len() <= most as usize);
            if fits || !preference.all_or_none {
                return Some((*preference, whole));
            }
            first.get_or_insert((*preference, whole));
        }
        if view.bodies.is_empty() {
            return Some((Preference::whole(Form::Text), self.text()));
        }
        first
    }

    fn in_form(&self, form: Form) -> String {
        if form == Form::Html { self.html() } else { self.text() }
    }
}

fn append(all: &mut String, piece: &str) {
    if !all.is_empty() && !piece.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    all.push_str(piece);
}

fn join(texts: impl Iterator<Item = String>) -> String {
    texts.fold(String::new(), |mut all, text| {
        append(&mut all, &text);
        all
    })
}

/// A page that shows the text.
fn page(plain: &str) -> String {
    let shown = text::to_html(plain);
    format!("<html><body><div>{shown}</div></body></html>")
}

/// Whether a message is given as it came.
fn is_mime(view: &View, is_smime: bool) -> bool {
    let may = match view.mime_support {
        MimeSupport::Never => false,
        MimeSupport::Smime => is_smime,
        MimeSupport::Always => true,
    };
    may && view.body(Form::Mime).is_some()
}

/// `Body` ([MS-ASAIRS] 2.2.2.9), and `BodyPart` where it is asked for.
pub(super) fn elements(raw: &Bytes, shown: &Shown<'_, '_>, is_smime: bool, view: &View) -> Vec<Element> {
    let mut all = Vec::with_capacity(2);
    let body = Element::new(air_sync_base::BODY);
    match view.body(Form::Mime).filter(|_| is_mime(view, is_smime)) {
        Some(preference) => {
            let whole = with_line_ends(raw);
            let most = preference.truncation.or(view.mime_truncation);
            let kept = kept(preference, most, whole.len(), |most| most);
            let data = (kept > 0).then(|| Element::opaque(air_sync_base::DATA, whole.slice(..kept)));
            // [MS-ASCMD] 2.2.3.110.2: `Truncated` says it either way, for MIME alone.
            let body =
                sized(body, Form::Mime, whole.len()).with_text(air_sync_base::TRUNCATED, u8::from(kept < whole.len()));
            all.push(body.with_all(data).with_all(preview(preference, || shown.text())));
        }
        None => all.push(match shown.chosen(view) {
            Some((preference, whole)) => textual(body, &preference, &whole, shown),
            None => {
                let native = shown.native();
                let size = shown.in_form(native).len();
                sized(body, native, size).with_text(air_sync_base::TRUNCATED, 1)
            }
        }),
    }
    if let Some(preference) = &view.body_part {
        // [MS-ASAIRS] 2.2.2.10: with a status of its own.
        let part = Element::new(air_sync_base::BODY_PART).with_text(air_sync_base::STATUS, 1);
        all.push(textual(part, preference, &shown.html(), shown));
    }
    all
}

fn textual(body: Element, preference: &Preference, whole: &str, shown: &Shown<'_, '_>) -> Element {
    let at = |most| text::beginning(whole, most).len();
    let kept = kept(preference, preference.truncation, whole.len(), at);
    let data = (kept > 0).then(|| Element::text(air_sync_base::DATA, &whole[..kept]));
    // [MS-ASAIRS] 2.2.2.35.1: none beside text.
    let is_said = preference.form == Form::Text && data.is_some();
    let preview = if is_said { None } else { preview(preference, || shown.text()) };
    // [MS-ASAIRS] 2.2.2.20.2: where it is there, what is given is not all.
    let truncated = (kept < whole.len()).then(|| Element::text(air_sync_base::TRUNCATED, 1));
    sized(body, preference.form, whole.len()).with_all(truncated).with_all(data).with_all(preview)
}

/// How much of so many bytes is given.
fn kept(preference: &Preference, most: Option<u32>, size: usize, at: impl FnOnce(usize) -> usize) -> usize {
    match most.map(|most| most as usize).filter(|most| *most < size) {
        None => size,
        Some(_) if preference.all_or_none => 0,
        Some(most) => at(most),
    }
}

fn sized(body: Element, form: Form, size: usize) -> Element {
    body.with_text(air_sync_base::TYPE, form as u8).with_text(air_sync_base::ESTIMATED_DATA_SIZE, size)
}

/// [MS-ASAIRS] 2.2.2.35: plain text beside whatever form.
fn preview(preference: &Preference, text: impl FnOnce() -> String) -> Option<Element> {
    let characters = preference.preview.filter(|characters| *characters > 0)?;
    let line = text::line(&text(), usize::from(characters));
    (!line.is_empty()).then(|| Element::text(air_sync_base::PREVIEW, line))
}

/// With the line ends that mail has on the wire, where a store keeps others.
fn with_line_ends(raw: &Bytes) -> Bytes {
    let is_bare = |at: usize| at == 0 || raw[at - 1] != b'\r';
    if !memchr::memchr_iter(b'\n', raw).any(is_bare) {
        return raw.clone();
    }
    let mut lines = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut begin = 0;
    for at in memchr::memchr_iter(b'\n', raw).filter(|at| is_bare(*at)) {
        lines.extend_from_slice(&raw[begin..at]);
        lines.push(b'\r');
        begin = at;
    }
    lines.extend_from_slice(&raw[begin..]);
    lines.into()
}
