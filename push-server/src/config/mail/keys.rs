//! The keys of `[mail]` and of `[[mail.account]]`.

use super::super::keys::{Field, Key, keys, list};
use super::account::{Imap, Maildir, Remote, Sending};
use super::{MailSettings, account::Base, user};

const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
const MANY: u64 = 1_000_000_000;
/// Heartbeats as EAS has them are at most 59 min; down to 1 s for tests.
const HEARTBEAT_S: std::ops::RangeInclusive<u64> = 1..=3540;

/// Keys of `[mail]`.
pub(crate) const MAIL: [Key<MailSettings>; 20] = keys![
    "heartbeat_min_s", "shortest time that a device may ask a ping to wait",
        |s| Field::WholeSeconds(&mut s.limits.heartbeat_min, HEARTBEAT_S);
    "heartbeat_max_s", "longest one",
        |s| Field::WholeSeconds(&mut s.limits.heartbeat_max, HEARTBEAT_S);
    "max_folders", "folders of one ping",
        |s| Field::Count(&mut s.limits.max_folders, 1..=1000);
    "linger_ms", "how long a ping that has something to tell waits for more of the same burst",
        |s| Field::Milliseconds(&mut s.limits.linger, 0..=60_000);
    "preview_bytes", "readable text of a message that is published and synced; 0: none",
        |s| Field::Count(&mut s.limits.preview_bytes, 0..=65_536);
    "watch_linger_s", "how long a mailbox elsewhere is watched after the last who waited is gone",
        |s| Field::Seconds(&mut s.limits.watch_linger, 0..=DAY_S);
    "ready_timeout_s", "how long a ping waits for its mailbox to be watched",
        |s| Field::Seconds(&mut s.limits.ready_timeout, 1..=300);
    "window", "changes of one sync where the device names no window",
        |s| Field::Count(&mut s.limits.window, 1..=10_000);
    "max_window", "most changes of one sync, whatever it names",
        |s| Field::Count(&mut s.limits.max_window, 1..=10_000);
    "max_devices", "devices remembered for an account",
        |s| Field::Count(&mut s.limits.max_devices, 1..=MANY);
    "fast_loop", "answers with changes in a row without a sync after which a device is slowed down",
        |s| Field::Number(&mut s.limits.fast_loop, 1..=1_000_000);
    "hook_token", "what a mail server shows that posts to /push/mail/hook/dovecot",
        |s| Field::Secret(&mut s.hook_token);
    "lmtp_listen", "where messages are taken in over LMTP, for the accounts that are Maildirs",
        |s| Field::MaybeAddress(&mut s.lmtp_listen);
    "lmtp_max_connections", "mail servers that are connected at a time",
        |s| Field::Count(&mut s.lmtp.max_connections, 1..=100_000);
    "lmtp_max_message_bytes", "largest message that is taken in",
        |s| Field::Bytes(&mut s.lmtp.max_message_bytes, 1024..=1 << 40);
    "lmtp_max_recipients", "recipients of a message",
        |s| Field::Count(&mut s.lmtp.max_recipients, 1..=100_000);
    "lmtp_max_line_bytes", "longest command line",
        |s| Field::Count(&mut s.lmtp.max_line_bytes, 512..=65_536);
    "lmtp_max_errors", "commands that are refused before the connection is closed",
        |s| Field::Count(&mut s.lmtp.max_errors, 1..=MANY);
    "lmtp_idle_s", "longest silence of a mail server",
        |s| Field::Seconds(&mut s.lmtp.idle, 1..=DAY_S);
    "lmtp_memory_bytes", "how much of a message is kept in memory while it comes; the rest lies in a file",
        |s| Field::Count(&mut s.lmtp.memory_bytes, 0..=1 << 30);
];

