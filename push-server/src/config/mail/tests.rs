//! Accounts, and each refusal with its place.

use std::path::Path;
use std::time::Duration;

use super::super::Settings;
use super::super::file::File;
use super::{MailSettings, Mailbox};

fn read(text: &str) -> Result<MailSettings, String> {
    let mut settings = Settings::default();
    let read = File { path: Path::new("push.toml"), text }.apply(&mut settings);
    read.map(|()| settings.mail).map_err(|error| error.to_string())
}

#[test]
fn without_accounts_the_table_is_limits_alone() {
    let mail = read("[mail]\nheartbeat_min_s = 1\nlinger_ms = 250\nmax_folders = 3\n").expect("valid");
    assert_eq!(mail.limits.heartbeat_min, Duration::from_secs(1));
    assert_eq!(mail.limits.heartbeat_max, Duration::from_secs(3540));
    assert_eq!((mail.limits.linger, mail.limits.max_folders), (Duration::from_millis(250), 3));
    assert!(mail.accounts.is_empty());
}

#[test]
fn an_account_of_each_kind_is_read() {
    let text = r#"
        [[mail.account]]
        name = "alice"
        kind = "maildir"
        path = "/var/mail/alice"
        readers = ["alice", "boss"]
        [[mail.account]]
        name = "bob"
        kind = "imap"
        url = "imaps://mail.example"
        user = "bob@mail.example"
        password = "hunter2"
        poll_min_s = 5
        [[mail.account]]
        name = "carol"
        kind = "pop3"
        url = "pop3s://mail.example:1995"
        user = "carol"
        password = "p"
        max_messages = 5
        [[mail.account]]
        name = "dave"
        kind = "memory"
        vdir = "/var/dav/dave"
    "#;
    let mail = read(text).expect("valid");
    let [alice, bob, carol, dave] = mail.accounts.as_slice() else { panic!("four accounts") };
    assert_eq!((alice.name.as_str(), alice.readers.as_slice()), ("alice", &["alice".into(), "boss".into()][..]));
    let Mailbox::Maildir(maildir) = &alice.mailbox else { panic!("{alice:?}") };
    assert_eq!(maildir.path.as_deref(), Some(Path::new("/var/mail/alice")));
    let Mailbox::Imap(remote, _) = &bob.mailbox else { panic!("{bob:?}") };
    assert_eq!(remote.password.as_ref().map(|secret| secret.reveal()), Some("hunter2"));
    assert_eq!(remote.poll.0, Duration::from_secs(5));
    assert!(matches!(&carol.mailbox, Mailbox::Pop3(remote) if remote.max_messages == Some(5)), "{carol:?}");
    assert_eq!((&dave.mailbox, dave.readers.len()), (&Mailbox::Memory, 0));
    assert_eq!((dave.vdir.as_deref(), &alice.vdir), (Some(Path::new("/var/dav/dave")), &None));
    assert!(!format!("{mail:?}").contains("hunter2"));
}

#[test]
fn a_password_may_stand_in_the_first_line_of_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("password");
    let account = |path: &Path| {
        format!(
            "[[mail.account]]\nname = \"a\"\nkind = \"imap\"\nurl = \"imap://h\"\nuser = \"u\"\npassword_file = {path:?}\n"
        )
    };
    std::fs::write(&path, "hunter2\nsecond line\n").expect("written");
    let mail = read(&account(&path)).expect("valid");
    let Mailbox::Imap(remote, _) = &mail.accounts[0].mailbox else { panic!("imap") };
    assert_eq!(remote.password.as_ref().map(|secret| secret.reveal()), Some("hunter2"));
    std::fs::write(&path, "\n").expect("written");
    assert!(read(&account(&path)).expect_err("empty").contains("'mail.account.password_file': the first line of"));
    let missing = read(&account(&dir.path().join("gone"))).expect_err("not there");
    assert!(
        missing.contains("line 6, 'mail.account.password_file'") && missing.contains("cannot be read"),
        "{missing}"
    );
}

