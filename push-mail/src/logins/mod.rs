//! The passwords of users whose programs know no tokens, mail servers that know them, and how often one may be guessed.
//!
//! ```text
//!  user, password ─▶ known to be right? ─▶ in
//!                    └▶ too many wrong ones before? ─▶ come back later, unlooked at
//!                       └▶ compared, at the same cost whoever it is for ─▶ in, or counted
//! ```

mod attempts;
mod password;

pub use password::{BadHash, Password};

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha1::{Digest as _, Sha1};
use tokio::sync::Semaphore;

use crate::eas::EasConfig;
use crate::store::StoreError;
use crate::store::imap::ImapConfig;
use attempts::Attempts;

/// Logins known to be right that are remembered: with more all are looked at again.
const KNOWN: usize = 100_000;

/// Hashes that are computed at a time: each takes a core and some megabytes for a moment.
const HASHING: usize = 2;

/// Mail servers that are asked at a time.
const ASKING: usize = 16;

/// Which login it is, told by its digest: no password is kept.
type Which = [u8; 20];

/// Who said that a login is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The password of this user.
    Password(Arc<str>),
    /// The mail server of this account.
    Server(Arc<str>),
    /// Whoever else knows.
    Other,
}

/// A mail server that decides who opens an account.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) account: Arc<str>,
    pub(crate) imap: ImapConfig,
}

/// All that is known of logins.
pub(crate) struct Logins {
    users: HashMap<String, Password>,
    servers: Vec<Server>,
    /// What takes as long as the real thing, for users that are not there.
    decoy: Option<Password>,
    key: [u8; 16],
    /// Until when what was said holds.
    known: Mutex<HashMap<Which, (By, Option<Instant>)>>,
    /// For how long what a mail server said holds.
    cache: Duration,
    attempts: Mutex<Attempts>,
    hashing: Semaphore,
    asking: Semaphore,
}

impl std::fmt::Debug for Logins {
    /// Never shows a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logins").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks: a poisoned one holds what it always holds.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logins {
    pub(crate) fn new(users: HashMap<String, Password>, servers: Vec<Server>, config: &EasConfig) -> Self {
        Self {
            decoy: users.values().find(|password| password.is_costly()).cloned(),
            users,
            servers,
            key: password::random(),
            known: Mutex::default(),
            cache: config.login_cache,
            attempts: Mutex::new(Attempts::new(config.login_failures, config.login_forget)),
            hashing: Semaphore::new(HASHING),
            asking: Semaphore::new(ASKING),
        }
    }

    /// Whether there is anybody whose login is decided here.
    pub(crate) fn has_any(&self) -> bool {
        !self.users.is_empty() || !self.servers.is_empty()
    }

    fn which(&self, login: &str, secret: &str) -> Which {
        let of_login = Sha1::new_with_prefix(self.key).chain_update(login).finalize();
        Sha1::new_with_prefix(self.key).chain_update(of_login).chain_update(secret).finalize().into()
    }

    /// Whether a login was right before, and who said so if that still holds.
    pub(crate) fn known(&self, login: &str, secret: &str, now: Instant) -> Option<Option<By>> {
        let known = lock(&self.known);
        let (by, until) = known.get(&self.which(login, secret))?;
        Some(until.is_none_or(|until| now < until).then(|| by.clone()))
    }

    /// A login is right.
    pub(crate) fn is_right(&self, login: &str, secret: &str, by: By, (peer, now): (Option<IpAddr>, Instant)) {
        let until = matches!(by, By::Server(_)).then(|| now + self.cache);
        let mut known = lock(&self.known);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(self.which(login, secret), (by, until));
        lock(&self.attempts).forgive(login, peer);
    }

    /// A login is wrong.
    pub(crate) fn is_wrong(&self, login: &str, secret: &str, (peer, now): (Option<IpAddr>, Instant)) {
        lock(&self.known).remove(&self.which(login, secret));
        lock(&self.attempts).count(login, peer, now);
    }

    /// For how long no password of this login is looked at, after too many wrong ones.
    pub(crate) fn refuses(&self, login: &str, peer: Option<IpAddr>, now: Instant) -> Option<Duration> {
        lock(&self.attempts).refuses(login, peer, now)
    }

