//! XML to elements.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::{Namespace, ResolveResult},
};

use super::{
    super::{Content, Element, Limits, Tag, pages::PAGES},
    Form, OWN, PIECE,
};

/// Why XML is no document: a sentence, and the byte near which it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, near byte {at}")]
pub struct XmlError {
    what: String,
    at: usize,
}

impl XmlError {
    /// The byte near which it is, from 0.
    pub fn at(&self) -> usize {
        self.at
    }
}

/// The document in this XML, of the form that [`to_xml`](super::to_xml) writes. Comments, processing instructions and a
/// document type are left out, CDATA sections are texts, a colon after a namespace (`Ping:`) is allowed, white space beside
/// elements is none of the document's, and what is beside an element without being in a `piece` is a text as well.
///
/// # Errors
///
/// [`XmlError`] where it is not well-formed, has names of no code page, or is more than `limits` allow (the bytes are those
/// of the XML here).
pub fn from_xml(xml: &str, limits: &Limits) -> Result<Element, XmlError> {
    if xml.len() > limits.bytes {
        return Err(XmlError { what: "the document is too long".to_owned(), at: limits.bytes });
    }
    let mut reader = NsReader::from_str(xml.strip_prefix('\u{FEFF}').unwrap_or(xml));
    reader.config_mut().expand_empty_elements = true;
    let mut document = Document { open: Vec::new(), root: None, elements: 0, pieces: 0, limits };
    loop {
        let at = position(reader.buffer_position());
        let wrong = |what: String| XmlError { what, at };
        let event = match reader.read_resolved_event() {
            Ok((_, Event::Eof)) => break,
            Ok((resolved, event)) => document.take(&resolved, &event).map_err(wrong),
            Err(error) => return Err(XmlError { what: error.to_string(), at: position(reader.error_position()) }),
        };
        event?;
    }
    let at = xml.len();
    if !document.open.is_empty() {
        return Err(XmlError { what: "it ends before the root does".to_owned(), at });
    }
    document.root.ok_or_else(|| XmlError { what: "there is no document".to_owned(), at })
}

fn position(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// An element that is open, or a piece, which has no tag.
struct Open {
    tag: Option<Tag>,
    form: Form,
    content: Vec<Content>,
    /// What was said since the last child ended.
    text: String,
}

struct Document<'a> {
    open: Vec<Open>,
    root: Option<Element>,
    elements: usize,
    pieces: usize,
    limits: &'a Limits,
}

