//! Who may do what: the contract of an authorizer, grants, and the two that come with the hub.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::name::{PRESENCE_PREFIX, Pattern, Selector};

/// A future in a box, as contracts return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To receive a channel, its recent history included (`since`, `last`).
    Subscribe,
    /// To publish.
    Publish,
    /// To ask for history.
    History,
    /// To ask who is there, and to receive joins and leaves.
    Presence,
    /// To see and end everything.
    Admin,
}

impl Action {
    /// The word in configuration and refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Subscribe => "subscribe",
            Action::Publish => "publish",
            Action::History => "history",
            Action::Presence => "presence",
            Action::Admin => "admin",
        }
    }
}

/// What a client shows to say who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A bearer token.
    Bearer(String),
    /// A user and a secret (HTTP Basic).
    Basic {
        /// The user.
        user: String,
        /// The secret.
        secret: String,
    },
}

impl fmt::Debug for Credentials {
    /// Never shows a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::None => f.write_str("None"),
            Credentials::Bearer(_) => f.write_str("Bearer(..)"),
            Credentials::Basic { user, .. } => write!(f, "Basic({user:?}, ..)"),
        }
    }
}

/// What a client may do: for each action the patterns within which it may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Channels it may subscribe to.
    pub subscribe: Vec<Pattern>,
    /// Channels it may publish to.
    pub publish: Vec<Pattern>,
    /// Channels whose history it may ask for.
    pub history: Vec<Pattern>,
    /// Channels whose presence it may see.
    pub presence: Vec<Pattern>,
    /// Whether it may do everything that operators may.
    pub admin: bool,
}

impl Grants {
    /// Whether one grant contains all that `selector` selects. `mail/...` is granted by no pattern: only by an
    /// account's readers. An admin may read all system channels.
    pub fn allow(&self, action: Action, selector: &Selector) -> bool {
        if self.admin && selector.as_str().starts_with('$') {
            return matches!(action, Action::Subscribe | Action::History);
        }
        let (action, selector) = required(action, selector);
        let patterns = match action {
            Action::Subscribe => &self.subscribe,
            Action::Publish => &self.publish,
            Action::History => &self.history,
            Action::Presence => &self.presence,
            Action::Admin => return self.admin,
        };
        !selector.as_str().starts_with("mail/") && patterns.iter().any(|pattern| pattern.contains(&selector))
    }
}

/// What doing `action` on `selector` really needs: `$sys/presence/C` the presence grant on C, other `$...` admin.
fn required(action: Action, selector: &Selector) -> (Action, Selector) {
    if !selector.as_str().starts_with('$') {
        return (action, selector.clone());
    }
    let reads = matches!(action, Action::Subscribe | Action::History);
    match selector.as_str().strip_prefix(PRESENCE_PREFIX).map(Selector::parse) {
        Some(Ok(channel)) if reads => (Action::Presence, channel),
        _ => (Action::Admin, selector.clone()),
    }
}

/// Who a client is and what it may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user, if it has a name.
    pub user: Option<Arc<str>>,
    /// What it may.
    pub grants: Grants,
    /// When it must show new credentials, in Unix milliseconds; never if `None`.
    pub expires_ms: Option<u64>,
}

/// Credentials that were not accepted. The wire says `unauthorized`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthorized(pub String);

/// Decides who a client is and what it may do.
///
/// # What must be atomic, and what breaks otherwise
///
/// - **An identity is a whole.** User and grants come from one look at the credentials: an identity with the user of
///   one state and the grants of another would let a connection outlive its rights.
/// - **A decision is for ever, for that connection.** The server asks once when a subscription begins, not for each
///   publication. What may be taken back must have an expiry, or be ended through `Hub::disconnect`.
/// - **No answer is no.** An authorizer that cannot decide must refuse: a failure that allows is a hole.
/// - **Equal questions have equal answers** within one request: channels are asked one by one, and one refusal
///   refuses the whole request.
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// Whether anyone may do anything. Then the server answers only to loopback names.
    fn is_open(&self) -> bool {
        false
    }

    /// Who shows these credentials.
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>>;

    /// Whether `identity` may do `action` on all of `selector` (for [`Action::Admin`] any selector). By default
    /// what its grants say.
    fn authorize<'a>(
        &'a self,
        identity: &'a Identity,
        action: Action,
        selector: Option<&'a Selector>,
    ) -> BoxFuture<'a, bool> {
        let allowed = match selector {
            Some(selector) => identity.grants.allow(action, selector),
            None => action == Action::Admin && identity.grants.admin,
        };
        Box::pin(std::future::ready(allowed))
    }
}