#[test]
fn each_mistake_is_refused_with_line_and_key() {
    let account = |rest: &str| format!("[[mail.account]]\nname = \"a\"\n{rest}");
    let imap = |rest: &str| account(&format!("kind = \"imap\"\nuser = \"u\"\n{rest}"));
    for (text, expected) in [
        ("[mail]\nheartbeat_min_s = 0\n".to_owned(), "line 2, 'mail.heartbeat_min_s': 0 is not within 1..=3540"),
        ("[mail]\nheartbeat_min_s = 1.5\n".to_owned(), "line 2, 'mail.heartbeat_min_s': it takes a whole number"),
        ("[mail]\nheartbeat_min_s = 90\nheartbeat_max_s = 80\n".to_owned(), "'mail.heartbeat_min_s': 90 s is more"),
        ("[mail]\nwindow = 600\n".to_owned(), "'mail.window': 600 is more than max_window, 512"),
        (
            "[mail]\nlmtp_listen = \"127.0.0.1:24\"\n[[mail.account]]\nname = \"a\"\nkind = \"memory\"\n".to_owned(),
            "line 2, 'mail.lmtp_listen': no [[mail.account]] is a Maildir",
        ),
        (
            format!(
                "[mail]\nlmtp_listen = \"127.0.0.1:24\"\n{0}name = \"a\"\n{0}name = \"A\"\n",
                "[[mail.account]]\nkind = \"maildir\"\npath = \"x\"\n"
            ),
            "line 2, 'mail.lmtp_listen': mail to \"a\" may be for two accounts",
        ),
        ("[mail]\nhartbeat_max_s = 80\n".to_owned(), "there is no such key; did you mean 'heartbeat_max_s'?"),
        ("[mail.account]\nname = \"a\"\n".to_owned(), "'mail.account': it is a list of tables: [[mail.account]]"),
        ("[[mail.account]]\nkind = \"memory\"\n".to_owned(), "line 1, 'mail.account.name': it is missing"),
        (
            "[[mail.account]]\nname = \"\"\nkind = \"memory\"\n".to_owned(),
            "line 2, 'mail.account.name': \"\" is not a text",
        ),
        (account(""), "line 1, 'mail.account.kind': it is missing"),
        (account("kind = \"mbox\"\n"), "line 3, 'mail.account.kind': \"mbox\" is none of"),
        (account("kind = \"memory\"\nreaders = [\"a:b\"]\n"), "line 4, 'mail.account.readers': \"a:b\" is not"),
        (account("kind = \"maildir\"\n"), "line 1, 'mail.account.path': it is missing"),
        (account("kind = \"maildir\"\npath = \"\"\n"), "line 4, 'mail.account.path': the path is empty"),
        (account("kind = \"maildir\"\nraeders = []\n"), "there is no such key; did you mean 'readers'?"),
        (
            account("kind = \"memory\"\npath = \"x\"\n"),
            "line 4, 'mail.account.path': an account of kind \"memory\" has no",
        ),
        (account("kind = \"maildir\"\npath = \"x\"\nurl = \"y\"\n"), "line 5, 'mail.account.url': an account of kind"),
        (
            account("kind = \"pop3\"\nnotify = false\n"),
            "line 4, 'mail.account.notify': an account of kind \"pop3\" has",
        ),
        (imap(""), "line 1, 'mail.account.url': it is missing"),
        (imap("url = \"pop3://h\"\n"), "line 5, 'mail.account.url': \"pop3://h\" begins neither with imap:// nor"),
        (imap("url = \"imap://h\"\n"), "'mail.account.password': one of 'password', 'password_file' and 'token_file'"),
        (imap("url = \"imap://h\"\npassword = \"p\"\ntoken_file = \"t\"\n"), "line 6, 'mail.account.password': one of"),
        (
            imap("url = \"imap://h\"\npassword = \"p\"\npoll_min_s = 700\n"),
            "line 7, 'mail.account.poll_min_s': 700 s is",
        ),
        (
            format!("{0}kind = \"memory\"\n{0}kind = \"memory\"\n", account("")),
            "line 5, 'mail.account.name': an earlier",
        ),
    ] {
        let error = read(&text).expect_err(&text);
        assert!(
            error.starts_with("push.toml, ") && error.contains(expected),
            "{text}\n  said: {error}\n  not:  {expected}"
        );
    }
}

