//! Who may, and at which mailbox.

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
