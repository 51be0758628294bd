//! A command as it arrives, and what is answered.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use push_core::Identity;

use crate::account::Account;
use crate::direct::OnItsWay;
use crate::direct::devices::DeviceId;
use crate::wbxml::Element;

/// The versions of the protocol that are spoken ([MS-ASHTTP] 2.2.1.1.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    V14_1,
    V16_1,
}

impl Version {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Version::V14_1 => "14.1",
            Version::V16_1 => "16.1",
        }
    }

    pub(crate) const fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }
}

/// The commands, by their numbers in a query that is packed into base64 ([MS-ASHTTP] 2.2.1.1.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Command {
    Sync = 0,
    SendMail = 1,
    SmartForward = 2,
    SmartReply = 3,
    GetAttachment = 4,
    FolderSync = 9,
    FolderCreate = 10,
    FolderDelete = 11,
    FolderUpdate = 12,
    MoveItems = 13,
    GetItemEstimate = 14,
    MeetingResponse = 15,
    Search = 16,
    Settings = 17,
    Ping = 18,
    ItemOperations = 19,
    Provision = 20,
    ResolveRecipients = 21,
    ValidateCert = 22,
    Find = 23,
}

/// What else the query says. All of it of old versions: those that are spoken have it in the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    pub(crate) attachment_name: Option<String>,
    pub(crate) collection_id: Option<String>,
    pub(crate) item_id: Option<String>,
    pub(crate) long_id: Option<String>,
    pub(crate) save_in_sent: bool,
}

/// A command that a device asks for: who asks is known, and may.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) version: Version,
    pub(crate) command: Command,
    pub(crate) identity: Identity,
    pub(crate) account: Arc<Account>,
    /// The device, under a name that no device of the calls in JSON has.
    pub(crate) id: Arc<DeviceId>,
    /// As the device names its kind.
    pub(crate) device_type: String,
    /// The key that it shows, 0 where it says so.
    pub(crate) policy_key: Option<u32>,
    /// Whether what is fetched may come in parts behind the document.
    pub(crate) accepts_multipart: bool,
    pub(crate) params: Params,
    /// The document; `None` where the body is empty, or no document at all (`message/rfc822`).
    pub(crate) document: Option<Element>,
    /// As it came, its body read.
    pub(crate) request: http::Request<Bytes>,
}

/// What a command is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    /// This document.
    Document(Element),
    /// This document; what it tells has to arrive, or will be told again.
    Arriving(Element, Vec<OnItsWay>),
    /// Nothing: it worked ([MS-ASCMD] 2.2.1.17 and others), or nothing is new.
    Empty,
    /// The document and the parts that it speaks of ([MS-ASCMD] 2.2.1.10.1).
    Multipart(Element, Vec<Bytes>),
    /// One that waited, or that is no document.
    Response(Box<Response>),
}
