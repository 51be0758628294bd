//! The passwords of users whose programs know no tokens, and how often one may be guessed.
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
use attempts::Attempts;

/// Logins known to be right that are remembered: with more all are looked at again.
const KNOWN: usize = 100_000;

/// Hashes that are computed at a time: each takes a core and some megabytes for a moment.
const HASHING: usize = 2;

/// Which login it is, told by its digest: no password is kept.
type Which = [u8; 20];

/// All that is known of logins.
pub(crate) struct Logins {
    users: HashMap<String, Password>,
    /// What takes as long as the real thing, for users that are not there.
    decoy: Option<Password>,
    key: [u8; 16],
    known: Mutex<HashMap<Which, Option<Arc<str>>>>,
    attempts: Mutex<Attempts>,
    hashing: Semaphore,
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
    pub(crate) fn new(users: HashMap<String, Password>, config: &EasConfig) -> Self {
        Self {
            decoy: users.values().find(|password| password.is_costly()).cloned(),
            users,
            key: password::random(),
            known: Mutex::default(),
            attempts: Mutex::new(Attempts::new(config.login_failures, config.login_forget)),
            hashing: Semaphore::new(HASHING),
        }
    }

    /// Whether there are users with passwords.
    pub(crate) fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    fn which(&self, login: &str, secret: &str) -> Which {
        let of_login = Sha1::new_with_prefix(self.key).chain_update(login).finalize();
        Sha1::new_with_prefix(self.key).chain_update(of_login).chain_update(secret).finalize().into()
    }

    /// What is known of a login that was right before: the user whose password it showed, `Some(None)` where somebody
    /// else said that it is right.
    pub(crate) fn known(&self, login: &str, secret: &str) -> Option<Option<Arc<str>>> {
        lock(&self.known).get(&self.which(login, secret)).cloned()
    }

    /// A login is right.
    pub(crate) fn is_right(&self, login: &str, secret: &str, user: Option<Arc<str>>, peer: Option<IpAddr>) {
        let mut known = lock(&self.known);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(self.which(login, secret), user);
        lock(&self.attempts).forgive(login, peer);
    }

    /// A login is wrong.
    pub(crate) fn is_wrong(&self, login: &str, peer: Option<IpAddr>, now: Instant) {
        lock(&self.attempts).count(login, peer, now);
    }

    /// For how long no password of this login is looked at, after too many wrong ones.
    pub(crate) fn refuses(&self, login: &str, peer: Option<IpAddr>, now: Instant) -> Option<Duration> {
        lock(&self.attempts).refuses(login, peer, now)
    }

    /// The first of these users that there is, if the password is its. Takes as long whether there is one or not.
    pub(crate) async fn user(&self, meanings: &[String], secret: &str) -> Option<Arc<str>> {
        let found = meanings.iter().find_map(|name| self.users.get_key_value(name));
        let costly =
            found.map(|(_, password)| password).filter(|password| password.is_costly()).or(self.decoy.as_ref());
        let mut is_right = false;
        if let Some(costly) = costly.cloned() {
            let _permit = self.hashing.acquire().await.ok()?;
            let secret = secret.to_owned();
            is_right = tokio::task::spawn_blocking(move || costly.is(&secret)).await.unwrap_or(false);
        }
        let (name, password) = found?;
        if !password.is_costly() {
            is_right = password.is(secret);
        }
        is_right.then(|| name.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(users: &[(&str, Password)]) -> Logins {
        let users = users.iter().map(|(name, password)| ((*name).to_owned(), password.clone())).collect();
        Logins::new(users, &EasConfig::default())
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
            assert_eq!(logins.user(&names(meanings), secret).await.as_deref(), user, "{meanings:?}");
        }
    }

    #[tokio::test]
    async fn what_was_right_is_known_and_nothing_like_it() {
        let logins = logins(&[]);
        assert!(!logins.has_users());
        logins.is_right("alice", "secret", Some("alice".into()), None);
        logins.is_right("bob", "token", None, None);
        assert_eq!(logins.known("alice", "secret"), Some(Some("alice".into())));
        assert_eq!(logins.known("bob", "token"), Some(None));
        for (login, secret) in [("alice", "secre"), ("alic", "esecret"), ("alices", "ecret"), ("", "alicesecret")] {
            assert_eq!(logins.known(login, secret), None, "{login} {secret}");
        }
        assert!(!format!("{logins:?}").contains("secret"));
    }
}
