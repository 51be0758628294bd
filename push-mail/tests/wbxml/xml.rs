//! Documents as XML.

use proptest::prelude::*;
use push_mail::wbxml::{
    Content, Element, Limits, Tag, encode, from_xml,
    tags::{air_sync, air_sync_base, compose_mail, email2, ping},
    to_xml,
};

use super::{documents, read};

fn of(xml: &str) -> Result<Element, String> {
    from_xml(xml, &Limits::default()).map_err(|error| error.to_string())
}

#[test]
fn a_document_is_indented_xml_with_a_namespace_for_each_page() {
    let body = Element::new(air_sync_base::BODY).with_text(air_sync_base::DATA, "a < b & c\r\n ");
    let data = Element::new(air_sync::APPLICATION_DATA)
        .with(body)
        .with(Element::opaque(email2::CONVERSATION_ID, &b"\x00\xFF"[..]))
        .with(Element::text(email2::SENDER, "\u{1B}"));
    let sync = Element::new(air_sync::SYNC).with(data).with(Element::new(air_sync::MORE_AVAILABLE));
    let xml = r#"<?xml version="1.0" encoding="utf-8"?>
<Sync xmlns="AirSync">
  <ApplicationData>
    <Body xmlns="AirSyncBase">
      <Data>a &lt; b &amp; c&#13;
 </Data>
    </Body>
    <ConversationId xmlns="Email2" opaque="base64">AP8=</ConversationId>
    <Sender xmlns="Email2" text="base64">Gw==</Sender>
  </ApplicationData>
  <MoreAvailable/>
</Sync>
"#;
    assert_eq!(to_xml(&sync), xml);
    assert_eq!(of(xml), Ok(sync));
}

#[test]
fn opaque_bytes_that_are_text_can_be_read() {
    let mime = Element::opaque(compose_mail::MIME, &b"To: a\r\n\r\nhi"[..]);
    let xml = to_xml(&mime);
    assert!(xml.contains("<Mime xmlns=\"ComposeMail\" opaque=\"utf-8\">To: a&#13;\n&#13;\nhi</Mime>"), "{xml}");
    assert_eq!(of(&xml), Ok(mime));
}

#[test]
fn content_beside_other_content_is_in_pieces() {
    let content = vec![
        Content::Text(" ".to_owned()),
        Content::Element(Element::new(ping::STATUS)),
        Content::Opaque(b"x".to_vec().into()),
    ];
    let mixed = Element { tag: ping::PING, content };
    let xml = to_xml(&mixed);
    assert!(
        xml.contains(
            "\n  <piece xmlns=\"wbxml\"> </piece>\n  <Status/>\n  <piece xmlns=\"wbxml\" opaque=\"utf-8\">x</piece>\n"
        ),
        "{xml}"
    );
    assert_eq!(of(&xml), Ok(mixed));
}

#[test]
fn what_has_no_name_has_its_numbers() {
    let unnamed = Element::new(Tag::new(200, 0x05)).with(Element::new(Tag::new(13, 0x3F)));
    let xml = to_xml(&unnamed);
    assert!(xml.contains("<tag-05 xmlns=\"page-200\">\n  <tag-3F xmlns=\"Ping\"/>"), "{xml}");
    assert_eq!(of(&xml), Ok(unnamed));
}

#[test]
fn xml_that_a_person_wrote_is_read() {
    let xml = "\u{FEFF}<!DOCTYPE ActiveSync PUBLIC \"-//MICROSOFT//DTD ActiveSync//EN\" \"http://www.microsoft.com/\">
        <!-- a ping --><p:Ping xmlns:p='Ping:'>
            <p:Status>1</p:Status><p:Folders></p:Folders>&#x41;<![CDATA[ & ]]>&gt;
        </p:Ping>\n";
    let content = vec![
        Content::Element(Element::text(ping::STATUS, 1)),
        Content::Element(Element::new(ping::FOLDERS)),
        Content::Text("A & >\n        ".to_owned()),
    ];
    assert_eq!(of(xml), Ok(Element { tag: ping::PING, content }));
}

#[test]
fn what_is_wrong_with_xml_is_said() {
    for (xml, wrong) in [
        ("", "there is no document, near byte 0"),
        ("<Ping xmlns='Ping'>", "it ends before the root does, near byte 19"),
        ("<Ping xmlns='Ping'></Pong>", "near byte 19"),
        ("<Ping/>", "Ping in the namespace \"\", which is no code page"),
        ("<Ping xmlns='ping'/>", "Ping in the namespace \"ping\", which is no code page"),
        ("<Pong xmlns='Ping'/>", "Pong, which is no tag of the code page Ping"),
        ("<tag-04 xmlns='Ping'/>", "tag-04, which is no tag of the code page Ping"),
        ("<tag-40 xmlns='Ping'/>", "tag-40, which is no tag of the code page Ping"),
        ("<tag-05 xmlns='page-256'/>", "tag-05 in the namespace \"page-256\", which is no code page"),
        ("<Ping xmlns='Ping' a='b'/>", "a=\"b\", which is none of WBXML's markers"),
        ("<Ping xmlns='Ping' opaque='hex'/>", "opaque=\"hex\", which is none of WBXML's markers"),
        ("<Ping xmlns='Ping' opaque='base64'>?</Ping>", "no base64: "),
        ("<Ping xmlns='Ping' opaque='base64'><Id/></Ping>", "Id within a text or opaque bytes"),
        ("<Ping xmlns='Ping' text='base64'>/w==</Ping>", "a text in base64 that is not UTF-8"),
        ("<Ping xmlns='Ping' text='base64'>AA==</Ping>", "NUL in a text, which WBXML cannot say"),
        ("<Ping xmlns='Ping'>&nbsp;</Ping>", "the entity nbsp is not one of XML's own"),
        ("<Ping xmlns='Ping'/><Ping xmlns='Ping'/>", "Ping beside the root"),
        ("<Ping xmlns='Ping'/>x", "text beside the root"),
        ("<piece xmlns='wbxml'>x</piece>", "piece beside the root"),
    ] {
        let said = of(xml).expect_err(xml);
        assert!(said.contains(wrong), "{xml}: {said}");
    }
}

#[test]
fn xml_is_read_within_the_limits() {
    let limited = |change: fn(&mut Limits), xml: &str| {
        let mut limits = Limits::default();
        change(&mut limits);
        from_xml(xml, &limits).map_err(|error| error.to_string())
    };
    let xml = "<Ping xmlns='Ping'><Folders><Folder>5</Folder></Folders></Ping>";
    assert!(
        limited(|limits| (limits.depth, limits.elements, limits.pieces, limits.bytes) = (3, 3, 1, 64), xml).is_ok()
    );
    assert!(limited(|limits| limits.depth = 2, xml).unwrap_err().contains("too deep"));
    assert!(limited(|limits| limits.elements = 2, xml).unwrap_err().contains("too many elements"));
    assert!(limited(|limits| limits.pieces = 0, xml).unwrap_err().contains("too many pieces"));
    assert!(limited(|limits| limits.bytes = 62, xml).unwrap_err().contains("too long"));
}

proptest! {
    #[test]
    fn any_document_is_itself_after_bytes_and_after_xml(
        document in documents(),
    ) {
        let of_bytes = read(&encode(&document));
        prop_assert_eq!(of_bytes.as_ref(), Ok(&document));
        let xml = to_xml(&document);
        let of_xml = of(&xml);
        prop_assert_eq!(of_xml.as_ref(), Ok(&document), "{}", xml);
    }
}
