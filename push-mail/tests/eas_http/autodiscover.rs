//! Where a phone finds the server.

use testkit::http::{Request, Response};

use crate::world::{World, basic};

const MOBILE_SYNC: &str = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";

fn request(path: &str, schema: &str) -> Request {
    let body = format!(
        "<?xml version=\"1.0\"?><Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/\
         requestschema/2006\"><Request><EMailAddress>alice@example.org</EMailAddress>\
         <AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"
    );
    Request::post(path, body).header("Content-Type", "text/xml")
}

async fn ask(world: &World, path: &str, schema: &str) -> Response {
    world.send(request(path, schema).header("Authorization", basic(b"alice", b"alice-secret"))).await
}

#[tokio::test]
async fn a_phone_is_told_the_url_under_the_host_that_it_asked() {
    let world = World::new().await;
    for path in ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml/"]
    {
        let answer = ask(&world, path, MOBILE_SYNC).await;
        assert_eq!((answer.status(), answer.header("content-type")), (200, Some("text/xml; charset=utf-8")), "{path}");
        let url = format!("<Url>http://{}/Microsoft-Server-ActiveSync</Url>", world.addr);
        assert!(answer.text().contains(&url), "{}", answer.text());
    }
    let named = request("/autodiscover/autodiscover.xml", MOBILE_SYNC)
        .header("Authorization", basic(b"alice", b"alice-secret"))
        .header("Host", "mail.example.org")
        .header("X-Forwarded-Host", "evil.example");
    let text = world.send(named).await.text();
    assert!(text.contains("<Url>https://mail.example.org/Microsoft-Server-ActiveSync</Url>"), "{text}");
}

#[tokio::test]
async fn a_url_that_is_set_is_told() {
    let url = "https://phones.example.org/Microsoft-Server-ActiveSync?a&b";
    let world = World::with(|config| config.external_url = Some(url.to_owned())).await;
    let text = ask(&world, "/autodiscover/autodiscover.xml", MOBILE_SYNC).await.text();
    assert!(text.contains("<Url>https://phones.example.org/Microsoft-Server-ActiveSync?a&amp;b</Url>"), "{text}");
    let json = world.send(Request::get("/autodiscover/autodiscover.json?Protocol=ActiveSync")).await.json();
    assert_eq!(json, serde_json::json!({"Protocol": "ActiveSync", "Url": url}));
}

#[tokio::test]
async fn who_shows_no_login_is_asked_for_it() {
    let world = World::new().await;
    let answer = world.send(request("/autodiscover/autodiscover.xml", MOBILE_SYNC)).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic")));
}

#[tokio::test]
async fn another_schema_a_request_that_is_too_long_and_other_methods_are_refused() {
    let world = World::new().await;
    let path = "/autodiscover/autodiscover.xml";
    let outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
    let text = ask(&world, path, outlook).await.text();
    assert!(text.contains("<ErrorCode>601</ErrorCode>"), "{text}");
    assert_eq!(ask(&world, path, &"x".repeat(20_000)).await.status(), 413);
    let got = world.send(Request::get(path)).await;
    assert_eq!((got.status(), got.header("allow")), (405, Some("POST")));
    let unknown = world.send(Request::get("/autodiscover/autodiscover.json?Protocol=Ews")).await;
    assert_eq!((unknown.status(), unknown.json()["ErrorCode"].as_str()), (400, Some("InvalidProtocol")));
    let of_address = "/autodiscover/autodiscover.json/v1.0/alice@example.org?Protocol=ActiveSync";
    assert_eq!(world.send(Request::get(of_address)).await.status(), 200);
}