/// Anyone may do anything: for development, on the loopback.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open;

impl Authorizer for Open {
    fn is_open(&self) -> bool {
        true
    }

    fn authenticate<'a>(&'a self, _: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        Box::pin(std::future::ready(Ok(Identity::default())))
    }

    fn authorize<'a>(&'a self, _: &'a Identity, _: Action, _: Option<&'a Selector>) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

/// Tokens that stand in the configuration.
#[derive(Default)]
pub struct StaticTokens {
    /// By secret. The map's keyed hash keeps the time of a look-up from telling how much of a guess is right.
    by_secret: HashMap<String, Identity>,
}

impl fmt::Debug for StaticTokens {
    /// Never shows a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens").field("tokens", &self.by_secret.len()).finish()
    }
}

impl StaticTokens {
    /// No tokens: nobody may do anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets who shows `secret` be `identity`; a second identity of the same secret takes the place of the first.
    #[must_use]
    pub fn with(mut self, secret: impl Into<String>, identity: Identity) -> Self {
        self.by_secret.insert(secret.into(), identity);
        self
    }

    fn look_up(&self, credentials: &Credentials) -> Result<Identity, Unauthorized> {
        let wrong = || Unauthorized("the token is not known".to_owned());
        match credentials {
            Credentials::None => Err(Unauthorized("a token is needed".to_owned())),
            Credentials::Bearer(secret) => self.by_secret.get(secret).cloned().ok_or_else(wrong),
            Credentials::Basic { user, secret } => self
                .by_secret
                .get(secret)
                .filter(|identity| identity.user.as_deref() == Some(user))
                .cloned()
                .ok_or_else(|| Unauthorized("user and secret do not fit".to_owned())),
        }
    }
}

impl Authorizer for StaticTokens {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        Box::pin(std::future::ready(self.look_up(credentials)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect()
    }

    #[test]
    fn system_channels_need_presence_or_admin_and_mail_its_readers() {
        let everything = patterns(&["**", "$sys/**", "mail/**"]);
        let all = Grants { subscribe: everything.clone(), publish: everything, ..Grants::default() };
        let presence = Grants { presence: patterns(&["chat/*"]), ..Grants::default() };
        let admin = Grants { admin: true, ..Grants::default() };
        let table = [
            (&all, "chat/a", true),
            (&all, "$sys/presence/chat/a", false),
            (&all, "$sys/stats", false),
            (&all, "mail/alice/inbox", false),
            (&all, "mail/**", false),
            (&presence, "$sys/presence/chat/a", true),
            (&presence, "$sys/presence/chat/*", true),
            (&presence, "$sys/presence/chat/**", false),
            (&presence, "$sys/presence/other", false),
            (&presence, "$sys/**", false),
            (&admin, "$sys/stats", true),
            (&admin, "$sys/presence/chat/a", true),
            (&admin, "chat/a", false),
        ];
        for (grants, selector, expected) in table {
            let selector = Selector::parse(selector).expect("a selector");
            assert_eq!(grants.allow(Action::Subscribe, &selector), expected, "{selector}");
        }
    }

    #[test]
    fn a_token_is_found_by_its_secret_and_basic_needs_its_user() {
        let alice = Identity { user: Some("alice".into()), ..Identity::default() };
        let tokens = StaticTokens::new().with("s3cret", alice.clone());
        let basic = |user: &str| Credentials::Basic { user: user.into(), secret: "s3cret".into() };
        assert_eq!(tokens.look_up(&Credentials::Bearer("s3cret".into())), Ok(alice.clone()));
        assert_eq!(tokens.look_up(&basic("alice")), Ok(alice));
        assert!(tokens.look_up(&basic("bob")).is_err());
        assert!(tokens.look_up(&Credentials::Bearer("".into())).is_err());
        assert!(tokens.look_up(&Credentials::None).is_err());
        assert!(!format!("{tokens:?}{:?}", basic("x")).contains("s3cret"));
    }
}
