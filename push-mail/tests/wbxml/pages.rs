//! The code pages, against what three others say of them:
//!
//! * Microsoft: the tables of [MS-ASWBXML] of May 2025, and those in Microsoft's own interoperability tests. The numbers and
//!   the spelling are theirs.
//! * libwbxml and Z-Push, for what Microsoft no longer lists ([`OLD`]). libwbxml's numbers are ours throughout, Z-Push's where
//!   it has them; tests/libwbxml.rs compares every name with the libwbxml that is installed.
//!
//! Where they differ in spelling: the test suite has `GALSearchCriterion` (25:19) and `CheckCrl` (11:09), the table
//! `GalSearchCriterion` and `CheckCRL`, and the table calls 21:17 and 21:18 `Name` and `Email`, the suite's schema
//! `ForwardeeName` and `ForwardeeEmail`. On the wire there are only numbers.

use std::collections::BTreeSet;

use push_mail::wbxml::{
    Element, Tag, encode,
    tags::{contacts, email, find, provision, rights_management, settings, tasks},
};

use super::read;

/// Page, namespace, and the tokens that Microsoft lists, as ranges.
const MICROSOFT: [(u8, &str, &str); 25] = [
    (0, "AirSync", "05-10 12-19 1B-1E 20-29"),
    (1, "Contacts", "05-3A 3C-3E"),
    (2, "Email", "05-0A 0C-3F"),
    (4, "Calendar", "05-0F 11-2A 33-3C"),
    (5, "Move", "05-0C"),
    (6, "GetItemEstimate", "05 07-0A 0C-0E"),
    (7, "FolderHierarchy", "05-0A 0C 0E-17"),
    (8, "MeetingResponse", "05-0C 0E 10-12"),
    (9, "Tasks", "05-20 22-26"),
    (10, "ResolveRecipients", "05-1D"),
    (11, "ValidateCert", "05-0A"),
    (12, "Contacts2", "05-0E"),
    (13, "Ping", "05 07-0D"),
    (14, "Provision", "05-11 13-3B"),
    (15, "Search", "05 07-15 17-1B 1E-23"),
    (16, "GAL", "05-12"),
    (17, "AirSyncBase", "05-08 0A-2D"),
    (18, "Settings", "05-29 2B"),
    (19, "DocumentLibrary", "05-0C"),
    (20, "ItemOperations", "05-19"),
    (21, "ComposeMail", "05-09 0B-13 15-18"),
    (22, "Email2", "05-13 15-17"),
    (23, "Notes", "05-09"),
    (24, "RightsManagement", "05-18"),
    (25, "Find", "05-0E 11-19 20-22"),
];

/// What old versions had and Microsoft no longer lists, as libwbxml knows it.
const OLD: [(u8, &str, &str); 12] = [
    (0, "AirSync", "11 1A 1F"),
    (1, "Contacts", "3B"),
    (2, "Email", "0B"),
    (3, "AirNotify", "05-17"),
    (4, "Calendar", "10"),
    (6, "GetItemEstimate", "06 0B"),
    (7, "FolderHierarchy", "0B 0D 18"),
    (8, "MeetingResponse", "0D"),
    (9, "Tasks", "21"),
    (13, "Ping", "06"),
    (14, "Provision", "12"),
    (15, "Search", "1C-1D"),
];

fn listed(lists: &[(u8, &str, &str)]) -> BTreeSet<(u8, u8)> {
    let token = |digits: &str| u8::from_str_radix(digits, 16).unwrap();
    let mut all = BTreeSet::new();
    for (page, _, ranges) in lists {
        for range in ranges.split(' ') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            all.extend((token(first)..=token(last)).map(|token| (*page, token)));
        }
    }
    all
}

