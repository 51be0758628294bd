//! One `[[mail.user]]`: who logs in with a password, as mail programs of phones do.

use push_mail::Password;
use toml::Spanned;
use toml::de::DeValue;

use super::super::error::ConfigError;
use super::super::file::{File, Section};
use super::super::secret::Secret;
use super::super::tables::check_user;
use super::account::first_line;
use super::keys;

/// A user with a password. Its `Debug` shows none.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Password,
    /// Whether the password is one of so few characters that it can be guessed.
    pub(crate) is_short: bool,
}

/// What is set of one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) name: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<std::path::PathBuf>,
    pub(crate) password_hash: Option<Secret>,
}

/// Passwords of fewer characters are told at the start.
const SHORT_PASSWORD_CHARS: usize = 8;

/// Reads a user who comes after those of `before`.
pub(super) fn read<'a>(
    file: &'a File<'a>,
    value: &'a Spanned<DeValue<'a>>,
    before: &[User],
) -> Result<User, ConfigError> {
    let known: Vec<_> = keys::USER.iter().map(|key| key.name).collect();
    let section = Section::new(file, "mail.user.", value, &known)?;
    let mut given = Keys::default();
    section.fill(&keys::USER, &mut given)?;
    let refuse = |name: &str, problem: String| section.refuse(section.place_of(name), name, problem);
    let name = given.name.ok_or_else(|| refuse("name", "it is missing".to_owned()))?;
    check_user(&name).map_err(|problem| refuse("name", problem))?;
    if before.iter().any(|user| user.name == name) {
        return Err(refuse("name", format!("an earlier [[mail.user]] is called {name:?}")));
    }
    let plain = match (given.password, given.password_file, given.password_hash) {
        (Some(password), None, None) => password,
        (None, Some(path), None) => first_line(&path).map_err(|problem| refuse("password_file", problem))?,
        (None, None, Some(hash)) => {
            let password = Password::argon2(hash.reveal());
            let password = password.map_err(|bad| refuse("password_hash", bad.to_string()))?;
            return Ok(User { name, password, is_short: false });
        }
        _ => {
            let problem = "one of 'password', 'password_file' and 'password_hash' is needed, and one alone";
            return Err(refuse("password", problem.to_owned()));
        }
    };
    let is_short = plain.reveal().chars().count() < SHORT_PASSWORD_CHARS;
    Ok(User { name, password: Password::plain(plain.reveal()), is_short })
}
