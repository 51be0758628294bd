//! Who asks, and at which mailbox.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use push_core::{Credentials, Identity};
use push_transports::proto::problem::{Code, Problem};

use crate::account::Account;
use crate::http::Site;
use crate::logins::By;

/// What a request shows to say who it is.
///
/// Names and passwords are UTF-8, or else ISO-8859-1, as Outlook sends them.
pub(super) fn shown(headers: &HeaderMap) -> Result<Credentials, Problem> {
    let unreadable = || Problem::new(Code::Unauthorized, "'Authorization' is neither 'Basic' nor 'Bearer <token>'");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(Credentials::None) };
    if values.next().is_some() {
        return Err(Problem::new(Code::Unauthorized, "'Authorization' is given more than once"));
    }
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unreadable)?;
    let rest = rest.trim_matches(' ');
    // RFC 9110 §11.1: schemes are case-insensitive
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Ok(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(unreadable());
    }
    basic(rest).ok_or_else(unreadable)
}

// RFC 7617 §2: user-id ":" password
fn basic(base64: &str) -> Option<Credentials> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let bytes = ENGINE.decode(base64).ok()?;
    // Each byte of ISO-8859-1 is the character of its number.
    let text =
        String::from_utf8(bytes).unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    let (user, secret) = text.split_once(':')?;
    Some(Credentials::Basic { user: user.to_owned(), secret: secret.to_owned() })
}

/// The users that a login may mean, the likeliest first: as it is; behind `DOMAIN\`; before `@host`; each in small
/// letters too, which phones change.
pub(super) fn meanings(user: &str) -> Vec<String> {
    let behind = user.rsplit_once('\\').map_or(user, |(_, user)| user);
    let before = behind.split_once('@').map_or(behind, |(user, _)| user);
    let mut meanings: Vec<String> = Vec::with_capacity(6);
    for meaning in [user, behind, before] {
        for meaning in [meaning.to_owned(), meaning.to_lowercase()] {
            if !meaning.is_empty() && !meanings.contains(&meaning) {
                meanings.push(meaning);
            }
        }
    }
    meanings
}

/// Who has logged in, and who said that it may.
struct Known {
    identity: Identity,
    by: By,
}

impl Known {
    fn of(by: By) -> Self {
        let user = match &by {
            By::Password(user) | By::Server(user) => Some(Arc::clone(user)),
            By::Other => None,
        };
        Self { identity: Identity { user, ..Identity::default() }, by }
    }
}

