//! What the query of a request says, in both of its forms; pure.
//!
//! ```text
//!  ?Cmd=Ping&User=alice&DeviceId=abc&DeviceType=SP          names in any case, values percent-encoded
//!  ?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l                    the same packed into bytes, in base64
//! ```
//!
//! Source: [MS-ASHTTP] 2.2.1.1.1.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::commands::Spelled;
use crate::eas::{Command, Params};

/// Longest name of a device, in bytes.
pub(super) const MAX_DEVICE_BYTES: usize = 64;

/// Longest name of a kind of device, of a user, and of whatever else a query names, in bytes.
const MAX_VALUE_BYTES: usize = 255;

/// A version of the protocol as it was asked for, times ten: 141 is 14.1.
pub(super) type Tenths = u16;

/// What a query says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// Only the packed form has it.
    pub(super) version: Option<Tenths>,
    pub(super) command: Command,
    /// In small letters: a device may write its name otherwise in the one form than in the other.
    pub(super) device: String,
    pub(super) device_type: String,
    pub(super) user: Option<String>,
    /// Only the packed form has it.
    pub(super) policy_key: Option<u32>,
    pub(super) accepts_multipart: bool,
    pub(super) params: Params,
}

/// Why a query is none of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("'Cmd' is missing")]
    NoCommand,
    #[error("there is no such command")]
    UnknownCommand,
    #[error("'DeviceId' is missing")]
    NoDevice,
    #[error("'DeviceId' is 1..=64 letters, digits and '-', '_', '.', '{{', '}}'")]
    Device,
    #[error("a value of the query is longer than 255 bytes, or has control characters")]
    Value,
    #[error("a value of the query is not UTF-8")]
    Encoding,
    #[error("the query is neither base64 nor names and values")]
    Base64,
    #[error("the packed query ends too soon")]
    Short,
    #[error("the packed query has a policy key of neither 0 nor 4 bytes")]
    PolicyKey,
}

impl Query {
    /// Reads the part of a target behind `?`.
    pub(super) fn parse(query: &str) -> Result<Self, QueryError> {
        // `=` stands at the end of base64, and nowhere else in it.
        let is_plain = query.trim_end_matches('=').contains(['=', '&']);
        if is_plain || query.is_empty() { plain(query) } else { unpack(&decode(query)?) }
    }
}

/// A value as it may be kept and logged.
fn value(text: String) -> Result<String, QueryError> {
    let is_right = text.len() <= MAX_VALUE_BYTES && !text.contains(char::is_control);
    if is_right { Ok(text) } else { Err(QueryError::Value) }
}

fn device(text: &str) -> Result<String, QueryError> {
    let is_right = (1..=MAX_DEVICE_BYTES).contains(&text.len()) && text.bytes().all(is_of_device);
    if is_right { Ok(text.to_ascii_lowercase()) } else { Err(QueryError::Device) }
}

fn is_of_device(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.{}".contains(&byte)
}

fn plain(query: &str) -> Result<Query, QueryError> {
    let (mut command, mut id, mut device_type, mut user) = (None, None, None, None);
    let mut params = Params::default();
    let mut saves = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        // A `+` is one: this is no form.
        let text = percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| QueryError::Encoding)?;
        let place = match name.to_ascii_lowercase().as_str() {
            "cmd" => &mut command,
            "deviceid" => &mut id,
            "devicetype" => &mut device_type,
            "user" => &mut user,
            "attachmentname" => &mut params.attachment_name,
            "collectionid" => &mut params.collection_id,
            "itemid" => &mut params.item_id,
            "longid" => &mut params.long_id,
            "saveinsent" => &mut saves,
            _ => continue,
        };
        // What is said twice is as it was said first.
        if place.is_none() {
            *place = Some(value(text.into_owned())?);
        }
    }
    params.save_in_sent = saves.is_some_and(|saves| saves.eq_ignore_ascii_case("t"));
    let command = command.ok_or(QueryError::NoCommand)?;
    Ok(Query {
        version: None,
        command: Spelled::by_name(&command).ok_or(QueryError::UnknownCommand)?,
        device: device(&id.ok_or(QueryError::NoDevice)?)?,
        device_type: device_type.unwrap_or_default(),
        user,
        policy_key: None,
        accepts_multipart: false,
        params,
    })
}

/// The bytes of base64: of both alphabets, with padding or without it, percent-encoded where a client thought it had to.
fn decode(query: &str) -> Result<Vec<u8>, QueryError> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let text = percent_encoding::percent_decode_str(query).decode_utf8().map_err(|_| QueryError::Base64)?;
    let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    ENGINE.decode(text).map_err(|_| QueryError::Base64)
}

/// What is left of a packed query.
struct Packed<'a>(&'a [u8]);

impl<'a> Packed<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], QueryError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(QueryError::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, QueryError> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    /// A byte that says how many follow, and these.
    fn counted(&mut self) -> Result<&'a [u8], QueryError> {
        let count = self.byte()?;
        self.bytes(count.into())
    }
}

fn text(bytes: &[u8]) -> Result<String, QueryError> {
    value(std::str::from_utf8(bytes).map_err(|_| QueryError::Encoding)?.to_owned())
}

/// [MS-ASHTTP] 2.2.1.1.1.1
fn unpack(bytes: &[u8]) -> Result<Query, QueryError> {
    let mut packed = Packed(bytes);
    let version = packed.byte()?.into();
    let command = Spelled::by_code(packed.byte()?).ok_or(QueryError::UnknownCommand)?;
    // The language, which nothing here is said in.
    packed.bytes(2)?;
    let device = packed_device(packed.counted()?)?;
    let policy_key = match packed.counted()? {
        [] => None,
        key => Some(u32::from_le_bytes(key.try_into().map_err(|_| QueryError::PolicyKey)?)),
    };
    let device_type = text(packed.counted()?)?;
    let mut query = Query {
        version: Some(version),
        command,
        device,
        device_type,
        user: None,
        policy_key,
        accepts_multipart: false,
        params: Params::default(),
    };
    while !packed.0.is_empty() {
        let (tag, bytes) = (packed.byte()?, packed.counted()?);
        query.parameter(tag, bytes)?;
    }
    Ok(query)
}

/// A device's name is text, or a GUID of 16 bytes, which is written in hexadecimal digits.
fn packed_device(bytes: &[u8]) -> Result<String, QueryError> {
    match std::str::from_utf8(bytes).map_err(|_| QueryError::Device).and_then(device) {
        Err(_) if bytes.len() == 16 => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        read if !bytes.is_empty() => read,
        _ => Err(QueryError::NoDevice),
    }
}

impl Query {
    /// [MS-ASHTTP] 2.2.1.1.1.1.1
    fn parameter(&mut self, tag: u8, bytes: &[u8]) -> Result<(), QueryError> {
        const SAVE_IN_SENT: u8 = 1;
        const ACCEPT_MULTIPART: u8 = 2;
        match tag {
            0 => self.params.attachment_name = Some(text(bytes)?),
            1 => self.params.collection_id = Some(text(bytes)?),
            3 => self.params.item_id = Some(text(bytes)?),
            4 => self.params.long_id = Some(text(bytes)?),
            7 => {
                let options = bytes.first().copied().unwrap_or_default();
                self.params.save_in_sent = options & SAVE_IN_SENT != 0;
                self.accepts_multipart = options & ACCEPT_MULTIPART != 0;
            }
            8 => self.user = Some(text(bytes)?),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
