//! Elements to XML.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quick_xml::escape::partial_escape;

use super::{
    super::{Content, Element, Tag},
    Form, OWN, PIECE,
};

/// A document as XML, indented, in the form that [`from_xml`](super::from_xml) reads: the same document again, if it came
/// from [`decode`](crate::wbxml::decode).
pub fn to_xml(root: &Element) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    element(root, None, 0, &mut out);
    out
}

/// An element in lines of its own; `page` is that of the one around it.
fn element(element: &Element, page: Option<u8>, depth: usize, out: &mut String) {
    let tag = element.tag;
    let name = name(tag);
    indent(depth, out);
    open(&name, (page != Some(tag.page())).then(|| namespace(tag)).as_deref(), out);
    match element.content.as_slice() {
        [] => out.push_str("/>\n"),
        [Content::Text(text)] => said(text_form(text), text.as_bytes(), &name, out),
        [Content::Opaque(bytes)] => said(opaque_form(bytes), bytes, &name, out),
        content => {
            out.push_str(">\n");
            content.iter().for_each(|content| within(content, tag.page(), depth + 1, out));
            indent(depth, out);
            close(&name, out);
        }
    }
}

/// What is within an element, in lines of its own.
fn within(content: &Content, page: u8, depth: usize, out: &mut String) {
    let (form, bytes) = match content {
        Content::Element(child) => return element(child, Some(page), depth, out),
        Content::Text(text) => (text_form(text), text.as_bytes()),
        Content::Opaque(bytes) => (opaque_form(bytes), bytes.as_ref()),
    };
    indent(depth, out);
    open(PIECE, Some(OWN), out);
    said(form, bytes, PIECE, out);
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// The beginning of an element, its attributes to follow.
fn open(name: &str, namespace: Option<&str>, out: &mut String) {
    out.extend(["<", name]);
    if let Some(namespace) = namespace {
        out.extend([" xmlns=\"", namespace, "\""]);
    }
}

fn close(name: &str, out: &mut String) {
    out.extend(["</", name, ">\n"]);
}

/// A text or opaque bytes, after the marker that says how they are written, and the end of their element.
fn said(form: Form, bytes: &[u8], name: &str, out: &mut String) {
    if let Some((name, value)) = form.marker() {
        out.extend([" ", name, "=\"", value, "\""]);
    }
    out.push('>');
    match std::str::from_utf8(bytes) {
        Ok(text) if matches!(form, Form::Text | Form::Opaque) => out.push_str(&partial_escape(text)),
        _ => BASE64_STANDARD.encode_string(bytes, out),
    }
    close(name, out);
}

fn text_form(text: &str) -> Form {
    if sayable(text) { Form::Text } else { Form::TextBase64 }
}

fn opaque_form(bytes: &[u8]) -> Form {
    if std::str::from_utf8(bytes).is_ok_and(sayable) { Form::Opaque } else { Form::OpaqueBase64 }
}

/// Whether XML has a way to say this text (XML 1.0 §2.2).
fn sayable(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..))
}

fn name(tag: Tag) -> String {
    let mut name = tag.name().unwrap_or_default().to_owned();
    if name.is_empty() {
        write!(name, "tag-{:02X}", tag.token()).expect("a string takes all");
    }
    name
}

fn namespace(tag: Tag) -> String {
    tag.namespace().map_or_else(|| format!("page-{}", tag.page()), str::to_owned)
}
