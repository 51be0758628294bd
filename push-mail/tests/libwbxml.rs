//! The WBXML codec against libwbxml's tools (Debian's libwbxml2-utils, 0.11.8): what one writes, the other reads, every tag of
//! every page and random documents, both ways, in both of libwbxml's languages for ActiveSync.
//!
//! Where they differ, and it is not the codec that is tested:
//! * names: [`spelt`], and namespaces: [`Language`];
//! * page 25 and three tags are newer than libwbxml 0.11.8: [`known`];
//! * libwbxml leaves carriage returns as they are in XML, where any other reader takes them for line feeds;
//! * all text of some elements is opaque bytes to it, which are base64 in its XML: [`BASE64`]. It has no XML for others.
//!
//! Fails where the tools are missing.

#[path = "wbxml/random.rs"]
mod random;

use std::process::{Command, Stdio};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select};
use push_mail::wbxml::{
    Content, Element, Limits, Tag, decode, encode,
    tags::{
        air_sync_base, compose_mail, email2, gal, item_operations, meeting_response, provision, resolve_recipients,
        search,
    },
};
use quick_xml::{NsReader, escape::partial_escape, events::Event, name::ResolveResult};

/// One of libwbxml's two sets of names for the same pages.
struct Language {
    name: &'static str,
    doctype: &'static str,
    namespace: fn(&str) -> String,
}

const LANGUAGES: [Language; 2] = [
    Language {
        name: "ACTIVESYNC",
        doctype: r#"<!DOCTYPE ActiveSync PUBLIC "-//MICROSOFT//DTD ActiveSync//EN" "http://www.microsoft.com/">"#,
        namespace: |name| format!("{}:", if name == "GAL" { "Gal" } else { name }),
    },
    Language {
        name: "AIRSYNC",
        doctype: r#"<!DOCTYPE AirSync PUBLIC "-//AIRSYNC//DTD AirSync//EN" "http://www.microsoft.com/">"#,
        namespace: |name| {
            let name = if name == "GetItemEstimate" { "itemestimate" } else { name };
            format!("http://synce.org/formats/airsync_wm5/{}", name.to_lowercase())
        },
    },
];

/// Those whose text libwbxml takes for base64 of opaque bytes.
const BASE64: [Tag; 8] = [
    resolve_recipients::DATA,
    search::CONVERSATION_ID,
    gal::DATA,
    air_sync_base::CONTENT,
    item_operations::CONVERSATION_ID,
    compose_mail::MIME,
    email2::CONVERSATION_ID,
    email2::CONVERSATION_INDEX,
];

/// What libwbxml 0.11.8 knows.
fn known() -> Vec<Tag> {
    let newer = [
        provision::ACCOUNT_ONLY_REMOTE_WIPE,
        meeting_response::PROPOSED_START_TIME,
        meeting_response::PROPOSED_END_TIME,
    ];
    Tag::all().filter(|tag| tag.page() != 25 && !newer.contains(tag)).collect()
}

