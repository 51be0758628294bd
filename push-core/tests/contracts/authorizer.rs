//! What every `Authorizer` promises: no answer is no, a grant holds for all it contains, equal questions have equal answers.

use std::sync::Arc;

use push_core::*;

use crate::support::*;

const ACTIONS: [Action; 5] = [Action::Subscribe, Action::Publish, Action::History, Action::Presence, Action::Admin];
const SELECTORS: [&str; 12] = [
    "chat/a",
    "chat/b",
    "chat/*",
    "chat/**",
    "own/alice/x",
    "own/bob/x",
    "own/**",
    "*",
    "**",
    "$sys/presence/chat/a",
    "$sys/stats",
    "mail/alice/inbox",
];

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect()
}

fn allows(authorizer: &dyn Authorizer, identity: &Identity, action: Action, text: &str) -> bool {
    now(authorizer.authorize(identity, action, Some(&selector(text))))
}

/// An authorizer, what it accepts, and who that is.
struct Case {
    authorizer: Box<dyn Authorizer>,
    accepted: Credentials,
}

fn equal_questions_have_equal_answers(case: &Case) {
    let first = now(case.authorizer.authenticate(&case.accepted)).expect("accepted");
    assert_eq!(now(case.authorizer.authenticate(&case.accepted)), Ok(first.clone()));
    for action in ACTIONS {
        for text in SELECTORS {
            let answer = allows(&*case.authorizer, &first, action, text);
            assert_eq!(allows(&*case.authorizer, &first, action, text), answer, "{action:?} {text}");
        }
    }
}

/// Who may do something on a pattern may do it on every channel the pattern selects.
fn a_pattern_is_allowed_only_wholly(case: &Case) {
    let identity = now(case.authorizer.authenticate(&case.accepted)).expect("accepted");
    for action in ACTIONS {
        for wide in SELECTORS.iter().filter(|text| text.contains('*')) {
            let pattern = Pattern::parse(wide).expect("a pattern");
            for text in SELECTORS.iter().filter(|text| !text.contains('*') && pattern.matches(&channel(text))) {
                let whole = allows(&*case.authorizer, &identity, action, wide);
                assert!(!whole || allows(&*case.authorizer, &identity, action, text), "{action:?} {wide} {text}");
            }
        }
    }
}

fn whoever_is_not_known_is_refused(case: &Case) {
    let basic = Credentials::Basic { user: "alice".into(), secret: "guess".into() };
    let bearers = ["", "guess", "s3cre", "s3crett", "S3CRET"].map(|token| Credentials::Bearer(token.into()));
    for wrong in bearers.iter().chain([&basic, &Credentials::None]) {
        let answer = now(case.authorizer.authenticate(wrong));
        assert_eq!(answer.is_ok(), case.authorizer.is_open(), "{wrong:?}");
    }
    let nobody = Identity::default();
    for action in ACTIONS {
        for text in SELECTORS {
            assert_eq!(allows(&*case.authorizer, &nobody, action, text), case.authorizer.is_open());
        }
        assert_eq!(now(case.authorizer.authorize(&nobody, action, None)), case.authorizer.is_open());
    }
}

fn no_secret_is_shown(case: &Case) {
    let identity = now(case.authorizer.authenticate(&case.accepted));
    let shown = format!("{:?} {:?} {identity:?}", case.authorizer, case.accepted);
    assert!(!shown.contains("s3cret"), "{shown}");
}

/// The list, over one authorizer.
macro_rules! authorizer_contract {
    ($name:ident, $case:expr) => {
        mod $name {
            use super::*;

            #[test]
            fn equal_questions_have_equal_answers() {
                super::equal_questions_have_equal_answers(&$case);
            }

            #[test]
            fn a_pattern_is_allowed_only_wholly() {
                super::a_pattern_is_allowed_only_wholly(&$case);
            }

            #[test]
            fn whoever_is_not_known_is_refused() {
                super::whoever_is_not_known_is_refused(&$case);
            }

            #[test]
            fn no_secret_is_shown() {
                super::no_secret_is_shown(&$case);
            }
        }
    };
}

authorizer_contract!(open, Case { authorizer: Box::new(Open), accepted: Credentials::None });
authorizer_contract!(static_tokens, Case { authorizer: Box::new(tokens()), accepted: bearer() });
authorizer_contract!(owners, Case { authorizer: Box::new(Owners), accepted: bearer() });

fn bearer() -> Credentials {
    Credentials::Bearer("s3cret".into())
}

fn tokens() -> StaticTokens {
    let grants = Grants {
        subscribe: patterns(&["chat/**"]),
        publish: patterns(&["chat/a"]),
        presence: patterns(&["chat/*"]),
        ..Grants::default()
    };
    StaticTokens::new().with("s3cret", Identity { user: Some("alice".into()), grants, expires_ms: None })
}

/// One that decides by itself: everybody may do everything below `own/<user>`, and nothing else.
#[derive(Debug)]
struct Owners;

impl Authorizer for Owners {
    fn authenticate<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Identity, Unauthorized>> {
        let known = *credentials == bearer();
        let alice = Identity { user: Some(Arc::from("alice")), ..Identity::default() };
        Box::pin(std::future::ready(known.then_some(alice).ok_or_else(|| Unauthorized("who is that".into()))))
    }

    fn authorize<'a>(
        &'a self,
        identity: &'a Identity,
        action: Action,
        selector: Option<&'a Selector>,
    ) -> BoxFuture<'a, bool> {
        let own = identity.user.as_ref().and_then(|user| Pattern::parse(&format!("own/{user}/**")).ok());
        let is_own = own.zip(selector).is_some_and(|(own, selector)| own.contains(selector));
        Box::pin(std::future::ready(is_own && action != Action::Admin))
    }
}

#[test]
fn each_of_them_allows_what_it_is_there_for() {
    let nobody = Identity::default();
    assert!(SELECTORS.iter().all(|text| ACTIONS.iter().all(|action| allows(&Open, &nobody, *action, text))));
    let tokens = tokens();
    let alice = now(tokens.authenticate(&bearer())).expect("known");
    let table = [
        (Action::Subscribe, "chat/**", true),
        (Action::Subscribe, "**", false),
        (Action::Publish, "chat/a", true),
        (Action::Publish, "chat/b", false),
        (Action::History, "chat/a", false),
        (Action::Subscribe, "$sys/presence/chat/a", true),
        (Action::Publish, "$sys/presence/chat/a", false),
        (Action::Subscribe, "mail/alice/inbox", false),
        (Action::Admin, "chat/a", false),
    ];
    for (action, text, expected) in table {
        assert_eq!(allows(&tokens, &alice, action, text), expected, "{action:?} {text}");
    }
    assert!(allows(&Owners, &alice, Action::History, "own/alice/x"));
    assert!(!allows(&Owners, &alice, Action::History, "own/bob/x"));
    let grants = Grants { admin: true, ..Grants::default() };
    let admin = StaticTokens::new().with("root", Identity { grants, ..Identity::default() });
    let root = now(admin.authenticate(&Credentials::Bearer("root".into()))).expect("known");
    assert!(now(admin.authorize(&root, Action::Admin, None)) && allows(&admin, &root, Action::Subscribe, "$sys/stats"));
    assert!(!now(admin.authorize(&root, Action::Publish, None)));
}