#[test]
fn a_refusal_never_shows_a_password() {
    for wrong in ["password = \"hunter2\\n\"\n", "password = \"hunter2\"\nurl = \"x\"\n"] {
        let text = format!("[[mail.account]]\nname = \"a\"\nkind = \"imap\"\nuser = \"u\"\n{wrong}");
        assert!(!read(&text).expect_err(wrong).contains("hunter2"), "{wrong}");
    }
}

#[test]
fn an_account_of_any_kind_may_send() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("password");
    std::fs::write(&file, "hunter2\n").expect("written");
    let text = format!(
        r#"
        [[mail.account]]
        name = "alice"
        kind = "memory"
        addresses = ["alice@example.org", "a@example.net"]
        smtp_url = "smtps://mail.example"
        smtp_user = "alice"
        smtp_password_file = {file:?}
        smtp_timeout_s = 5
        [[mail.account]]
        name = "bob@example.org"
        kind = "memory"
        smtp_url = "smtp://localhost:25"
        [[mail.account]]
        name = "carol"
        kind = "memory"
        smtp_url = "smtp://mail.example"
        smtp_user = "carol@example.org"
        smtp_token_file = "token"
        [[mail.account]]
        name = "dave"
        kind = "memory"
        addresses = ["dave@example.org"]
    "#
    );
    let mail = read(&text).expect("valid");
    let [alice, bob, carol, dave] = mail.accounts.as_slice() else { panic!("four accounts") };
    assert_eq!(alice.sending.addresses, ["alice@example.org", "a@example.net"]);
    assert_eq!(alice.sending.password.as_ref().map(|secret| secret.reveal()), Some("hunter2"));
    assert_eq!(alice.sending.timeout, Duration::from_secs(5));
    assert_eq!((bob.sending.addresses.as_slice(), &bob.sending.user), (&["bob@example.org".to_owned()][..], &None));
    assert_eq!(carol.sending.addresses, ["carol@example.org"]);
    assert_eq!((dave.sending.addresses.len(), &dave.sending.url), (1, &None));
}

#[test]
fn sending_that_cannot_be_is_refused_with_its_place() {
    for (lines, expected) in [
        ("smtp_user = \"u\"\n", "line 4, 'mail.account.smtp_user': nothing is sent without 'smtp_url'"),
        ("smtp_timeout_s = 3\n", "line 4, 'mail.account.smtp_timeout_s': nothing is sent"),
        ("smtp_url = \"mail.example\"\n", "line 4, 'mail.account.smtp_url': \"mail.example\" begins neither with"),
        ("smtp_url = \"smtp://h\"\n", "line 1, 'mail.account.addresses': neither 'name' nor 'smtp_user' is"),
        ("smtp_url = \"smtp://h\"\nsmtp_user = \"a@b\"\n", "line 5, 'mail.account.smtp_user': with 'smtp_user' one of"),
        (
            "smtp_url = \"smtp://h\"\nsmtp_user = \"a@b\"\nsmtp_password = \"hunter2\"\nsmtp_token_file = \"t\"\n",
            "line 5, 'mail.account.smtp_user': with 'smtp_user' one of",
        ),
        ("smtp_url = \"smtp://h\"\nsmtp_password = \"hunter2\"\n", "'mail.account.smtp_user': with 'smtp_user' one"),
        ("addresses = [\"a@b\", \"c\"]\n", "line 4, 'mail.account.addresses': \"c\" is no address"),
        (
            "addresses = [\"a@b\"]\nsmtp_url = \"smtp://h\"\nsmtp_user = \"u\"\nsmtp_password_file = \"/nowhere/x\"\n",
            "line 7, 'mail.account.smtp_password_file': /nowhere/x cannot be read",
        ),
    ] {
        let text = format!("[[mail.account]]\nname = \"a\"\nkind = \"memory\"\n{lines}");
        let error = read(&text).expect_err(&text);
        assert!(error.contains(expected) && !error.contains("hunter2"), "{text}\n  said: {error}\n  not:  {expected}");
    }
}

