use std::time::Duration;

use push_mail::store::{Hint, MailStore, StoreErrorKind, Token};

use crate::script::{INBOX, ONE, Server, Step, login};
use crate::{config, folder, next, with};

fn greeted() -> Vec<Step> {
    let mut script = login("* OK [CAPABILITY IMAP4rev1] hello\r\n");
    script.push(Step::On(
        "CAPABILITY",
        "* CAPABILITY IMAP4rev1 IDLE LIST-STATUS LIST-EXTENDED UNSELECT\r\n{tag} OK x\r\n",
    ));
    script
}

#[tokio::test]
async fn a_server_that_is_none_is_let_go() {
    let then = |step: Step| greeted().into_iter().chain([step]).collect::<Vec<_>>();
    for script in [
        vec![Step::Say("220 smtp.example.org ESMTP\r\n")],
        vec![Step::Say("* BYE too busy\r\n")],
        vec![Step::Say("\r\n\r\n\r\n")],
        vec![Step::HalfClose],
        vec![Step::Flood(b'x', 3 << 20)],
        vec![Step::Flood(0, 100), Step::Say("\r\n")],
        vec![Step::Say("* OK [CAPABILITY IMAP4rev1] hello\r\n"), Step::On("LOGIN", "Z9 OK in\r\n")],
        vec![Step::Say("* OK {99999999}\r\n"), Step::Flood(b'x', 3 << 20)],
        then(Step::On("LIST", "* BYE shutting down\r\n")),
        then(Step::On("LIST", "* LIST () \"/\" {9999999999}\r\n")),
        then(Step::On("LIST", "* LIST (((((\r\n{tag} OK listed\r\n")),
        then(Step::On("LIST", "+ go on\r\n+ go on\r\n")).into_iter().chain([Step::HalfClose]).collect(),
        greeted().into_iter().chain([Step::On("LIST", ""), Step::Flood(b'\n', 3 << 20)]).collect(),
        greeted().into_iter().chain([Step::On("LIST", ""), Step::Flood(b'x', 3 << 20)]).collect(),
    ] {
        let shown = format!("{:?}", &script[script.len() - 1]);
        // What broke once is tried once more.
        let server = Server::start(vec![script.clone(), script]).await;
        let mut config = config(server.addr);
        (config.max_message, config.timeout) = (1 << 20, Duration::from_secs(2));
        let store = with(config).await;
        let error = tokio::time::timeout(testkit::GUARD, store.hierarchy()).await.expect("an answer");
        let error = error.expect_err("this is no IMAP");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{shown}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_more_is_let_go() {
    // A question over which a connection broke is asked once more, a login is not.
    for (silent, connections) in [
        (vec![], 1),
        (login("* OK [CAPABILITY IMAP4rev1] hello\r\n"), 1),
        (greeted().into_iter().chain([Step::On("LIST", "* LIST () \"/\" INBOX\r\n* LI")]).collect(), 2),
    ] {
        let server = Server::start(vec![silent; connections]).await;
        let mut config = config(server.addr);
        config.timeout = Duration::from_millis(200);
        let store = with(config).await;
        let answer = tokio::time::timeout(testkit::GUARD, store.hierarchy()).await.expect("an answer");
        assert_eq!(answer.expect_err("it is silent").kind(), StoreErrorKind::Unavailable);
        drop(store);
        server.end().await;
    }
}

#[tokio::test]
async fn a_question_over_which_an_old_connection_breaks_is_asked_again_on_a_new_one() {
    let first = greeted().into_iter().chain([Step::On("LIST", INBOX), Step::HalfClose]).collect();
    let mut second = greeted();
    second.extend([
        Step::On("EXAMINE \"INBOX\"", ONE),
        Step::On("UID FETCH 1:* (UID FLAGS INTERNALDATE)", "* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK x\r\n"),
    ]);
    let server = Server::start(vec![first, second]).await;
    let store = with(config(server.addr)).await;
    let inbox = folder(&store, "INBOX").await;
    let page = store.changes(inbox, Token::START, 10).await;
    // It may be found broken before it is asked; then who asks hears of it at once or is answered by the new one.
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            loop {
                match store.changes(inbox, Token::START, 10).await {
                    Ok(page) => break page,
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        }
    };
    assert_eq!(page.changes.len(), 1);
}

#[tokio::test]
async fn who_watches_is_told_to_look_everywhere_after_a_connection_was_lost() {
    let watched = |last: Step| {
        let mut script = greeted();
        script.extend([
            Step::On("LIST", INBOX),
            Step::On("EXAMINE \"INBOX\"", ONE),
            Step::On("IDLE", "+ idling\r\n"),
            last,
        ]);
        script
    };
    let scripts = vec![
        watched(Step::Say("* BYE shutting down\r\n")),
        vec![Step::Say("* BYE still down\r\n")],
        vec![Step::Say("garbage\r\n")],
        watched(Step::HalfClose),
        watched(Step::Say("* 2 EXISTS\r\n")),
    ];
    let server = Server::start(scripts).await;
    let store = with(config(server.addr)).await;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    assert_eq!(next(&mut hints).await, Hint::All);
    assert_eq!(next(&mut hints).await, Hint::All);
    assert!(matches!(next(&mut hints).await, Hint::Folder(_)));
    assert_eq!(store.counters().connections, 5);
}

#[tokio::test]
async fn a_server_that_breaks_whenever_it_is_used_is_left_alone_ever_longer() {
    let breaks = || greeted().into_iter().chain([Step::On("LIST", "* BYE I cannot\r\n")]).collect::<Vec<_>>();
    let server = Server::start((0..20).map(|_| breaks()).collect()).await;
    let mut config = config(server.addr);
    config.retry = (Duration::from_millis(20), Duration::from_secs(3600));
    let store = with(config).await;
    let mut hints = store.watch(&[]);
    let began = tokio::time::Instant::now();
    while store.counters().connections < 6 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Between them are 20, 40, 80, 160 and 320 ms, a quarter less at the least.
    assert!(began.elapsed() >= Duration::from_millis(620) * 3 / 4, "{:?}", began.elapsed());
    // Nor do questions make it come oftener than the shortest pause, and each is answered.
    let before = store.counters().connections;
    let began = tokio::time::Instant::now();
    for _ in 0..200 {
        assert_eq!(store.hierarchy().await.expect_err("broken").kind(), StoreErrorKind::Unavailable);
    }
    let pauses = began.elapsed().as_millis() as u64 / 20;
    assert!(store.counters().connections - before <= 2 * pauses + 3, "{:?} in {pauses} pauses", store.counters());
    assert_eq!(hints.try_next(), None);
}