/// Keys of `[mail.eas]`.
pub(crate) const EAS: [Key<MailSettings>; 13] = keys![
    "serve", "answer mail programs of phones at /Microsoft-Server-ActiveSync, and Autodiscover",
        |s| Field::Flag(&mut s.serves_eas);
    "external_url", "where phones reach it; not set: the host that they asked, with https",
        |s| Field::MaybeText(&mut s.limits.eas.external_url);
    "provision", "a device has to take the policy, which demands nothing, before it gets mail",
        |s| Field::Flag(&mut s.limits.eas.provision);
    "max_devices_per_user", "devices of one user at one account",
        |s| Field::Count(&mut s.limits.eas.max_devices_per_user, 1..=MANY);
    "blocked", "devices that get nothing, by their ids or their kinds",
        |s| Field::List(&mut s.limits.eas.blocked, check_devices);
    "allowed", "the only devices that get something; all if empty",
        |s| Field::List(&mut s.limits.eas.allowed, check_devices);
    "login_failures", "wrong logins of one name from one address before the next are put off; 0: never",
        |s| Field::Number(&mut s.limits.eas.login_failures, 0..=1_000_000);
    "login_forget_s", "for how long they are, after the last wrong one",
        |s| Field::Seconds(&mut s.limits.eas.login_forget, 1..=DAY_S);
    "login_cache_s", "for how long what a mail server says of a login holds",
        |s| Field::Seconds(&mut s.limits.eas.login_cache, 1..=DAY_S);
    "max_body_bytes", "body of a request, and a message that is sent",
        |s| Field::Count(&mut s.limits.eas.max_body, 65_536..=1 << 30);
    "max_window", "changes of one folder in one answer, whatever a device names",
        |s| Field::Count(&mut s.limits.eas.max_window, 1..=512);
    "max_sync_answer_bytes", "answer to a sync, beyond which the rest comes with the next one",
        |s| Field::Count(&mut s.limits.eas.max_sync_answer, 65_536..=1 << 30);
    "max_answer_bytes", "items and attachments in one answer",
        |s| Field::Count(&mut s.limits.eas.max_answer, 65_536..=1 << 30);
];

/// Keys of `[[mail.user]]`.
pub(crate) const USER: [Key<user::Keys>; 4] = keys![
    "name", "who it is, as accounts name their readers",
        |s| Field::MaybeText(&mut s.name);
    "password", "the password; or one of the next two",
        |s| Field::Secret(&mut s.password);
    "password_file", "a file whose first line is the password",
        |s| Field::MaybePath(&mut s.password_file);
    "password_hash", "its hash by Argon2, as argon2 or doveadm pw -s ARGON2ID make it",
        |s| Field::Secret(&mut s.password_hash);
];

/// Keys of `[[mail.account]]` of every kind, beside `kind`.
pub(crate) const ACCOUNT: [Key<Base>; 3] = keys![
    "name", "what it is called in channels and calls",
        |s| Field::MaybeText(&mut s.name);
    "readers", "users who may read it; while no token is configured anyone may",
        |s| Field::List(&mut s.readers, super::account::check_readers);
    "vdir", "a directory of calendars and address books that belong to it, one file an item",
        |s| Field::MaybePath(&mut s.vdir);
];

/// Keys of sending, for accounts of every kind.
pub(crate) const SENDING: [Key<Sending>; 8] = keys![
    "addresses", "addresses of its own, the one to send from first; not set: 'name' or 'smtp_user', if that is one",
        |s| Field::List(&mut s.addresses, super::account::check_addresses);
    "smtp_url", "smtps://host[:port] or smtp://host[:port], where its phones' messages go",
        |s| Field::MaybeText(&mut s.url);
    "smtp_user", "the login there; not set: none",
        |s| Field::MaybeText(&mut s.user);
    "smtp_password", "its password; or one of the next two",
        |s| Field::Secret(&mut s.password);
    "smtp_password_file", "a file whose first line is the password",
        |s| Field::MaybePath(&mut s.password_file);
    "smtp_token_file", "a file with an OAuth 2 access token, read at each login",
        |s| Field::MaybePath(&mut s.token_file);
    "smtp_ca", "certificate authorities to believe besides the system's, a file in PEM",
        |s| Field::MaybePath(&mut s.ca);
    "smtp_timeout_s", "how long the server may be silent when something is expected of it",
        |s| Field::Seconds(&mut s.timeout, 1..=HOUR_S);
];

/// Keys of an account of kind `maildir`.
pub(crate) const MAILDIR: [Key<Maildir>; 3] = keys![
    "path", "the directory that has new, cur and tmp",
        |s| Field::MaybePath(&mut s.path);
    "create", "make it if it is not there; not set: if the directory above is there",
        |s| Field::MaybeFlag(&mut s.create);
    "poll_s", "how often it is looked at where the system cannot tell of changes",
        |s| Field::Seconds(&mut s.poll, 1..=DAY_S);
];

