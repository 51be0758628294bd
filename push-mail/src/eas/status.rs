//! What a command as a whole is answered with when it comes to nothing.

/// A common status code ([MS-ASCMD] 2.2.2). Those of single commands are with the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const INVALID_CONTENT: Status = Status(101);
    pub(crate) const INVALID_WBXML: Status = Status(102);
    pub(crate) const INVALID_XML: Status = Status(103);
    pub(crate) const INVALID_DATE_TIME: Status = Status(104);
    pub(crate) const INVALID_IDS_TOGETHER: Status = Status(105);
    pub(crate) const INVALID_MIME: Status = Status(107);
    pub(crate) const SERVER_ERROR: Status = Status(110);
    pub(crate) const RETRY_LATER: Status = Status(111);
    pub(crate) const RECIPIENT_UNRESOLVED: Status = Status(116);
    pub(crate) const ALREADY_SENT: Status = Status(118);
    pub(crate) const NO_RECIPIENT: Status = Status(119);
    pub(crate) const SUBMISSION_FAILED: Status = Status(120);
    pub(crate) const ATTACHMENT_TOO_LARGE: Status = Status(122);
    pub(crate) const DEVICE_BLOCKED: Status = Status(129);
    pub(crate) const COMMAND_NOT_SUPPORTED: Status = Status(137);
    pub(crate) const VERSION_NOT_SUPPORTED: Status = Status(138);
    pub(crate) const NOT_PROVISIONED: Status = Status(142);
    pub(crate) const POLICY_REFRESH: Status = Status(143);
    pub(crate) const WRONG_POLICY_KEY: Status = Status(144);
    pub(crate) const ITEM_NOT_FOUND: Status = Status(150);
    pub(crate) const INVALID_ACCOUNT_ID: Status = Status(166);
    pub(crate) const TOO_MANY_DEVICES: Status = Status(177);
}
