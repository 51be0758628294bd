//! The calls as Direct Push has them, each word as wire.md §9 says it.

use std::time::Instant;

use serde_json::json;
use testkit::Request;

use crate::world::{call, folders, id, metric, open, parked, ping, ping_of, post, subjects, sync};

#[tokio::test]
async fn folders_are_listed_with_id_path_type_class_and_channel() {
    let (maildir, server) = open().await;
    assert!(maildir.path().join("new").is_dir(), "it made the Maildir");
    maildir.make("Work/Team A");
    let told = folders(server.addr()).await;
    let members: Vec<_> = told.iter().map(|folder| folder.as_object().expect("an object")).collect();
    for folder in &members {
        for member in ["id", "path", "type", "class", "channel"] {
            assert!(folder[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {folder:?}");
        }
        assert_eq!(folder["class"], "Email");
    }
    let inbox = told.iter().find(|folder| folder["path"] == "INBOX").expect("an inbox");
    assert_eq!((&inbox["type"], &inbox["channel"]), (&json!("inbox"), &json!("mail/alice/INBOX")));
    let team = told.iter().find(|folder| folder["path"] == "Work/Team A").expect("its path as people see it");
    assert_eq!(team["channel"], "mail/alice/Work%2FTeam%20A");
    let named = Request::get("/push/mail/folders?account=alice").send(server.addr()).await;
    assert_eq!(named.json()["folders"].as_array().map(Vec::len), Some(told.len()));
    let other = Request::get("/push/mail/folders?account=bob").send(server.addr()).await;
    assert_eq!((other.status(), other.problem().as_str()), (400, "bad_parameter"));
}

#[tokio::test]
async fn a_sync_begins_with_key_0_lists_what_is_there_and_goes_on_with_the_key_it_gave() {
    let (maildir, server) = open().await;
    let inbox = id(server.addr(), "INBOX").await;
    let name = maildir.deliver("INBOX", "One", "text of one");
    let (first, changes) = sync(server.addr(), "phone", &inbox, "0").await;
    assert_eq!(subjects(&changes), ["One"]);
    assert_eq!(changes[0]["kind"], "new");
    let uid = changes[0]["uid"].as_u64().expect("a number");

    let (second, changes) = sync(server.addr(), "phone", &inbox, &first).await;
    assert!(changes.is_empty(), "{changes:?}");
    maildir.mark("INBOX", &name, "FS");
    let (third, changes) = sync(server.addr(), "phone", &inbox, &second).await;
    assert_eq!((&changes[0]["kind"], changes[0]["uid"].as_u64()), (&json!("changed"), Some(uid)));
    maildir.delete("INBOX", &name);
    let (fourth, changes) = sync(server.addr(), "phone", &inbox, &third).await;
    assert_eq!((&changes[0]["kind"], changes[0]["uid"].as_u64()), (&json!("deleted"), Some(uid)));
    let (_, repeated) = sync(server.addr(), "phone", &inbox, &third).await;
    assert_eq!(repeated, changes, "whose answer was lost asks again");
    for stale in [&*first, "nonsense", ""] {
        let body = json!({"device": "phone", "folder": inbox, "sync_key": stale});
        assert_eq!(call(server.addr(), "sync", &body).await, json!({"status": "bad_sync_key"}), "{stale} {fourth}");
    }
}

#[tokio::test]
async fn a_window_bounds_a_sync_and_more_says_so() {
    let (maildir, server) = open().await;
    let inbox = id(server.addr(), "INBOX").await;
    for number in 0..5 {
        maildir.deliver("INBOX", &format!("mail {number}"), "text");
    }
    let (mut key, mut told, mut answers) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let body = json!({"account": "alice", "device": "d", "folder": inbox, "sync_key": key, "window": 2});
        let answer = call(server.addr(), "sync", &body).await;
        let changes = answer["changes"].as_array().expect("a list").clone();
        assert!(changes.len() <= 2, "{answer}");
        told.extend(changes);
        answers += 1;
        key = answer["sync_key"].as_str().expect("a key").to_owned();
        if answer["more"] == false {
            break;
        }
    }
    let mut heard = subjects(&told);
    heard.sort_unstable();
    assert_eq!(heard, ["mail 0", "mail 1", "mail 2", "mail 3", "mail 4"]);
    assert!(answers >= 3, "{answers}");
}

#[tokio::test]
async fn a_ping_is_answered_as_mail_arrives_and_the_sync_tells_it() {
    let (maildir, server) = open().await;
    maildir.make("Other");
    let (inbox, other) = (id(server.addr(), "INBOX").await, id(server.addr(), "Other").await);
    let (key, _) = sync(server.addr(), "phone", &inbox, "0").await;
    let waits = ping(server.addr(), ping_of("phone", 60, &[&inbox, &other]));
    parked(server.addr(), 1).await;
    maildir.deliver("INBOX", "Now", "text");
    assert_eq!(waits.await.expect("answered"), json!({"status": "changes", "folders": [inbox]}));
    let (_, changes) = sync(server.addr(), "phone", &inbox, &key).await;
    assert_eq!(subjects(&changes), ["Now"]);
    assert_eq!(metric(server.addr(), "push_mail_pings_total{outcome=\"changes\"}").await, 1.0);
    assert_eq!(metric(server.addr(), "push_mail_syncs_total").await, 2.0);
    assert_eq!(metric(server.addr(), "push_mail_mean_heartbeat_seconds").await, 60.0);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long a ping took is what it is about")]
async fn a_ping_without_news_waits_for_its_whole_interval_and_an_empty_one_repeats_the_last() {
    let (maildir, server) = open().await;
    let inbox = id(server.addr(), "INBOX").await;
    let (key, _) = sync(server.addr(), "phone", &inbox, "0").await;
    let began = Instant::now();
    let answer = ping(server.addr(), ping_of("phone", 1, &[&inbox])).await.expect("answered");
    assert_eq!(answer, json!({"status": "no_changes"}));
    assert!(began.elapsed().as_millis() >= 900, "{:?}", began.elapsed());
    maildir.deliver("INBOX", "Later", "text");
    let empty = Request::post("/push/mail/ping", "").send(server.addr()).await;
    assert_eq!(empty.json(), json!({"status": "changes", "folders": [inbox]}));
    sync(server.addr(), "phone", &inbox, &key).await;
    let named = Request::post("/push/mail/ping?device=phone&account=alice", "").send(server.addr()).await;
    assert_eq!(named.json(), json!({"status": "no_changes"}));
}

#[tokio::test]
async fn each_status_of_a_ping_is_told_with_what_belongs_to_it() {
    let (_maildir, server) = open().await;
    let addr = server.addr();
    let inbox = id(addr, "INBOX").await;
    assert_eq!(Request::post("/push/mail/ping", "").send(addr).await.json()["status"], "parameters_missing");
    let missing = call(addr, "ping", &json!({"account": "alice", "device": "d", "heartbeat_s": 60})).await;
    assert_eq!(missing["status"], "parameters_missing");
    for out in [0, -100, 3541, 6_000_000] {
        let body = json!({"device": "d", "heartbeat_s": out, "folders": [{"id": inbox, "class": "Email"}]});
        let expected = json!({"status": "heartbeat_out_of_range", "min_s": 1, "max_s": 3540});
        assert_eq!(call(addr, "ping", &body).await, expected, "{out}");
    }
    let many: Vec<_> = (0..201).map(|id| id.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(call(addr, "ping", &ping_of("d", 60, &many)).await, json!({"status": "too_many_folders", "max": 200}));
    assert_eq!(call(addr, "ping", &ping_of("d", 60, &["4711"])).await, json!({"status": "folders_stale"}));
    for (wrong, why) in [
        (json!({"device": "d", "heartbeat_s": 60, "folders": []}), "no folder"),
        (ping_of("d", 60, &[&inbox, &inbox]), "one twice"),
        (json!({"device": "d", "heartbeat_s": 60, "folders": [{"id": inbox, "class": "Fax"}]}), "no class"),
        (json!({"device": "d", "heartbeat_s": "long", "folders": []}), "no number"),
        (json!([]), "no object"),
    ] {
        assert_eq!(call(addr, "ping", &wrong).await["status"], "bad_request", "{why}");
    }
    let broken = Request::post("/push/mail/ping", "{").send(addr).await;
    assert_eq!((broken.status(), &broken.json()["status"]), (200, &json!("bad_request")));
}

#[tokio::test]
async fn the_newest_ping_of_a_device_ends_the_one_before() {
    let (_maildir, server) = open().await;
    let inbox = id(server.addr(), "INBOX").await;
    let older = ping(server.addr(), ping_of("phone", 600, &[&inbox]));
    parked(server.addr(), 1).await;
    let newer = ping(server.addr(), ping_of("phone", 600, &[&inbox]));
    assert_eq!(older.await.expect("answered"), json!({"status": "no_changes"}));
    parked(server.addr(), 1).await;
    newer.abort();
    parked(server.addr(), 0).await;
    assert_eq!(metric(server.addr(), "push_mail_pings_total{outcome=\"cut\"}").await, 1.0);
    assert_eq!(metric(server.addr(), "push_mail_ping_cut_age_seconds_bucket{le=\"60.0\"}").await, 1.0);
}

#[tokio::test]
async fn wrong_methods_routes_and_bodies_are_refused_as_everywhere() {
    let (_maildir, server) = open().await;
    for (method, route, status, code) in [
        ("GET", "/push/mail/sync", 405, "method"),
        ("POST", "/push/mail/folders", 405, "method"),
        ("GET", "/push/mail/ping", 405, "method"),
        ("GET", "/push/mail/nothing", 404, "not_found"),
        ("GET", "/push/mail", 404, "not_found"),
    ] {
        let refused = Request::new(method, route).send(server.addr()).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (status, code), "{method} {route}");
        assert_eq!(refused.header("x-content-type-options"), Some("nosniff"), "{method} {route}");
    }
    for wrong in [json!({}), json!({"device": "", "folder": "1"}), json!({"device": "d", "folder": []})] {
        let refused = post(server.addr(), "sync", &wrong, None).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"), "{wrong}");
    }
    let foreign = Request::get("/push/mail/folders").header("Origin", "https://evil.example");
    assert_eq!(foreign.send(server.addr()).await.status(), 403);
    let large = Request::post("/push/mail/sync", vec![b' '; 1 << 20]).send(server.addr()).await;
    assert_eq!((large.status(), large.problem().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn content_is_sent_again_until_its_cursor_is_shown() {
    let (maildir, server) = open().await;
    let addr = server.addr();
    let ask = |ack: Option<String>| async move {
        call(addr, "content", &json!({"device": "phone", "ack": ack, "timeout_s": 0})).await
    };
    ask(None).await;
    maildir.deliver("INBOX", "One", "the first text");
    let arrived = async || {
        let answer = ask(None).await;
        answer["events"].as_array().is_some_and(|events| !events.is_empty())
    };
    testkit::api::eventually("it is published", arrived).await;
    let lost = ask(None).await;
    let again = ask(None).await;
    assert_eq!(again["events"], lost["events"], "its answer was lost");
    assert_eq!(again["events"][0]["data"]["preview"].as_str().map(str::trim), Some("the first text"));
    let cursor = again["cursor"].as_str().map(str::to_owned);
    assert_eq!(ask(cursor).await["events"], json!([]), "it has it");
}
