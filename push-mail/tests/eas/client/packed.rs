//! The query in base64 ([MS-ASHTTP] 2.2.1.1.1.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Phone;

const COMMANDS: [(&str, u8); 20] = [
    ("Sync", 0),
    ("SendMail", 1),
    ("SmartForward", 2),
    ("SmartReply", 3),
    ("GetAttachment", 4),
    ("FolderSync", 9),
    ("FolderCreate", 10),
    ("FolderDelete", 11),
    ("FolderUpdate", 12),
    ("MoveItems", 13),
    ("GetItemEstimate", 14),
    ("MeetingResponse", 15),
    ("Search", 16),
    ("Settings", 17),
    ("Ping", 18),
    ("ItemOperations", 19),
    ("Provision", 20),
    ("ResolveRecipients", 21),
    ("ValidateCert", 22),
    ("Find", 23),
];

/// What stands behind the question mark: plain base64, whose `+` and `/` are not escaped.
pub(super) fn query(phone: &Phone, command: &str) -> String {
    let (_, code) = COMMANDS.into_iter().find(|(name, _)| *name == command).expect("a command with a number");
    let version = if phone.version == "14.1" { 141 } else { 161 };
    let mut bytes = vec![version, code, 0x09, 0x04];
    let mut with_length = |value: &[u8]| {
        bytes.push(u8::try_from(value.len()).expect("short"));
        bytes.extend_from_slice(value);
    };
    with_length(phone.device.as_bytes());
    with_length(&phone.policy_key.map(u32::to_le_bytes).map_or(Vec::new(), Vec::from));
    with_length(phone.kind.as_bytes());
    if phone.accepts_multipart {
        bytes.extend([7, 1, 2]);
    }
    STANDARD.encode(bytes)
}