/// Keys of an account of kind `imap` or `pop3`.
pub(crate) const REMOTE: [Key<Remote>; 11] = keys![
    "url", "imaps://host[:port] or imap://host[:port]; pop3s:// or pop3://",
        |s| Field::MaybeText(&mut s.url);
    "user", "the login there",
        |s| Field::MaybeText(&mut s.user);
    "password", "its password; or the next one",
        |s| Field::Secret(&mut s.password);
    "password_file", "a file whose first line is the password",
        |s| Field::MaybePath(&mut s.password_file);
    "ca", "certificate authorities to believe besides the system's, a file in PEM",
        |s| Field::MaybePath(&mut s.ca);
    "poll_min_s", "shortest time between two looks where the server tells nothing",
        |s| Field::Seconds(&mut s.poll.0, 1..=DAY_S);
    "poll_max_s", "longest one",
        |s| Field::Seconds(&mut s.poll.1, 1..=DAY_S);
    "retry_min_s", "shortest time before a lost connection is tried again",
        |s| Field::Seconds(&mut s.retry.0, 0..=DAY_S);
    "retry_max_s", "longest one, also after a refused login",
        |s| Field::Seconds(&mut s.retry.1, 0..=DAY_S);
    "timeout_s", "how long the server may be silent when something is expected of it",
        |s| Field::Seconds(&mut s.timeout, 1..=HOUR_S);
    "max_messages", "messages that a folder may have; not set: a million, with POP3 100,000",
        |s| Field::MaybeCount(&mut s.max_messages, 1..=MANY);
];

/// Further keys of an account of kind `imap`.
pub(crate) const IMAP: [Key<Imap>; 8] = keys![
    "login", "phones log in with whatever password the server takes for 'user'",
        |s| Field::Flag(&mut s.login);
    "token_file", "a file with an OAuth 2 access token, read at each login",
        |s| Field::MaybePath(&mut s.token_file);
    "keep_s", "how long the connection is kept when nobody waits",
        |s| Field::Seconds(&mut s.keep, 0..=DAY_S);
    "idle_s", "how long IDLE may last before it is begun again",
        |s| Field::Seconds(&mut s.idle, 1..=DAY_S);
    "safety_s", "how often everything watched is looked at although the server tells of changes",
        |s| Field::Seconds(&mut s.safety, 1..=DAY_S);
    "hooked", "the mail server posts to /push/mail/hook/dovecot: hold no connection to watch",
        |s| Field::Flag(&mut s.hooked);
    "notify", "use NOTIFY where the server has it",
        |s| Field::Flag(&mut s.notify);
    "max_account_folders", "folders that the account may have",
        |s| Field::Count(&mut s.max_folders, 1..=1_000_000);
];

/// Ids and kinds of devices.
fn check_devices(devices: &[String]) -> Result<(), String> {
    match devices.iter().find(|name| name.is_empty() || name.len() > 255 || name.contains(char::is_control)) {
        Some(name) => Err(format!("{name:?} is not 1..=255 bytes without control characters")),
        None => Ok(()),
    }
}

/// The keys with their defaults, for `--help`.
pub(crate) fn help(out: &mut String) {
    out.push_str("\nKeys of [mail]:\n");
    list(&MAIL, &mut MailSettings::default(), out);
    out.push_str("\nKeys of [mail.eas]:\n");
    list(&EAS, &mut MailSettings::default(), out);
    out.push_str("\nKeys of each [[mail.user]]:\n");
    list(&USER, &mut user::Keys::default(), out);
    out.push_str("\nKeys of each [[mail.account]], and kind = \"maildir\" | \"imap\" | \"pop3\" | \"memory\":\n");
    list(&ACCOUNT, &mut Base::default(), out);
    list(&SENDING, &mut Sending::default(), out);
    out.push_str(" kind = \"maildir\":\n");
    list(&MAILDIR, &mut Maildir::default(), out);
    out.push_str(" kind = \"imap\" and \"pop3\":\n");
    list(&REMOTE, &mut Remote::default(), out);
    out.push_str(" kind = \"imap\" alone:\n");
    list(&IMAP, &mut Imap::default(), out);
}
