//! What holds of every answer.

use std::fmt;

use bytes::Bytes;
use push_mail::wbxml::{Element, Limits, Tag, decode, to_xml};
use testkit::http::Response;

use super::schema;

/// The answer to a command.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) document: Option<Element>,
    /// What follows a document in an answer of several parts.
    pub(crate) parts: Vec<Bytes>,
    pub(crate) response: Response,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("head", &self.response.head).field("document", &self.document).finish()
    }
}

impl Answer {
    pub(crate) fn checked(command: &'static str, response: Response) -> Self {
        check_framing(command, &response);
        let http = response.status();
        if http != 200 {
            return Self { http, document: None, parts: Vec::new(), response };
        }
        // MS-ASHTTP §2.2.2.1.2.8: the server's version, whatever the phone speaks.
        let is_number = |value: &str| value.starts_with(|first: char| first.is_ascii_digit());
        assert!(response.header("ms-server-activesync").is_some_and(is_number), "{command}: {response:?}");
        let cached = response.header("cache-control").unwrap_or_default();
        assert!(cached.contains("private") || cached.contains("no-store"), "{command}: {response:?}");
        let body = Bytes::from(response.body.clone());
        if body.is_empty() {
            return Self { http, document: None, parts: Vec::new(), response };
        }
        let (document, parts) = match response.header("content-type") {
            Some("application/vnd.ms-sync.wbxml") => (body, Vec::new()),
            Some("application/vnd.ms-sync.multipart") => split(&body),
            other => panic!("{command}: content type {other:?}"),
        };
        // MS-ASWBXML §2.1.2: version 1.3, public id unknown, UTF-8, no string table.
        assert!(document.starts_with(&[0x03, 0x01, 0x6A, 0x00]), "{command}: {document:?}");
        let element = decode(&document, &Limits::default());
        let element = element.unwrap_or_else(|error| panic!("{command}: {error}: {document:?}"));
        assert_eq!(element.tag.name(), Some(command), "{element:?}");
        schema::check(&element).unwrap_or_else(|wrong| panic!("{wrong}\n{}", to_xml(&element)));
        Self { http, document: Some(element), parts, response }
    }

    /// The status of the command as a whole, in the command's own page.
    pub(crate) fn status(&self) -> Option<u16> {
        let document = self.document.as_ref()?;
        let status = document
            .elements()
            .find(|element| element.tag.name() == Some("Status") && element.tag.page() == document.tag.page())?;
        Some(number(status))
    }

    pub(crate) fn document(&self) -> &Element {
        self.document.as_ref().unwrap_or_else(|| panic!("nothing is said: {self:?}"))
    }
}

/// A phone may not understand chunks: the length stands in the head, and is right.
pub(crate) fn check_framing(command: &str, response: &Response) {
    let length = response.header("content-length").and_then(|length| length.parse().ok());
    assert_eq!(length, Some(response.body.len()), "{command}: {response:?}");
    assert_eq!(response.header("transfer-encoding"), None, "{command}: {response:?}");
}

/// MS-ASCMD §2.2.1.10.1: a count, offset and length of each part, the parts; numbers of four bytes, the lowest first.
fn split(body: &Bytes) -> (Bytes, Vec<Bytes>) {
    let word = |at: usize| {
        let bytes = body.get(at..at + 4).expect("a number").try_into().expect("four bytes");
        usize::try_from(i32::from_le_bytes(bytes)).expect("no negative number")
    };
    let mut parts = (0..word(0)).map(|part| {
        let (start, length) = (word(4 + 8 * part), word(8 + 8 * part));
        body.slice(start..start + length)
    });
    let document = parts.next().expect("a document");
    (document, parts.collect())
}

/// A number that must stand there.
pub(crate) fn number<T: std::str::FromStr>(element: &Element) -> T {
    element.to_text().parse().unwrap_or_else(|_| panic!("no number: {element:?}"))
}

/// Text that must stand there.
pub(crate) fn text(element: &Element, tag: Tag) -> String {
    element.child_text(tag).unwrap_or_else(|| panic!("no {tag:?} in {element:?}"))
}

/// A status that must stand there.
pub(crate) fn status(element: &Element, tag: Tag) -> u16 {
    number(element.child(tag).unwrap_or_else(|| panic!("no {tag:?} in {element:?}")))
}