impl Document<'_> {
    fn take(&mut self, resolved: &ResolveResult<'_>, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(start) => self.start(resolved, start),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                match (character, quick_xml::escape::resolve_xml_entity(reference)) {
                    (Some(c), _) => self.text(c.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => self.text(text),
                    (None, None) => Err(format!("the entity {} is not one of XML's own", &**reference)),
                }
            }
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {
                Ok(())
            }
        }
    }

    fn start(&mut self, resolved: &ResolveResult<'_>, start: &BytesStart<'_>) -> Result<(), String> {
        let namespace = match resolved {
            ResolveResult::Bound(Namespace(namespace)) => namespace.strip_suffix(':').unwrap_or(namespace),
            _ => "",
        };
        let name = start.local_name().into_inner();
        let form = form(start)?;
        let tag = if (namespace, name) == (OWN, PIECE) { None } else { Some(find(namespace, name)?) };
        if self.open.is_empty() && (self.root.is_some() || tag.is_none()) {
            return Err(format!("{name} beside the root"));
        }
        if let Some(parent) = self.open.last_mut() {
            if parent.tag.is_none() || parent.form != Form::Text {
                return Err(format!("{name} within a text or opaque bytes"));
            }
            let text = std::mem::take(&mut parent.text);
            if !text.trim_ascii().is_empty() {
                self.add(Content::Text(text))?;
            }
        }
        if tag.is_some() {
            self.elements += 1;
            if self.elements > self.limits.elements {
                return Err("too many elements".to_owned());
            }
            if self.open.len() >= self.limits.deepest() {
                return Err("elements too deep within each other".to_owned());
            }
        }
        self.open.push(Open { tag, form, content: Vec::new(), text: String::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(mut open) = self.open.pop() else { return Err("an end without a beginning".to_owned()) };
        let space = open.text.trim_ascii().is_empty();
        let said = piece(open.form, std::mem::take(&mut open.text))?;
        // White space is a text where it is alone, and between elements for the eye only.
        let said = said.filter(|said| !(space && matches!(said, Content::Text(_)) && !open.content.is_empty()));
        let Some(tag) = open.tag else { return said.map_or(Ok(()), |said| self.add(said)) };
        if let Some(said) = said {
            self.push(&mut open.content, said)?;
        }
        let element = Element { tag, content: open.content };
        if self.open.is_empty() {
            self.root = Some(element);
            return Ok(());
        }
        self.add(Content::Element(element))
    }

    /// Puts it into the innermost that is open.
    fn add(&mut self, content: Content) -> Result<(), String> {
        let Some(mut parent) = self.open.pop() else { return Err("a piece beside the root".to_owned()) };
        self.push(&mut parent.content, content)?;
        self.open.push(parent);
        Ok(())
    }

    fn push(&mut self, all: &mut Vec<Content>, content: Content) -> Result<(), String> {
        match (all.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(text)) => before.push_str(&text),
            (_, content) => {
                self.pieces += usize::from(!matches!(content, Content::Element(_)));
                if self.pieces > self.limits.pieces {
                    return Err("too many pieces of text or bytes".to_owned());
                }
                all.push(content);
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        if text.contains('\0') {
            return Err("NUL in a text, which WBXML cannot say".to_owned());
        }
        match self.open.last_mut() {
            Some(open) => open.text.push_str(text),
            None if text.trim_ascii().is_empty() => {}
            None => return Err("text beside the root".to_owned()),
        }
        Ok(())
    }
}

/// What was said in this form; `None` is nothing.
fn piece(form: Form, text: String) -> Result<Option<Content>, String> {
    let bytes = match form {
        Form::Text => return Ok((!text.is_empty()).then_some(Content::Text(text))),
        Form::Opaque => return Ok(Some(Content::Opaque(text.into()))),
        Form::TextBase64 | Form::OpaqueBase64 => {
            let digits: String = text.split_ascii_whitespace().collect();
            BASE64_STANDARD.decode(digits).map_err(|error| format!("no base64: {error}"))?
        }
    };
    if form == Form::OpaqueBase64 {
        return Ok(Some(Content::Opaque(bytes.into())));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err("NUL in a text, which WBXML cannot say".to_owned()),
        Ok(text) => Ok((!text.is_empty()).then_some(Content::Text(text))),
        Err(_) => Err("a text in base64 that is not UTF-8".to_owned()),
    }
}

/// How an element's content is written, by its marker.
fn form(start: &BytesStart<'_>) -> Result<Form, String> {
    let mut form = Form::Text;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.into_inner();
        if name == "xmlns" || name.starts_with("xmlns:") {
            continue;
        }
        form = Form::of_marker(name, &attribute.value)
            .ok_or_else(|| format!("{name}=\"{}\", which is none of WBXML's markers", attribute.value))?;
    }
    Ok(form)
}

/// The tag of this name, or of a page and token by their numbers.
fn find(namespace: &str, name: &str) -> Result<Tag, String> {
    if let Some(tag) = Tag::find(namespace, name) {
        return Ok(tag);
    }
    let page = PAGES.iter().find(|(_, its, _)| *its == namespace).map(|(page, ..)| *page);
    let page = page.or_else(|| namespace.strip_prefix("page-")?.parse().ok());
    let Some(page) = page else {
        return Err(format!("{name} in the namespace \"{namespace}\", which is no code page"));
    };
    let token = name.strip_prefix("tag-").and_then(|token| u8::from_str_radix(token, 16).ok());
    token
        .filter(|token| Tag::TOKENS.contains(token))
        .map(|token| Tag::new(page, token))
        .ok_or_else(|| format!("{name}, which is no tag of the code page {namespace}"))
}