impl Site {
    /// Who sent a request with these headers from `peer`, and the mailbox that is meant by it.
    pub(super) async fn log_in(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<(Identity, Arc<Account>), Problem> {
        let credentials = shown(headers)?;
        let login = match &credentials {
            // Phones ask without a login first, and want to be asked for one, where anyone may do anything too.
            Credentials::None => return Err(Problem::new(Code::Unauthorized, "a login is needed")),
            Credentials::Basic { user, .. } => user.as_str(),
            Credentials::Bearer(_) => "",
        };
        let (logins, now) = (&self.mail.logins, self.mail.hub.clock().now());
        let secret = secret_of(&credentials);
        let known = logins.known(login, secret, now);
        if let Some(left) = logins.refuses(login, peer, now).filter(|_| known.is_none()) {
            return Err(Problem::new(Code::RateLimited, "too many logins were wrong").retry_after(left));
        }
        let found = match known.flatten() {
            Some(by) if by != By::Other => Some(Known::of(by)),
            _ => self.identify(&credentials, || logins.refuses(login, peer, now).is_some()).await?,
        };
        let Some(known) = found else {
            logins.is_wrong(login, secret, (peer, now));
            tracing::info!(login, peer = peer.map(tracing::field::display), "a login is wrong");
            return Err(Problem::new(Code::Unauthorized, "user and password do not fit"));
        };
        if logins.known(login, secret, now).flatten().is_none() {
            logins.is_right(login, secret, known.by.clone(), (peer, now));
        }
        if known.identity.expires_ms.is_some_and(|at| at <= self.mail.hub.clock().unix_ms()) {
            return Err(Problem::new(Code::Unauthorized, "the token has expired"));
        }
        let account = self.account_of(&known, &meanings(login)).await?;
        Ok((known.identity, account))
    }

    /// A user by its password, an account whose mail server lets it in, else whom the authorizer knows. Where any login is
    /// decided here nobody gets in without.
    async fn identify(
        &self,
        credentials: &Credentials,
        is_refused: impl Fn() -> bool,
    ) -> Result<Option<Known>, Problem> {
        let (authorizer, logins) = (self.push.authorizer(), &self.mail.logins);
        let shown = match credentials {
            Credentials::Basic { user, secret } => {
                let meanings = meanings(user);
                if let Some(user) = logins.user(&meanings, secret, &is_refused).await {
                    return Ok(Some(Known::of(By::Password(user))));
                }
                let asked = logins.account(&meanings, secret, &is_refused).await.map_err(|error| {
                    tracing::warn!(login = user, %error, "the mail server cannot be asked about a login");
                    Problem::new(Code::Storage, "the mail server cannot be asked now")
                });
                if let Some(account) = asked? {
                    return Ok(Some(Known::of(By::Server(account))));
                }
                let with = |user| Credentials::Basic { user, secret: secret.clone() };
                meanings.into_iter().map(with).collect()
            }
            other => vec![other.clone()],
        };
        if logins.has_any() && authorizer.is_open() {
            return Ok(None);
        }
        for credentials in &shown {
            if let Ok(identity) = authorizer.authenticate(credentials).await {
                return Ok(Some(Known { identity, by: By::Other }));
            }
        }
        Ok(None)
    }

    /// The mailbox of the login's own name, else the user's own, else the only one that it may read.
    async fn account_of(&self, known: &Known, names: &[String]) -> Result<Arc<Account>, Problem> {
        let accounts = &self.mail.accounts;
        let forbidden = || Problem::new(Code::Forbidden, "not a reader of one account");
        match &known.by {
            By::Server(account) => accounts.by_name(account).cloned().ok_or_else(forbidden),
            By::Password(user) => self.account_of_user(user, names).ok_or_else(forbidden),
            By::Other => {
                for name in names {
                    if accounts.by_name(name).is_some()
                        && let Ok(account) = self.account(&known.identity, Some(name)).await
                    {
                        return Ok(account);
                    }
                }
                let found = self.account(&known.identity, None).await;
                found.map_err(|problem| Problem::new(Code::Forbidden, problem.detail().to_owned()))
            }
        }
    }

    fn account_of_user(&self, user: &Arc<str>, names: &[String]) -> Option<Arc<Account>> {
        let accounts = &self.mail.accounts;
        let is_reader = |account: &&Arc<Account>| account.readers.contains(user);
        let named = names.iter().map(String::as_str).chain([&**user]);
        let found = named.filter_map(|name| accounts.by_name(name)).find(is_reader);
        let only = || {
            let mut readable = accounts.all().filter(is_reader);
            readable.next().filter(|_| readable.next().is_none())
        };
        found.or_else(only).cloned()
    }
}

fn secret_of(credentials: &Credentials) -> &str {
    match credentials {
        Credentials::None => "",
        Credentials::Bearer(secret) | Credentials::Basic { secret, .. } => secret,
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn with(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn passwords_are_utf_8_or_latin_1() {
        let expected =
            |user: &str, secret: &str| Ok(Credentials::Basic { user: user.to_owned(), secret: secret.to_owned() });
        let utf8 = format!("Basic {}", STANDARD.encode("jürgen:pä:ß"));
        assert_eq!(shown(&with(&utf8)), expected("jürgen", "pä:ß"));
        let latin1 = format!("basic  {}", STANDARD.encode(b"j\xFCrgen:p\xE4:\xDF"));
        assert_eq!(shown(&with(&latin1)), expected("jürgen", "pä:ß"), "as Outlook sends it");
        let bare = utf8.trim_end_matches('=').to_owned();
        assert_eq!(shown(&with(&bare)), expected("jürgen", "pä:ß"));
        assert_eq!(shown(&with("Bearer t")), Ok(Credentials::Bearer("t".into())));
        assert_eq!(shown(&HeaderMap::new()), Ok(Credentials::None));
    }

    #[test]
    fn what_is_no_login_is_not_taken_for_nobody() {
        for value in ["Digest x", "Basic", "Basic !!", "Basic YQ==", "Bearer ", "x"] {
            assert_eq!(shown(&with(value)).map_err(|problem| problem.code()), Err(Code::Unauthorized), "{value}");
        }
        let mut twice = with("Basic YTpi");
        twice.append(AUTHORIZATION, "Basic YTpj".parse().expect("a header"));
        assert!(shown(&twice).is_err());
    }

    #[test]
    fn a_login_means_the_user_behind_its_domain_and_before_its_host() {
        assert_eq!(meanings("alice"), ["alice"]);
        assert_eq!(meanings("CORP\\Alice"), ["CORP\\Alice", "corp\\alice", "Alice", "alice"]);
        assert_eq!(meanings("alice@example.org"), ["alice@example.org", "alice"]);
        assert_eq!(meanings("\\alice"), ["\\alice", "alice"]);
        assert_eq!(meanings("@"), ["@"]);
        assert!(meanings("").is_empty());
        assert!(meanings(&"A\\b@c".repeat(9)).len() <= 6);
    }
}