/// How libwbxml 0.11.8 spells a tag.
fn spelt(tag: Tag) -> String {
    let name = tag.name().unwrap();
    let other = match (tag.namespace().unwrap(), name) {
        (
            "Email" | "Calendar" | "Tasks",
            "Type" | "Start" | "Until" | "Occurrences" | "Interval" | "DayOfWeek" | "DayOfMonth" | "WeekOfMonth"
            | "MonthOfYear" | "Regenerate" | "DeadOccur",
        ) => return format!("Recurrence_{name}"),
        ("Contacts", _)
            if ["City", "Country", "PostalCode", "State", "Street"].iter().any(|end| name.ends_with(end)) =>
        {
            return name.replace("Address", "");
        }
        ("Contacts", "AssistantPhoneNumber") => "AssistantTelephoneNumber",
        ("Email", "ReplyTo") => "Reply-To",
        ("Email", "Status") => "FlagStatus",
        ("Email" | "Calendar", "DtStamp") => "DTStamp",
        ("Calendar", "Timezone") => "TimeZone",
        ("Calendar", "Email") => "Attendee_Email",
        ("Calendar", "Name") => "Attendee_Name",
        ("Calendar", "AttendeeStatus") => "Attendee_Status",
        ("Calendar", "AttendeeType") => "Attendee_Type",
        ("Calendar", "CompressedRTF") => "Compressed_RTF",
        ("Calendar", "Deleted") => "Exception_Deleted",
        ("Calendar", "ExceptionStartTime") => "Exception_StartTime",
        ("Calendar", "OrganizerEmail") => "Organizer_Email",
        ("Calendar", "OrganizerName") => "Organizer_Name",
        ("Tasks", "UtcDueDate") => "UTCDueDate",
        ("Tasks", "UtcStartDate") => "UTCStartDate",
        ("ValidateCert", "CheckCrl") => "CheckCRL",
        ("Provision", "RequireStorageCardEncryption") => "DeviceEncryptionEnabled",
        ("Settings", "SMTPAddress") => "SmtpAddress",
        ("Settings", "RightsManagementInformation") => "ihsManagementInformation",
        ("ComposeMail", "Mime") => "MIME",
        ("RightsManagement", "Owner") => "RMOwner",
        ("RightsManagement", "RemoveRightsManagementProtection") => "RemoveRightsManagementDistribution",
        _ => name,
    };
    other.to_owned()
}

/// One document for each page, with all of its tags that libwbxml knows.
fn pages() -> Vec<Element> {
    let known = known();
    (0..=24)
        .map(|page| {
            let mut tags = known.iter().copied().filter(|tag| tag.page() == page);
            let root = Element::new(tags.next().unwrap());
            root.with_all(tags.map(|tag| match BASE64.contains(&tag) {
                true => Element::new(tag).with(Element::new(tag)),
                false => Element::text(tag, tag.name().unwrap()).with(Element::new(tag)),
            }))
        })
        .collect()
}

#[test]
fn each_tag_of_each_page_is_read_by_libwbxml() {
    for language in &LANGUAGES {
        for page in pages() {
            assert_eq!(of_their_xml(&to_their_xml_by_them(&encode(&page), language), language), page);
        }
    }
}

#[test]
fn each_tag_of_each_page_is_read_as_libwbxml_writes_it() {
    for language in &LANGUAGES {
        for page in pages() {
            let xml = to_their_xml(&page, language);
            assert_eq!(read(&to_bytes_by_them(&xml, false)), page);
            assert_eq!(read(&to_bytes_by_them(&xml, true)), page, "with a string table");
        }
    }
}

#[test]
fn opaque_bytes_are_the_same_to_libwbxml() {
    let language = &LANGUAGES[0];
    for tag in BASE64 {
        for length in [1, 127, 128, 300, 20_000] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| (at * 7 % 256) as u8).collect();
            let document = Element::opaque(tag, bytes.clone());
            let xml = to_their_xml_by_them(&encode(&document), language);
            let digits = Element::text(tag, BASE64_STANDARD.encode(&bytes));
            assert_eq!(of_their_xml(&xml, language), digits);
            assert_eq!(read(&to_bytes_by_them(&xml, false)), document);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_documents_are_the_same_to_libwbxml(
        document in random::documents(ordinary(), texts(), false),
        language in select(vec![0, 1]),
    ) {
        let language = &LANGUAGES[language];
        let xml = to_their_xml_by_them(&encode(&document), language);
        prop_assert_eq!(of_their_xml(&xml, language), document.clone(), "{}", xml);

        let xml = to_their_xml(&document, language);
        prop_assert_eq!(read(&to_bytes_by_them(&xml, false)), document.clone(), "{}", xml);
        prop_assert_eq!(read(&to_bytes_by_them(&xml, true)), document, "{}, with a string table", xml);
    }
}

/// Those whose text is no base64 to libwbxml.
fn ordinary() -> Vec<Tag> {
    known().into_iter().filter(|tag| !BASE64.contains(tag)).collect()
}

