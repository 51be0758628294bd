//! Who may, and at which mailbox.

use std::sync::Arc;

use push_core::Open;
use testkit::http::Request;

use crate::world::{PATH, World, basic, policy_request};

async fn status(world: &World, authorization: Option<&str>) -> u16 {
    let mut request = Request::new("OPTIONS", PATH);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let response = world.send(request).await;
    if response.status() == 401 {
        let challenge = response.header("www-authenticate").unwrap_or_default().to_owned();
        assert!(challenge.starts_with("Basic realm="), "{challenge}");
        assert!(!response.text().contains("secret"), "{}", response.text());
    }
    response.status()
}

#[tokio::test]
async fn who_shows_no_login_or_a_wrong_one_is_asked_for_it() {
    let world = World::new().await;
    assert_eq!(status(&world, None).await, 401);
    assert_eq!(status(&world, Some("Negotiate abc")).await, 401);
    assert_eq!(status(&world, Some(&basic(b"alice", b"bob-secret"))).await, 401);
    assert_eq!(status(&world, Some(&basic(b"nobody", b"alice-secret"))).await, 401);
    assert_eq!(status(&world, Some(&basic(b"alice", b"alice-secret"))).await, 200);
}

#[tokio::test]
async fn domains_hosts_and_capitals_around_a_user_do_no_harm() {
    let world = World::new().await;
    for user in ["alice", "Alice", "CORP\\alice", "\\alice", "alice@elsewhere.example", "CORP\\Alice@elsewhere.example"]
    {
        assert_eq!(status(&world, Some(&basic(user.as_bytes(), b"alice-secret"))).await, 200, "{user}");
    }
}

#[tokio::test]
async fn a_token_opens_as_in_the_other_calls() {
    let world = World::new().await;
    assert_eq!(status(&world, Some("Bearer bob-secret")).await, 200);
    assert_eq!(status(&world, Some("Bearer wrong")).await, 401);
}

#[tokio::test]
async fn who_may_read_no_mailbox_is_forbidden() {
    let world = World::new().await;
    assert_eq!(status(&world, Some(&basic(b"eve", b"eve-secret"))).await, 403);
}

async fn account_of(world: &World, user: &str, device: &str) -> String {
    let mut phone = world.phone_of("alice", device);
    phone.authorization = basic(user.as_bytes(), b"alice-secret");
    phone.ask("Provision", &policy_request(None)).await;
    let devices = world.mail.devices(None).expect("read");
    devices.into_iter().find(|known| known.device == device).expect("it is known").account
}

#[tokio::test]
async fn a_login_that_is_an_address_opens_the_mailbox_of_that_address() {
    let world = World::new().await;
    assert_eq!(account_of(&world, "alice", "one").await, "alice");
    assert_eq!(account_of(&world, "alice@example.org", "two").await, "alice@example.org");
    assert_eq!(account_of(&world, "alice@elsewhere.example", "three").await, "alice");
}

#[tokio::test]
async fn where_anyone_may_do_anything_a_login_names_the_mailbox() {
    let world = World::open().await;
    assert_eq!(status(&world, None).await, 401, "phones want to be asked");
    assert_eq!(account_of(&world, "bob", "one").await, "bob");
    assert_eq!(status(&world, Some(&basic(b"nobody", b"x"))).await, 403, "there are several mailboxes");
}

#[tokio::test]
async fn users_log_in_with_passwords_in_both_encodings_and_as_hashes() {
    let world = World::with_passwords(|_| {}, None).await;
    for (user, password, expected) in [
        (&b"alice"[..], "pässword".as_bytes(), 200),
        (b"CORP\\Alice", b"p\xE4ssword", 200),
        (b"bob@example.org", b"correct horse", 200),
        (b"bob", b"correct horse", 200),
        (b"eve", b"eve-secret", 403),
        (b"alice", b"alice-secret", 200),
        (b"alice", b"password", 401),
        (b"alice", b"", 401),
        (b"bob", "pässword".as_bytes(), 401),
        (b"nobody", b"correct horse", 401),
    ] {
        let shown = String::from_utf8_lossy(user).into_owned();
        assert_eq!(status(&world, Some(&basic(user, password))).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn where_there_are_passwords_nobody_gets_in_without_though_anyone_may_do_anything_else() {
    let world = World::with_passwords(|_| {}, Some(Arc::new(Open))).await;
    assert_eq!(status(&world, Some(&basic(b"alice", b"anything"))).await, 401);
    assert_eq!(status(&world, Some("Bearer anything")).await, 401);
    assert_eq!(status(&world, Some(&basic(b"alice", "pässword".as_bytes()))).await, 200);
    let mut phone = world.phone_of("bob", "one");
    phone.authorization = basic(b"bob", b"correct horse");
    phone.ask("Provision", &policy_request(None)).await;
    assert_eq!(world.mail.devices(None).expect("read")[0].account, "bob", "and reads what it is a reader of alone");
}

#[tokio::test]
async fn after_too_many_wrong_logins_the_next_are_put_off_but_for_those_that_were_right() {
    let world = World::with_passwords(|config| config.login_failures = 3, None).await;
    let (right, token) = (basic(b"alice", "pässword".as_bytes()), basic(b"alice", b"alice-secret"));
    assert_eq!(status(&world, Some(&right)).await, 200);
    for _ in 0..3 {
        assert_eq!(status(&world, Some(&basic(b"alice", b"wrong"))).await, 401);
    }
    let refused = world.send(Request::new("OPTIONS", PATH).header("Authorization", &token)).await;
    assert_eq!(refused.status(), 503, "a right one that was not seen before");
    let after: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("a time");
    assert!((1..=600).contains(&after), "{after}");
    assert_eq!(status(&world, Some(&right)).await, 200, "this phone is known");
    assert_eq!(status(&world, Some(&basic(b"bob", b"correct horse"))).await, 200, "another name");
    assert_eq!(status(&world, Some(&token)).await, 503, "whose requests give nobody further guesses");
}

#[tokio::test]
async fn many_names_from_one_address_are_put_off_too() {
    let world = World::with_passwords(|config| config.login_failures = 1, None).await;
    for n in 0..10 {
        assert_eq!(status(&world, Some(&basic(format!("user{n}").as_bytes(), b"x"))).await, 401, "{n}");
    }
    assert_eq!(status(&world, Some(&basic(b"bob", b"correct horse"))).await, 503);
    assert_eq!(status(&world, Some("Bearer bob-secret")).await, 503);
    let never = World::with_passwords(|config| config.login_failures = 0, None).await;
    for n in 0..30 {
        assert_eq!(status(&never, Some(&basic(b"alice", b"x"))).await, 401, "{n}");
    }
}