#[test]
fn each_page_has_the_tokens_that_microsoft_lists_and_the_old_ones() {
    let ours: BTreeSet<_> = Tag::all().map(|tag| (tag.page(), tag.token())).collect();
    let theirs = &listed(&MICROSOFT) | &listed(&OLD);
    assert_eq!(ours, theirs);
    assert!(listed(&MICROSOFT).is_disjoint(&listed(&OLD)));
    assert_eq!(Tag::all().count(), ours.len(), "none twice");
}

#[test]
fn each_page_has_its_namespace() {
    for (page, namespace, _) in MICROSOFT.into_iter().chain(OLD) {
        assert!(Tag::all().filter(|tag| tag.page() == page).all(|tag| tag.namespace() == Some(namespace)), "{page}");
    }
    assert_eq!(Tag::new(26, 5).namespace(), None);
}

#[test]
fn each_tag_is_found_by_its_name_and_is_read_as_it_was_written() {
    for tag in Tag::all() {
        let (namespace, name) = (tag.namespace().unwrap(), tag.name().unwrap());
        assert_eq!(Tag::find(namespace, name), Some(tag));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        let element = Element::text(tag, name).with(Element::new(tag));
        assert_eq!(read(&encode(&element)), Ok(element));
    }
    assert_eq!(Tag::find("Ping", "Pong"), None);
    assert_eq!(Tag::find("Pong", "Ping"), None);
    assert_eq!(Tag::new(13, 0x3F).name(), None);
}

#[test]
fn names_are_microsofts_where_others_have_their_own() {
    for (tag, name) in [
        (contacts::BUSINESS_CITY, "BusinessAddressCity"),
        (contacts::ASSISTANT_TELEPHONE_NUMBER, "AssistantPhoneNumber"),
        (email::REPLY_TO, "ReplyTo"),
        (email::TYPE, "Type"),
        (email::STATUS, "Status"),
        (tasks::DAY_OF_WEEK, "DayOfWeek"),
        (settings::SMTP_ADDRESS, "SMTPAddress"),
        (settings::RIGHTS_MANAGEMENT_INFORMATION, "RightsManagementInformation"),
        (rights_management::OWNER, "Owner"),
        (rights_management::REMOVE_RIGHTS_MANAGEMENT_PROTECTION, "RemoveRightsManagementProtection"),
    ] {
        assert_eq!(tag.name(), Some(name));
    }
}

#[test]
fn what_the_installed_libwbxml_does_not_know_is_as_microsoft_has_it() {
    let page: Vec<_> =
        Tag::all().filter(|tag| tag.page() == 25).map(|tag| (tag.token(), tag.name().unwrap())).collect();
    assert_eq!(
        page,
        [
            (0x05, "Find"),
            (0x06, "SearchId"),
            (0x07, "ExecuteSearch"),
            (0x08, "MailBoxSearchCriterion"),
            (0x09, "Query"),
            (0x0A, "Status"),
            (0x0B, "FreeText"),
            (0x0C, "Options"),
            (0x0D, "Range"),
            (0x0E, "DeepTraversal"),
            (0x11, "Response"),
            (0x12, "Result"),
            (0x13, "Properties"),
            (0x14, "Preview"),
            (0x15, "HasAttachments"),
            (0x16, "Total"),
            (0x17, "DisplayCc"),
            (0x18, "DisplayBcc"),
            (0x19, "GalSearchCriterion"),
            (0x20, "MaxPictures"),
            (0x21, "MaxSize"),
            (0x22, "Picture"),
        ]
    );
    assert_eq!(find::GAL_SEARCH_CRITERION, Tag::new(25, 0x19));
    assert_eq!(provision::ACCOUNT_ONLY_REMOTE_WIPE, Tag::new(14, 0x3B));
    assert_eq!(provision::ACCOUNT_ONLY_REMOTE_WIPE.name(), Some("AccountOnlyRemoteWipe"));
}

#[test]
#[should_panic(expected = "tokens of tags are 5 to 63")]
fn a_token_that_no_tag_can_have_is_refused() {
    Tag::new(0, 4);
}