#[test]
fn phones_and_their_users_are_read() {
    let hash = "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$rAjuexKlLdAHLvqk7TeeiWZjW4OPoRGwldJXdHbTuKI";
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "from a file\nand not this\n").expect("written");
    let text = format!(
        "[mail.eas]\nserve = false\nprovision = false\nblocked = [\"iPhone\"]\nlogin_failures = 0\n\
         external_url = \"https://mail.example.org/Microsoft-Server-ActiveSync\"\n\
         [[mail.user]]\nname = \"alice\"\npassword = \"short\"\n\
         [[mail.user]]\nname = \"bob\"\npassword_hash = \"{hash}\"\n\
         [[mail.user]]\nname = \"carol\"\npassword_file = {:?}\n",
        file.path()
    );
    let mail = read(&text).expect("valid");
    assert!(!mail.serves_eas && !mail.limits.eas.provision);
    assert_eq!((mail.limits.eas.blocked.as_slice(), mail.limits.eas.login_failures), (&["iPhone".to_owned()][..], 0));
    let users: Vec<_> = mail.users.iter().map(|user| (user.name.as_str(), user.is_short)).collect();
    assert_eq!(users, [("alice", true), ("bob", false), ("carol", false)]);
    assert!(!format!("{mail:?}").contains("short\""), "passwords are not shown");
}

#[test]
fn where_anybodys_login_is_decided_here_nobody_gets_in_without() {
    let imap =
        "[[mail.account]]\nname = \"a\"\nkind = \"imap\"\nurl = \"imap://localhost\"\nuser = \"u\"\npassword = \"p\"\n";
    let user = "[[mail.user]]\nname = \"alice\"\npassword = \"a-password\"\n";
    for (text, is_open) in [(imap.to_owned(), true), (format!("{imap}login = true\n"), false), (user.to_owned(), false)]
    {
        let mut settings = Settings::default();
        let read = File { path: Path::new("push.toml"), text: &text }.apply(&mut settings);
        assert_eq!((read, settings.is_open()), (Ok(()), is_open), "{text}");
        settings.mail.accounts.iter().for_each(|account| assert_ne!(account.has_login(), is_open));
    }
}

#[test]
fn users_and_phones_that_cannot_be_are_refused_with_their_place() {
    for (text, refusal) in [
        ("[[mail.user]]\npassword = \"p\"\n", "'mail.user.name': it is missing"),
        ("[[mail.user]]\nname = \"a:b\"\npassword = \"p\"\n", "line 2, 'mail.user.name'"),
        ("[[mail.user]]\nname = \"a\"\n", "one of 'password', 'password_file' and 'password_hash' is needed"),
        ("[[mail.user]]\nname = \"a\"\npassword = \"p\"\npassword_hash = \"q\"\n", "and one alone"),
        ("[[mail.user]]\nname = \"a\"\npassword_hash = \"$2y$05$abc\"\n", "line 3, 'mail.user.password_hash'"),
        ("[[mail.user]]\nname = \"a\"\npassword_file = \"/not/there\"\n", "'mail.user.password_file'"),
        (
            "[[mail.user]]\nname = \"a\"\npassword = \"p\"\n[[mail.user]]\nname = \"a\"\npassword = \"q\"\n",
            "an earlier [[mail.user]] is called",
        ),
        ("[mail.eas]\nexternal_url = \"mail.example.org\"\n", "line 2, 'mail.eas.external_url'"),
        ("[mail.eas]\nblocked = [\"\"]\n", "line 2, 'mail.eas.blocked'"),
        ("[mail.eas]\nprovisions = true\n", "did you mean 'provision'?"),
        ("[mail]\neas = true\n", "'mail.eas': it is a table"),
    ] {
        let refused = read(text).expect_err(text);
        assert!(refused.contains(refusal), "{text}: {refused}");
        assert!(!refused.contains("$2y$"), "{refused}");
    }
}
