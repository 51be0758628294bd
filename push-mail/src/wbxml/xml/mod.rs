//! Documents as XML, for people: to be read, kept in tests, and written by hand.
//!
//! Each code page is a namespace. An element with one text is written as such; what XML cannot say so has a marker:
//!
//! ```xml
//! <?xml version="1.0" encoding="utf-8"?>
//! <SendMail xmlns="ComposeMail">
//!   <ClientId>a text</ClientId>
//!   <SaveInSentItems/>
//!   <Mime opaque="utf-8">opaque bytes that are text</Mime>
//!   <Mime opaque="base64">AAEC</Mime>
//!   <ClientId text="base64">YQFi</ClientId>
//!   <Source>
//!     <piece xmlns="wbxml">a text beside other content; so are opaque bytes</piece>
//!     <FolderId>5</FolderId>
//!   </Source>
//!   <tag-3F/>
//!   <tag-05 xmlns="page-200"/>
//! </SendMail>
//! ```

mod read;
mod write;

pub use read::{XmlError, from_xml};
pub use write::to_xml;

/// The namespace of [`PIECE`].
const OWN: &str = "wbxml";
/// Holds a text or opaque bytes that are not alone in their element.
const PIECE: &str = "piece";

/// How a text or opaque bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    TextBase64,
    Opaque,
    OpaqueBase64,
}

impl Form {
    /// The attribute that says so, with its value.
    fn marker(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Text => None,
            Self::TextBase64 => Some(("text", "base64")),
            Self::Opaque => Some(("opaque", "utf-8")),
            Self::OpaqueBase64 => Some(("opaque", "base64")),
        }
    }

    fn of_marker(name: &str, value: &str) -> Option<Self> {
        [Self::TextBase64, Self::Opaque, Self::OpaqueBase64]
            .into_iter()
            .find(|form| form.marker() == Some((name, value)))
    }
}
