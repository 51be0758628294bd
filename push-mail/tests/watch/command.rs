//! The binary.

use std::{process::Stdio, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{
    GUARD, changes, folders, page,
    server::{Reply, Server},
};

fn push_mail() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_push-mail"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env_remove("PUSH_MAIL_PASSWORD").env_remove("PUSH_MAIL_TOKEN");
    command
}

async fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let output = tokio::time::timeout(GUARD, command.output()).await.expect("it ends").expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn without_a_network_it_explains_itself() {
    let (code, _, stderr) = output(&mut push_mail()).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("watch") && stderr.contains("simulate") && stderr.contains("one long request"), "{stderr}");
    let (code, _, stderr) = output(push_mail().args(["watch", "http://127.0.0.1:1", "--preset", "seed"])).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("windows-mobile"), "{stderr}");
    let (code, _, stderr) = output(push_mail().args(["watch", "mail.example"])).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("URL"), "{stderr}");
}

#[tokio::test]
async fn it_simulates() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let svg = dir.path().join("chart.svg");
    let (code, stdout, _) =
        output(push_mail().args(["simulate", "--days", "1", "--seed", "3", "--out"]).arg(&svg)).await;
    assert_eq!(code, Some(0));
    assert!(stdout.contains("| ours |") && stdout.contains("Seed 3"), "{stdout}");
    assert!(std::fs::read_to_string(svg).expect("the chart").starts_with("<svg"));
}

#[tokio::test]
async fn it_prints_pings_and_mail_and_goes_on_from_its_state() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let state = dir.path().join("state");
    let server = Server::start(&[
        ("folders", folders()),
        ("sync", page("1a", false, &["lunch?\u{1b}[2J"])),
        ("sync", page("2a", false, &[])),
        ("ping", changes(&["1"])),
        ("sync", page("1b", false, &["dinner"])),
        ("ping", Reply::Json(json!({"status": "heartbeat_out_of_range", "min_s": 600, "max_s": 3540}))),
    ])
    .await;
    let watch = ["watch", &server.url(), "--token", "t0ken", "--device", "tty", "--network", "home", "--state"];
    let mut child = push_mail().args(watch).arg(&state).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut printed = Vec::new();
    while printed.len() < 4 {
        let line = tokio::time::timeout(GUARD, lines.next_line()).await.expect("a line in time");
        printed.push(line.expect("text").expect("it goes on"));
    }
    assert_eq!(printed[0], "mail in INBOX: bob | lunch?\u{fffd}[2J");
    assert!(printed[1].contains("[home] asked 8 min: changes after") && printed[1].contains("in INBOX; next 8 min"));
    assert_eq!(printed[2], "mail in INBOX: bob | dinner");
    assert!(printed[3].ends_with("refused, the bound is 10 min; next 10 min, the server's bound"), "{}", printed[3]);
    let asked = server.until_asked("ping", 3).await;
    assert!(asked[0].head.contains("authorization: Bearer t0ken"));
    child.kill().await.expect("it can be ended");

    let again = Server::start(&[("folders", folders()), ("sync", Reply::Status(401, ""))]).await;
    let watch = ["watch", &again.url(), "--device", "tty", "--network", "home", "--state"];
    let (code, _, stderr) = output(push_mail().args(watch).arg(&state)).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("credentials"), "{stderr}");
    assert_eq!(again.asked("sync")[0].body["sync_key"], "1b");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_and_tried_again() {
    let mut child = push_mail().args(["watch", "http://127.0.0.1:9/push"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    for _ in 0..2 {
        let line = tokio::time::timeout(GUARD, lines.next_line()).await.expect("a line in time");
        let line = line.expect("text").expect("it goes on");
        assert!(line.contains("goes on in"), "{line}");
    }
    tokio::time::timeout(Duration::from_secs(10), child.kill()).await.expect("it ends").expect("it can be ended");
}
