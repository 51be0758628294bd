//! A password that is never shown, as its hash.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use sha1::{Digest as _, Sha1};

/// The password of a user, for programs that know no tokens: mail programs of phones. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Password(Kind);

#[derive(Clone)]
enum Kind {
    /// The digest of a password that stood in the clear, under a key of this process alone.
    Plain {
        key: [u8; 16],
        digest: [u8; 20],
    },
    Argon2(Arc<str>),
}

/// A text that is no hash of a password as [`Password::argon2`] takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no hash of Argon2: $argon2id$v=19$m=...,t=...,p=...$salt$hash")]
pub struct BadHash;

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// A password that is there in the clear. Only a digest is kept.
    pub fn plain(secret: &str) -> Self {
        let key = random();
        Self(Kind::Plain { key, digest: digest(&key, secret) })
    }

    /// The hash of one, by Argon2 (RFC 9106) in PHC string format: `$argon2id$v=19$m=65536,t=3,p=4$...`, as the programs
    /// `argon2` and `doveadm pw -s ARGON2ID` make it; the `{ARGON2ID}` that the latter puts before it may stay.
    ///
    /// # Errors
    ///
    /// [`BadHash`] for anything else.
    pub fn argon2(hash: &str) -> Result<Self, BadHash> {
        let hash = match hash.split_once('}') {
            Some((scheme, hash)) if scheme.to_ascii_uppercase().starts_with("{ARGON2I") => hash,
            _ => hash,
        };
        let parsed = PasswordHash::new(hash).map_err(|_| BadHash)?;
        let is_whole = parsed.salt.is_some() && parsed.hash.is_some();
        if !is_whole || argon2::Params::try_from(&parsed).is_err() || !hash.starts_with("$argon2") {
            return Err(BadHash);
        }
        Ok(Self(Kind::Argon2(hash.into())))
    }

    /// Whether to compare it takes time and memory.
    pub(crate) fn is_costly(&self) -> bool {
        matches!(self.0, Kind::Argon2(_))
    }

    /// Whether `shown` is it. The time that it takes tells nothing of how much of it is right: what is compared are digests
    /// under a key that nobody knows, or by a comparison made for that.
    pub(crate) fn is(&self, shown: &str) -> bool {
        match &self.0 {
            Kind::Plain { key, digest: right } => digest(key, shown) == *right,
            Kind::Argon2(hash) => PasswordHash::new(hash)
                .is_ok_and(|hash| Argon2::default().verify_password(shown.as_bytes(), &hash).is_ok()),
        }
    }
}

fn digest(key: &[u8; 16], secret: &str) -> [u8; 20] {
    Sha1::new_with_prefix(key).chain_update(secret).finalize().into()
}

/// A key that nobody knows.
pub(super) fn random() -> [u8; 16] {
    let mut key = [0; 16];
    getrandom::fill(&mut key).expect("the system has random bytes");
    key
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Of [`SECRET`], with little memory and in one pass.
    pub(in crate::logins) const HASH: &str =
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$rAjuexKlLdAHLvqk7TeeiWZjW4OPoRGwldJXdHbTuKI";
    pub(in crate::logins) const SECRET: &str = "correct horse";

    #[test]
    fn a_password_is_itself_and_nothing_else() {
        for password in [Password::plain(SECRET), Password::argon2(HASH).expect("a hash")] {
            assert!(password.is(SECRET));
            for wrong in ["", "correct", "correct horse ", "Correct horse", HASH] {
                assert!(!password.is(wrong), "{wrong}");
            }
            assert_eq!(format!("{password:?}"), "Password");
        }
    }

    #[test]
    fn hashes_are_taken_as_other_programs_write_them_and_nothing_else_is_one() {
        let labelled = format!("{{ARGON2ID}}{HASH}");
        assert!(Password::argon2(&labelled).expect("as doveadm writes it").is(SECRET));
        let without_hash = HASH.rsplit_once('$').expect("parts").0;
        for wrong in
            ["", "secret", "$2y$05$abcdefghijklmnopqrstuv", "{SHA}abc", without_hash, "$argon2id$v=19$m=8,t=1,p=1"]
        {
            assert_eq!(Password::argon2(wrong).map(|_| ()), Err(BadHash), "{wrong}");
        }
    }
}