/// Texts that XML can say, without carriage returns.
fn texts() -> BoxedStrategy<String> {
    let character = prop_oneof![
        8 => prop::char::range(' ', '~'),
        1 => prop::char::range('\u{A0}', '\u{D7FF}'),
        1 => prop::char::range('\u{10000}', '\u{10FFFF}'),
        1 => select(vec!['\t', '\n', ' ', '<', '&', '>', '"', '\u{FFFD}']),
    ];
    vec(character, 1..30).prop_map(String::from_iter).boxed()
}

fn read(bytes: &[u8]) -> Element {
    decode(&Bytes::copy_from_slice(bytes), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {bytes:02X?}"))
}

/// The XML that libwbxml makes of a document.
fn to_their_xml_by_them(bytes: &[u8], language: &Language) -> String {
    String::from_utf8(run("wbxml2xml", &["-k", "-m", "0", "-l", language.name], bytes)).unwrap()
}

/// The bytes that libwbxml makes of XML.
fn to_bytes_by_them(xml: &str, string_table: bool) -> Vec<u8> {
    let arguments = if string_table { &["-k"][..] } else { &["-k", "-n"] };
    run("xml2wbxml", arguments, xml.as_bytes())
}

/// What a tool makes of a file.
fn run(tool: &str, arguments: &[&str], bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::write(&input, bytes).unwrap();
    let mut command = Command::new(tool);
    command.args(arguments).arg("-o").args([&output, &input]).stdin(Stdio::null());
    let done = command.output().unwrap_or_else(|error| panic!("{tool} of Debian's libwbxml2-utils: {error}"));
    std::fs::read(&output).unwrap_or_else(|_| panic!("{tool}: {}", String::from_utf8_lossy(&done.stderr)))
}

/// A document as XML with libwbxml's names, no white space added.
fn to_their_xml(document: &Element, language: &Language) -> String {
    let mut xml = format!("<?xml version=\"1.0\"?>{}", language.doctype);
    add_their_xml(document, None, language, &mut xml);
    xml
}

fn add_their_xml(element: &Element, page: Option<u8>, language: &Language, xml: &mut String) {
    let name = spelt(element.tag);
    let namespace = (language.namespace)(element.tag.namespace().unwrap());
    match page == Some(element.tag.page()) {
        true => xml.extend(["<", &name, ">"]),
        false => xml.extend(["<", &name, " xmlns=\"", &namespace, "\">"]),
    }
    for content in &element.content {
        match content {
            Content::Element(child) => add_their_xml(child, Some(element.tag.page()), language, xml),
            Content::Text(text) => xml.push_str(&partial_escape(text)),
            Content::Opaque(_) => panic!("only texts are written"),
        }
    }
    xml.extend(["</", &name, ">"]);
}

/// The document of XML with libwbxml's names.
fn of_their_xml(xml: &str, language: &Language) -> Element {
    let names: std::collections::HashMap<_, _> =
        known().into_iter().map(|tag| (((language.namespace)(tag.namespace().unwrap()), spelt(tag)), tag)).collect();
    let mut reader = NsReader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    // The outermost holds the root.
    let mut open = vec![Element::new(Tag::new(0, 5))];
    loop {
        match reader.read_resolved_event().unwrap_or_else(|error| panic!("{error}: {xml}")) {
            (ResolveResult::Bound(namespace), Event::Start(start)) => {
                let name = (namespace.into_inner().to_owned(), start.local_name().into_inner().to_owned());
                open.push(Element::new(*names.get(&name).unwrap_or_else(|| panic!("{name:?}: {xml}"))));
            }
            (_, Event::End(_)) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().push(done);
            }
            (_, Event::Text(text)) => append(open.last_mut().unwrap(), &text),
            (_, Event::GeneralRef(name)) => match name.resolve_char_ref().unwrap() {
                Some(c) => append(open.last_mut().unwrap(), c.encode_utf8(&mut [0; 4])),
                None => append(open.last_mut().unwrap(), quick_xml::escape::resolve_xml_entity(&name).unwrap()),
            },
            (_, Event::Eof) => break,
            _ => {}
        }
    }
    open[0].elements().next().unwrap().clone()
}

fn append(element: &mut Element, text: &str) {
    match element.content.last_mut() {
        Some(Content::Text(before)) => before.push_str(text),
        _ => element.content.push(Content::Text(text.to_owned())),
    }
}
