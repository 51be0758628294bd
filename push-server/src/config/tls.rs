//! `[tls]`: whose certificate is shown, and where.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::error::ConfigError;
use super::file::{File, Section};
use super::keys::{Field, Key, keys, list};

/// All that can be set about TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// By default `listen` speaks TLS.
    pub(crate) listen: Option<SocketAddr>,
    /// The names of a certificate that the server makes for itself.
    pub(crate) self_signed: Vec<String>,
}

/// Keys of `[tls]`.
pub(crate) const TLS: [Key<TlsSettings>; 4] = keys![
    "cert", "file of the certificate chain, PEM, the server's own first",
        |s| Field::MaybePath(&mut s.cert);
    "key", "file of its private key, PEM: PKCS#8, PKCS#1 or SEC1",
        |s| Field::MaybePath(&mut s.key);
    "listen", "where TLS is spoken beside the plain 'listen'; by default 'listen' itself speaks TLS",
        |s| Field::MaybeAddress(&mut s.listen);
    "self_signed", "names for a certificate to make into 'data' at the first start, which phones refuse",
        |s| Field::List(&mut s.self_signed, check_names);
];

/// Reads `[tls]`.
pub(super) fn read<'a>(file: &'a File<'a>, value: &'a Spanned<DeValue<'a>>) -> Result<TlsSettings, ConfigError> {
    let section = Section::new(file, "tls.", value, &TLS.each_ref().map(|key| key.name))?;
    let mut settings = TlsSettings::default();
    section.fill(&TLS, &mut settings)?;
    settings.check().map_err(|(name, problem)| section.refuse(section.place_of(name), name, problem))?;
    Ok(settings)
}

impl TlsSettings {
    /// What no single key tells: which key is at fault, and why.
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match (&self.cert, &self.key, &self.self_signed[..]) {
            (Some(_), Some(_), []) | (None, None, [_, ..]) => Ok(()),
            (Some(_), None, _) => Err(("key", "it is missing: 'cert' alone says nothing")),
            (None, Some(_), _) => Err(("cert", "it is missing: 'key' alone says nothing")),
            (None, None, []) => Err(("cert", "it is missing, with 'key'; or 'self_signed' instead of both")),
            (Some(_), Some(_), [_, ..]) => Err(("self_signed", "'cert' and 'key' say already which one is shown")),
        }
    }
}

/// Whether each can stand in a certificate: a DNS name, perhaps with `*.` in front, or an IP address.
pub(super) fn check_names(names: &[String]) -> Result<(), String> {
    // RFC 1035 §2.3.4, RFC 5890 §2.3.1
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_name = |name: &str| name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label);
    match names.iter().find(|name| name.parse::<IpAddr>().is_err() && !is_name(name)) {
        Some(name) => Err(format!("{name:?} is neither a name such as mail.example nor an IP address")),
        None => Ok(()),
    }
}

/// The keys with their defaults, for `--help`.
pub(super) fn help(out: &mut String) {
    out.push_str("\nKeys of [tls]:\n");
    list(&TLS, &mut TlsSettings::default(), out);
}
