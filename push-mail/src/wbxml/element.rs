//! Documents as trees.

use std::fmt;

use bytes::Bytes;

use super::pages::PAGES;

/// An element's name: its code page and its token there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    page: u8,
    token: u8,
}

impl Tag {
    /// Those that tags have on a page (WBXML 1.3 §7.1).
    pub(super) const TOKENS: std::ops::RangeInclusive<u8> = 0x05..=0x3F;

    /// The tag of a token of a page, whether it has a name or not.
    ///
    /// # Panics
    ///
    /// If the token is not one of 5 to 63, as all are that [`decode`](super::decode) finds.
    pub const fn new(page: u8, token: u8) -> Self {
        assert!(*Self::TOKENS.start() <= token && token <= *Self::TOKENS.end(), "tokens of tags are 5 to 63");
        Self { page, token }
    }

    /// All that have a name, in the order of their pages and tokens.
    pub fn all() -> impl Iterator<Item = Self> {
        PAGES.iter().flat_map(|(page, _, tokens)| tokens.iter().map(|(token, _)| Self::new(*page, *token)))
    }

    /// Its code page.
    pub const fn page(self) -> u8 {
        self.page
    }

    /// Its token there.
    pub const fn token(self) -> u8 {
        self.token
    }

    /// Its name, `None` if the page has no such token.
    pub fn name(self) -> Option<&'static str> {
        let (_, _, tokens) = PAGES.iter().find(|(page, ..)| *page == self.page)?;
        let place = tokens.binary_search_by_key(&self.token, |(token, _)| *token).ok()?;
        Some(tokens[place].1)
    }

    /// The name of its page, `None` if there is no such page.
    pub fn namespace(self) -> Option<&'static str> {
        PAGES.iter().find(|(page, ..)| *page == self.page).map(|(_, namespace, _)| *namespace)
    }

    /// The tag of that name, as `Ping` and `HeartbeatInterval`.
    pub fn find(namespace: &str, name: &str) -> Option<Self> {
        let (page, _, tokens) = PAGES.iter().find(|(_, its, _)| *its == namespace)?;
        let (token, _) = tokens.iter().find(|(_, its)| *its == name)?;
        Some(Self::new(*page, *token))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.namespace(), self.name()) {
            (Some(namespace), Some(name)) => write!(f, "{namespace}:{name}"),
            _ => write!(f, "{}:{:02X}", self.page, self.token),
        }
    }
}

/// What is within an element.
///
/// In what [`decode`](super::decode) makes, no text is empty or beside another; [`encode`](super::encode) takes any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Another one.
    Element(Element),
    /// Text; without NUL.
    Text(String),
    /// Bytes of any kind.
    Opaque(Bytes),
}

/// An element with all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub tag: Tag,
    /// What is in it, in order.
    pub content: Vec<Content>,
}

impl Element {
    /// An empty one.
    pub fn new(tag: Tag) -> Self {
        Self { tag, content: Vec::new() }
    }

    /// One with this text.
    pub fn text(tag: Tag, text: impl fmt::Display) -> Self {
        Self { tag, content: vec![Content::Text(text.to_string())] }
    }

    /// One with these bytes.
    pub fn opaque(tag: Tag, bytes: impl Into<Bytes>) -> Self {
        Self { tag, content: vec![Content::Opaque(bytes.into())] }
    }

    /// With another element in it.
    #[must_use]
    pub fn with(mut self, child: Element) -> Self {
        self.push(child);
        self
    }

    /// With these elements in it.
    #[must_use]
    pub fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.content.extend(children.into_iter().map(Content::Element));
        self
    }

    /// With an element of this tag and text in it, if there is a text.
    #[must_use]
    pub fn with_text(self, tag: Tag, text: impl fmt::Display) -> Self {
        self.with(Element::text(tag, text))
    }

    /// Puts another element into it.
    pub fn push(&mut self, child: Element) {
        self.content.push(Content::Element(child));
    }

    /// The elements in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The first element of this tag in it.
    pub fn child(&self, tag: Tag) -> Option<&Element> {
        self.elements().find(|element| element.tag == tag)
    }

    /// The elements of this tag in it.
    pub fn children(&self, tag: Tag) -> impl Iterator<Item = &Element> {
        self.elements().filter(move |element| element.tag == tag)
    }

    /// The text of the first element of this tag in it; empty where that has none, `None` if there is no such element.
    pub fn child_text(&self, tag: Tag) -> Option<String> {
        self.child(tag).map(Element::to_text)
    }

    /// Its text: what is opaque is read as UTF-8, what is in its elements is left out.
    pub fn to_text(&self) -> String {
        self.content.iter().fold(String::new(), |mut all, content| {
            match content {
                Content::Text(text) => all.push_str(text),
                Content::Opaque(bytes) => all.push_str(&String::from_utf8_lossy(bytes)),
                Content::Element(_) => {}
            }
            all
        })
    }

    /// Its bytes: those of its text where it has no others.
    pub fn to_bytes(&self) -> Bytes {
        match self.content.as_slice() {
            [Content::Opaque(bytes)] => bytes.clone(),
            [Content::Text(text)] => Bytes::copy_from_slice(text.as_bytes()),
            all => all
                .iter()
                .fold(Vec::new(), |mut joined, content| {
                    match content {
                        Content::Text(text) => joined.extend_from_slice(text.as_bytes()),
                        Content::Opaque(bytes) => joined.extend_from_slice(bytes),
                        Content::Element(_) => {}
                    }
                    joined
                })
                .into(),
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }
}
