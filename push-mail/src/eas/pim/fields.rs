//! Which element of a contact is which property of a vCard.

use crate::wbxml::Tag;
use crate::wbxml::tags::{contacts, contacts2};

/// Elements that are properties of one text each.
pub(super) const TEXTS: [(Tag, &str); 17] = [
    (contacts::JOB_TITLE, "TITLE"),
    (contacts::WEB_PAGE, "URL"),
    (contacts::SPOUSE, "X-SPOUSE"),
    (contacts::ASSISTANT_NAME, "X-ASSISTANT"),
    (contacts::OFFICE_LOCATION, "X-OFFICE-LOCATION"),
    (contacts::YOMI_FIRST_NAME, "X-PHONETIC-FIRST-NAME"),
    (contacts::YOMI_LAST_NAME, "X-PHONETIC-LAST-NAME"),
    (contacts::YOMI_COMPANY_NAME, "X-PHONETIC-ORG"),
    (contacts::RADIO_PHONE_NUMBER, "X-RADIO-PHONE"),
    (contacts::ASSISTANT_TELEPHONE_NUMBER, "X-ASSISTANT-PHONE"),
    (contacts2::NICK_NAME, "NICKNAME"),
    (contacts2::MANAGER_NAME, "X-MANAGER"),
    (contacts2::COMPANY_MAIN_PHONE, "X-COMPANY-PHONE"),
    (contacts2::CUSTOMER_ID, "X-CUSTOMER-ID"),
    (contacts2::GOVERNMENT_ID, "X-GOVERNMENT-ID"),
    (contacts2::ACCOUNT_NAME, "X-ACCOUNT-NAME"),
    (contacts2::MMS, "X-MMS"),
];

/// Parts of `N` (RFC 6350 §6.2.2), by their place.
pub(super) const NAME: [(Tag, usize); 5] = [
    (contacts::LAST_NAME, 0),
    (contacts::FIRST_NAME, 1),
    (contacts::MIDDLE_NAME, 2),
    (contacts::TITLE, 3),
    (contacts::SUFFIX, 4),
];

/// Parts of `ORG` (RFC 6350 §6.6.4).
pub(super) const ORGANIZATION: [(Tag, usize); 2] = [(contacts::COMPANY_NAME, 0), (contacts::DEPARTMENT, 1)];

/// Properties of which there may be several, in their order.
pub(super) const LISTS: [(&str, &[(&str, &str)], [Tag; 3]); 2] = [
    ("EMAIL", &[("TYPE", "INTERNET")], [contacts::EMAIL1_ADDRESS, contacts::EMAIL2_ADDRESS, contacts::EMAIL3_ADDRESS]),
    ("IMPP", &[], [contacts2::IM_ADDRESS, contacts2::IM_ADDRESS2, contacts2::IM_ADDRESS3]),
];

/// A kind of telephone: what types it has, and the elements for the first and further ones.
pub(super) struct Phone {
    pub(super) types: &'static [&'static str],
    pub(super) tags: &'static [Tag],
}

/// The kinds of telephones; the first whose types a `TEL` has is its kind.
pub(super) const PHONES: [Phone; 8] = [
    Phone { types: &["FAX", "HOME"], tags: &[contacts::HOME_FAX_NUMBER] },
    Phone { types: &["FAX"], tags: &[contacts::BUSINESS_FAX_NUMBER] },
    Phone { types: &["PAGER"], tags: &[contacts::PAGER_NUMBER] },
    Phone { types: &["CAR"], tags: &[contacts::CAR_PHONE_NUMBER] },
    Phone { types: &["CELL"], tags: &[contacts::MOBILE_PHONE_NUMBER] },
    Phone { types: &["WORK"], tags: &[contacts::BUSINESS_PHONE_NUMBER, contacts::BUSINESS2_PHONE_NUMBER] },
    Phone { types: &["HOME"], tags: &[contacts::HOME_PHONE_NUMBER, contacts::HOME2_PHONE_NUMBER] },
    // Of no kind that is known: where there is room.
    Phone {
        types: &[],
        tags: &[
            contacts::MOBILE_PHONE_NUMBER,
            contacts::HOME_PHONE_NUMBER,
            contacts::BUSINESS_PHONE_NUMBER,
            contacts::HOME2_PHONE_NUMBER,
            contacts::BUSINESS2_PHONE_NUMBER,
        ],
    },
];

/// An address: its type, and the elements for its parts by their places in `ADR` (RFC 6350 §6.3.1).
pub(super) struct Address {
    pub(super) kind: Option<&'static str>,
    pub(super) parts: [(Tag, usize); 5],
}

pub(super) const ADDRESSES: [Address; 3] = [
    Address {
        kind: Some("HOME"),
        parts: [
            (contacts::HOME_STREET, 2),
            (contacts::HOME_CITY, 3),
            (contacts::HOME_STATE, 4),
            (contacts::HOME_POSTAL_CODE, 5),
            (contacts::HOME_COUNTRY, 6),
        ],
    },
    Address {
        kind: Some("WORK"),
        parts: [
            (contacts::BUSINESS_STREET, 2),
            (contacts::BUSINESS_CITY, 3),
            (contacts::BUSINESS_STATE, 4),
            (contacts::BUSINESS_POSTAL_CODE, 5),
            (contacts::BUSINESS_COUNTRY, 6),
        ],
    },
    Address {
        kind: None,
        parts: [
            (contacts::OTHER_STREET, 2),
            (contacts::OTHER_CITY, 3),
            (contacts::OTHER_STATE, 4),
            (contacts::OTHER_POSTAL_CODE, 5),
            (contacts::OTHER_COUNTRY, 6),
        ],
    },
];

/// Days, and the properties that can have them.
pub(super) const DAYS: [(Tag, &[&str]); 2] =
    [(contacts::BIRTHDAY, &["BDAY"]), (contacts::ANNIVERSARY, &["ANNIVERSARY", "X-ANNIVERSARY"])];
