//! What the file says of mail, on a server that starts or does not.

use serde_json::json;
use testkit::Request;

use crate::world::{Maildir, account, call, folders, id, launch};

#[tokio::test]
async fn a_wrong_value_ends_with_exit_code_2_and_its_place() {
    for (config, told) in [
        ("[[mail.account]]\nname = \"alice\"\n", "line 1, 'mail.account.kind': it is missing"),
        ("[[mail.account]]\nname = \"alice\"\nkind = \"mbox\"\n", "line 3, 'mail.account.kind': \"mbox\" is none of"),
        ("[[mail.account]]\nname = \"alice\"\nkind = \"maildir\"\n", "'mail.account.path': it is missing"),
        ("[mail]\nheartbeat_max_s = 7200\n", "line 2, 'mail.heartbeat_max_s': 7200 is not within 1..=3540"),
        ("[mail]\nheartbeat_min = 60\n", "did you mean 'heartbeat_min_s'?"),
        (
            "[[mail.account]]\nname = \"a\"\nkind = \"memory\"\n[[mail.account]]\nname = \"a\"\nkind = \"memory\"\n",
            "line 5, 'mail.account.name': an earlier [[mail.account]] is called \"a\"",
        ),
    ] {
        let ended = launch().config(config).run().await;
        assert_eq!(ended.status.code(), Some(2), "{config}: {ended:?}");
        assert_eq!(ended.stdout, "", "{config}");
        assert!(ended.stderr.contains("push.toml, ") && ended.stderr.contains(told), "{config}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_maildir_that_cannot_be_had_ends_the_start_and_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(dir.path().join("home/documents")).expect("made");
    let never = format!("{}create = false\n", account("alice", &dir.path().join("never"), &[]));
    for (config, why) in [
        (account("alice", &dir.path().join("not/there"), &[]), "the directory above is not there"),
        (account("alice", &dir.path().join("home"), &[]), "a directory that is no Maildir"),
        (never, "it is not to be made"),
    ] {
        let ended = launch().config(&config).run().await;
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{why}: {ended:?}");
        let names = ended.stderr.contains("\"alice\"") && ended.stderr.contains(dir.path().to_str().expect("UTF-8"));
        assert!(names, "{why}: {}", ended.stderr);
    }
    assert!(
        !dir.path().join("home/new").exists() && !dir.path().join("not").exists() && !dir.path().join("never").exists()
    );
    let made = format!("{}create = true\n", account("alice", &dir.path().join("deep/down"), &[]));
    let server = launch().config(&made).start().await;
    assert_eq!(id(server.addr(), "INBOX").await, "1");
    assert!(dir.path().join("deep/down/new").is_dir());
}

#[tokio::test]
async fn limits_of_the_file_are_the_servers() {
    let maildir = Maildir::new();
    let limits = "[mail]\nheartbeat_min_s = 5\nheartbeat_max_s = 10\nmax_folders = 1\nwindow = 1\n";
    let server = launch().config(&format!("{limits}{}", account("alice", &maildir.path(), &[]))).start().await;
    let addr = server.addr();
    let ping = |heartbeat_s: u64, ids: &[&str]| {
        let folders: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        json!({"device": "d", "heartbeat_s": heartbeat_s, "folders": folders})
    };
    let out = json!({"status": "heartbeat_out_of_range", "min_s": 5, "max_s": 10});
    assert_eq!(call(addr, "ping", &ping(4, &["1"])).await, out);
    assert_eq!(call(addr, "ping", &ping(11, &["1"])).await, out);
    assert_eq!(call(addr, "ping", &ping(5, &["1", "2"])).await, json!({"status": "too_many_folders", "max": 1}));
    for subject in ["one", "two"] {
        maildir.deliver("INBOX", subject, "text");
    }
    let answer = call(addr, "sync", &json!({"device": "d", "folder": "1", "sync_key": "0"})).await;
    assert_eq!((answer["changes"].as_array().map(Vec::len), &answer["more"]), (Some(1), &json!(true)));
}

#[tokio::test]
async fn an_account_in_memory_is_an_empty_inbox_and_without_accounts_there_are_no_calls() {
    let server = launch().config("[[mail.account]]\nname = \"a b\"\nkind = \"memory\"\n").start().await;
    let told = folders(server.addr()).await;
    assert_eq!((told.len(), &told[0]["channel"]), (1, &json!("mail/a%20b/INBOX")));
    let server = launch().start().await;
    let none = Request::get("/push/mail/folders").send(server.addr()).await;
    assert_eq!((none.status(), none.problem().as_str()), (404, "not_found"));
    assert!(!Request::get("/metrics").send(server.addr()).await.text().contains("push_mail_"));
}
