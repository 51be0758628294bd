//! Programs that are not ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::world::{World, curl, run, text};

#[tokio::test]
async fn curl_speaks_both_versions_and_believes_the_authority_it_was_told() {
    let world = World::new();
    let server = world.start("", "").await;
    assert!(server.stdout().starts_with("listening on https://"), "{}", server.stdout());
    let url = format!("https://{}/healthz", server.addr());
    for (version, spoken) in [(&["--tls-max", "1.2"][..], "TLSv1.2"), (&["--tlsv1.3"], "TLSv1.3")] {
        let output = curl(&world.ca(), &[version, &["--verbose"]].concat(), &url).await;
        let said = text(&output.stderr);
        assert!(output.status.success() && said.contains(&format!("SSL connection using {spoken}")), "{said}");
        // It asks for HTTP/2 first.
        assert!(said.contains("ALPN") && said.contains("http/1.1") && said.contains("HTTP/1.1 200"), "{said}");
    }
    let refused = run("curl", &["--silent", "--show-error", "--noproxy", "*", &url]).await;
    assert_eq!(refused.status.code(), Some(60), "{}", text(&refused.stderr));
    let clear = curl(&world.ca(), &["--include"], &url.replace("https", "http")).await;
    assert!(text(&clear.stdout).contains("400 Bad Request") && text(&clear.stdout).contains("https://"), "{clear:?}");
}

#[tokio::test]
async fn curl_publishes_reads_a_stream_and_waits_by_poll() {
    let world = World::new();
    let server = world.start("", "").await;
    let url = |path: &str| format!("https://{}/push/{path}", server.addr());
    let waiting = url("poll?channel=news&timeout=30");
    let ca = world.ca();
    let poll = tokio::spawn(async move { curl(&ca, &[], &waiting).await });
    loop {
        // Whoever waits is told of one of them.
        let sent = curl(&world.ca(), &["--data", "hello"], &url("publish?channel=news")).await;
        assert!(text(&sent.stdout).contains("\"offset\""), "{sent:?}");
        if poll.is_finished() {
            break;
        }
    }
    let answer = poll.await.expect("it does not panic");
    assert!(text(&answer.stdout).contains("hello"), "{answer:?}");
    // 28: it gave up after its time, as it was told to.
    let stream =
        curl(&world.ca(), &["--no-buffer", "--max-time", "2"], &url("sse?channel=news&last=1&format=raw")).await;
    assert_eq!(stream.status.code(), Some(28), "{stream:?}");
    assert!(text(&stream.stdout).contains("data: hello"), "{stream:?}");
}

/// What `openssl s_client` says when it is told to leave after an answer.
async fn s_client(args: &[&str], request: &str) -> String {
    let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let request = request.to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let mut child = Command::new("openssl")
            .arg("s_client")
            .args(args)
            .args(["-ign_eof", "-servername", "whatever.example"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it is installed");
        // One that was refused no longer reads.
        let _ = child.stdin.take().expect("piped").write_all(request.as_bytes());
        child.wait_with_output().expect("it ends")
    });
    let output = said.await.expect("it does not panic");
    text(&output.stdout) + &text(&output.stderr)
}

#[tokio::test]
async fn openssl_sees_what_is_spoken_and_that_the_end_is_one() {
    const REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    let world = World::new();
    let server = world.start("", "").await;
    let (ca, addr) = (world.ca(), server.addr().to_string());
    let common = ["-connect", &addr, "-CAfile", ca.to_str().expect("a path of ours"), "-alpn", "h2,http/1.1"];
    for (version, spoken) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(&[&common[..], &[version]].concat(), REQUEST).await;
        assert!(said.contains(&format!("New, {spoken}")) || said.contains(&format!("Protocol  : {spoken}")), "{said}");
        for line in ["ALPN protocol: http/1.1", "Verify return code: 0 (ok)", "HTTP/1.1 200 OK"] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains("unexpected eof"), "TLS is closed in order: {said}");
    }
    let old = s_client(&[&common[..], &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]].concat(), REQUEST).await;
    assert!(!old.contains("HTTP/1.1 200") && old.contains("alert"), "{old}");
}