    /// The first of these users that there is, if the password is its. Takes as long whether there is one or not.
    /// `is_refused` is asked again once it is its turn: of many attempts at once the first wrong ones end the others.
    pub(crate) async fn user(
        &self,
        meanings: &[String],
        secret: &str,
        is_refused: impl Fn() -> bool,
    ) -> Option<Arc<str>> {
        let found = meanings.iter().find_map(|name| self.users.get_key_value(name));
        let costly =
            found.map(|(_, password)| password).filter(|password| password.is_costly()).or(self.decoy.as_ref());
        let mut is_right = false;
        if let Some(costly) = costly.cloned() {
            let _permit = self.hashing.acquire().await.ok()?;
            if is_refused() {
                return None;
            }
            let secret = secret.to_owned();
            is_right = tokio::task::spawn_blocking(move || costly.is(&secret)).await.unwrap_or(false);
        }
        let (name, password) = found?;
        if !password.is_costly() {
            is_right = password.is(secret);
        }
        is_right.then(|| name.as_str().into())
    }

    /// The account that one of these names is, or is called by at its mail server, if that lets it in.
    ///
    /// # Errors
    ///
    /// Where the mail server cannot be asked.
    pub(crate) async fn account(
        &self,
        meanings: &[String],
        secret: &str,
        is_refused: impl Fn() -> bool,
    ) -> Result<Option<Arc<str>>, StoreError> {
        let named = |name: &String| self.servers.iter().find(|server| *server.account == **name);
        let called = |name: &String| {
            let mut servers = self.servers.iter().filter(|server| server.imap.user.eq_ignore_ascii_case(name));
            // One name at two servers tells neither.
            servers.next().filter(|_| servers.next().is_none())
        };
        let found = meanings.iter().find_map(named).or_else(|| meanings.iter().find_map(called));
        let Some(server) = found else { return Ok(None) };
        let Ok(_permit) = self.asking.acquire().await else { return Ok(None) };
        if is_refused() {
            return Ok(None);
        }
        Ok(server.imap.lets_in(secret).await?.then(|| Arc::clone(&server.account)))
    }
}

#[cfg(test)]
mod tests {
    use push_core::{Clock as _, ManualClock};

    use super::*;

    fn logins(users: &[(&str, Password)]) -> Logins {
        let users = users.iter().map(|(name, password)| ((*name).to_owned(), password.clone())).collect();
        Logins::new(users, Vec::new(), &EasConfig::default())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_first_user_that_there_is_needs_its_own_password() {
        let hashed = Password::argon2(password::tests::HASH).expect("a hash");
        let logins = logins(&[("alice", hashed), ("bob", Password::plain("b"))]);
        let (alice, bob) = (password::tests::SECRET, "b");
        for (meanings, secret, user) in [
            (&["alice"][..], alice, Some("alice")),
            (&["CORP\\alice", "alice"], alice, Some("alice")),
            (&["bob"], bob, Some("bob")),
            (&["alice"], bob, None),
            (&["bob"], alice, None),
            (&["alice", "bob"], bob, None),
            (&["eve"], alice, None),
            (&[], alice, None),
        ] {
            assert_eq!(logins.user(&names(meanings), secret, || false).await.as_deref(), user, "{meanings:?}");
        }
    }

    #[tokio::test]
    async fn what_was_right_is_known_and_nothing_like_it() {
        let logins = logins(&[]);
        assert!(!logins.has_any());
        let clock = ManualClock::new(0);
        let now = || (None, clock.now());
        logins.is_right("alice", "secret", By::Password("alice".into()), now());
        logins.is_right("bob", "token", By::Other, now());
        logins.is_right("carol", "secret", By::Server("carol".into()), now());
        let known = |login: &str, secret: &str| logins.known(login, secret, clock.now());
        assert_eq!(known("alice", "secret"), Some(Some(By::Password("alice".into()))));
        assert_eq!(known("bob", "token"), Some(Some(By::Other)));
        assert_eq!(known("carol", "secret"), Some(Some(By::Server("carol".into()))));
        for (login, secret) in [("alice", "secre"), ("alic", "esecret"), ("alices", "ecret"), ("", "alicesecret")] {
            assert_eq!(known(login, secret), None, "{login} {secret}");
        }
        clock.advance(EasConfig::default().login_cache);
        assert_eq!(known("carol", "secret"), Some(None), "the mail server is asked again");
        assert!(known("alice", "secret").flatten().is_some());
        logins.is_wrong("carol", "secret", now());
        assert_eq!(known("carol", "secret"), None);
        assert!(!format!("{logins:?}").contains("secret"));
    }
}
