use std::time::Duration;

use push_mail::store::{Hint, MailStore};

use crate::script::{INBOX, ONE, Server, Step, login};
use crate::{config, folder, next, with};

const NOTIFY: Step = Step::On(
    "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))",
    "{tag} OK x\r\n",
);
const CAPABILITY: Step =
    Step::On("CAPABILITY", "* CAPABILITY IMAP4rev1 NOTIFY IDLE LIST-STATUS LIST-EXTENDED UNSELECT\r\n{tag} OK x\r\n");

fn greeted() -> Vec<Step> {
    let mut script = login("* OK [CAPABILITY IMAP4rev1] hello\r\n");
    script.extend([CAPABILITY, Step::On("LIST", INBOX)]);
    script
}

/// RFC 5465 §5: what changes is told as STATUS, what is renamed as LIST; the same again is nothing new.
#[tokio::test]
async fn told_by_notify_each_change_is_hinted_once() {
    let mut script = greeted();
    script.extend([
        NOTIFY,
        Step::On("LIST", INBOX),
        Step::Say("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7 UNSEEN 0)\r\n"),
        Step::Say(
            "* STATUS INBOX (MESSAGES 2 UIDNEXT 3)\r\n* OK Still here\r\n* STATUS INBOX (UIDNEXT 3 MESSAGES 2)\r\n",
        ),
        // What no parser knows, and what is not about a folder that is known.
        Step::Say("* LIST () \"/\" \"new\" (\"OLDNAME\" (\"old\"))\r\n* 5 PROVERBS\r\n"),
        // The tree is listed again when it has been quiet.
        Step::On("LIST", INBOX),
    ]);
    let server = Server::start(vec![script]).await;
    let store = with(config(server.addr)).await;
    let inbox = folder(&store, "INBOX").await;
    let mut hints = store.watch(&[]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    let mut both = [next(&mut hints).await, next(&mut hints).await];
    both.sort();
    assert_eq!(both, [Hint::Tree, Hint::Folder(inbox)]);
    assert_eq!(store.counters().hints, 2);
}

/// RFC 5465 §5.8.
#[tokio::test]
async fn a_server_that_gives_notify_up_is_watched_by_idle() {
    for (answer, later) in [
        ("{tag} NO [NOTIFICATIONOVERFLOW] too many\r\n", ""),
        ("{tag} OK x\r\n", "* OK [NOTIFICATIONOVERFLOW] enough\r\n"),
    ] {
        let mut script = greeted();
        script.push(Step::On("NOTIFY SET", answer));
        script.push(Step::On("LIST", INBOX));
        if !later.is_empty() {
            script.extend([Step::Say(later), Step::On("LIST", INBOX)]);
        }
        script.extend([
            Step::On("EXAMINE \"INBOX\"", ONE),
            Step::On("IDLE", "* OK not yet\r\n+ idling\r\n"),
            Step::Say("* OK Still here\r\n* 2 EXISTS\r\n"),
        ]);
        let server = Server::start(vec![script]).await;
        let store = with(config(server.addr)).await;
        let inbox = folder(&store, "INBOX").await;
        let mut hints = store.watch(&[]);
        assert_eq!(next(&mut hints).await, Hint::Ready);
        if !later.is_empty() {
            assert_eq!(next(&mut hints).await, Hint::All);
        }
        assert_eq!(next(&mut hints).await, Hint::Folder(inbox));
        assert_eq!(store.counters().fallbacks, 1);
    }
}

/// RFC 2177: a command ends it, and it is begun again.
#[tokio::test]
async fn idle_is_begun_again_before_the_server_ends_it_and_after_each_question() {
    let mut script = greeted();
    script.extend([
        Step::On("LIST", INBOX),
        Step::On("EXAMINE \"INBOX\"", ONE),
        Step::On("IDLE", "+ idling\r\n"),
        Step::Line("DONE", "{tag} OK x\r\n"),
        Step::On("IDLE", "+ idling\r\n"),
        Step::Line("DONE", "* 1 EXPUNGE\r\n{tag} OK x\r\n"),
        Step::On("IDLE", "+ idling\r\n"),
    ]);
    let server = Server::start(vec![script]).await;
    let mut config = config(server.addr);
    config.notify = false;
    config.idle = Duration::from_millis(50);
    let store = with(config).await;
    let inbox = folder(&store, "INBOX").await;
    let mut hints = store.watch(&[inbox]);
    assert_eq!(next(&mut hints).await, Hint::Ready);
    // What is told at the very end of it counts too.
    assert_eq!(next(&mut hints).await, Hint::Folder(inbox));
}
