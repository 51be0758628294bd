//! Precedence, and each refusal with its place.

use std::path::Path;

use push_core::{ChannelName, Overflow};

use super::file::File;
use super::*;

fn read(text: &str) -> Result<Settings, ConfigError> {
    let mut settings = Settings::default();
    File { path: Path::new("push.toml"), text }.apply(&mut settings)?;
    settings.check()?;
    settings.authorize();
    Ok(settings)
}

fn load_with(file: &str, environment: &[(&str, &str)], flags: Flags) -> Result<Loaded, ConfigError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("push.toml");
    std::fs::write(&path, file).expect("it is writable");
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load(&Flags { config: Some(path), ..flags }, environment)
}

#[test]
fn a_flag_goes_over_the_environment_the_environment_over_the_file_and_the_file_over_defaults() {
    let file = "listen = \"127.0.0.1:1\"\nlog = \"warn\"\necho = true\n";
    let environment = [("PUSH_LISTEN", "127.0.0.1:2"), ("PUSH_LOG", "error")];
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    let loaded = load_with(file, &environment, flags).expect("valid").settings;
    assert_eq!((loaded.listen.port(), loaded.log.as_str(), loaded.transports.echo), (3, "error", true));
    let loaded = load_with(file, &environment, Flags::default()).expect("valid").settings;
    assert_eq!(loaded.listen.port(), 2);
    let loaded = load_with(file, &[], Flags::default()).expect("valid").settings;
    assert_eq!((loaded.listen.port(), loaded.log.as_str()), (1, "warn"));
    let loaded = load_with("", &[("PUSH_ECHO", "true")], Flags::default()).expect("valid").settings;
    assert_eq!((loaded.listen.port(), loaded.log.as_str(), loaded.transports.echo), (8080, "info", true));
}

#[test]
fn a_list_of_the_environment_takes_the_place_of_the_files() {
    let file = "hosts = [\"a.example\", \"b.example\"]\n";
    let loaded = load_with(file, &[("PUSH_HOSTS", "c.example")], Flags::default()).expect("valid");
    assert_eq!(loaded.settings.transports.hosts, ["c.example"]);
}

#[test]
fn a_wrong_value_is_refused_even_where_another_goes_over_it() {
    let flags = Flags { listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
    assert!(load_with("listen = \"nowhere\"\n", &[], flags).is_err());
}

#[test]
fn the_file_of_the_environment_is_read_where_no_flag_names_one() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("push.toml");
    std::fs::write(&path, "listen = \"127.0.0.1:7\"\n").expect("it is writable");
    let environment = [(OsString::from("PUSH_CONFIG"), path.into_os_string())];
    let loaded = load(&Flags::default(), environment.into_iter()).expect("valid");
    assert_eq!(loaded.settings.listen.port(), 7);
    let missing = [(OsString::from("PUSH_CONFIG"), OsString::from("is-not-there.toml"))];
    let error = load(&Flags::default(), missing.into_iter()).expect_err("refused").to_string();
    assert!(error.starts_with("is-not-there.toml: "), "{error}");
}

#[test]
fn each_mistake_is_refused_with_file_line_and_key() {
    for (text, expected) in [
        ("\nlistne = 1\n", "push.toml, line 2, 'listne': there is no such key; did you mean 'listen'?"),
        ("colour = 1\n", "push.toml, line 1, 'colour': there is no such key"),
        ("listen = 8080\n", "push.toml, line 1, 'listen': it takes a string, not a value of type integer"),
        ("max_channels = 0\n", "push.toml, line 1, 'max_channels': 0 is not within 1..=1000000000"),
        ("stall_s = -1\n", "push.toml, line 1, 'stall_s': -1 is not within 1..=31536000"),
        ("log = \"a=b=c\"\n", "push.toml, line 1, 'log': \"a=b=c\" is no filter"),
        ("data = \"\"\n", "push.toml, line 1, 'data': the path is empty"),
        ("origins = [\"x\"]\n", "push.toml, line 1, 'origins': 'origins': \"x\" is not an origin"),
        ("[namespace]\npattern = \"a\"\n", "'namespace': it is a list of tables: [[namespace]]"),
        ("namespace = [1]\n", "push.toml, line 1, 'namespace': it is a table"),
        ("[[namespace]]\npresence = true\n", "push.toml, line 1, 'namespace.pattern': it is missing"),
        ("[[namespace]]\npattern = \"a//b\"\n", "push.toml, line 2, 'namespace.pattern': \"a//b\" is no pattern: "),
        ("[[namespace]]\npattern = \"a\"\nretain = 5\n", "push.toml, line 3, 'namespace.retain': it is a table"),
        (
            "[[namespace]]\npattern = \"a\"\nretain = { cuont = 1 }\n",
            "push.toml, line 3, 'namespace.retain.cuont': there is no such key; did you mean 'count'?",
        ),
        (
            "[[namespace]]\npattern = \"a\"\n[namespace.retain]\nage_s = \"1h\"\n",
            "push.toml, line 4, 'namespace.retain.age_s': it takes a number of seconds, not a value of type string",
        ),
        ("[[namespace]]\npattern = \"a\"\noverflow = \"drop\"\n", "line 3, 'namespace.overflow': \"drop\" is none of"),
        ("[[token]]\nuser = \"a\"\n", "push.toml, line 1, 'token.secret': it is missing"),
        ("[[token]]\nsecret = \"\"\n", "push.toml, line 2, 'token.secret': it is 1..=4096 printable"),
        ("[[token]]\nsecret = \"s\"\nuser = \"a:b\"\n", "push.toml, line 3, 'token.user': \"a:b\" is not"),
        ("[[token]]\nsecret = \"s\"\nsubscribe = [\"**/a\"]\n", "push.toml, line 3, 'token.subscribe': \"**/a\" is no"),
        ("[[token]]\nsecret = \"s\"\n[[token]]\nsecret = \"s\"\n", "'token.secret': an earlier [[token]] has the same"),
        ("[mail]\nheartbeat_min_s = 0\n", "push.toml, line 2, 'mail.heartbeat_min_s': 0 is not within 1..=3540"),
        ("[mail]\nheartbeat_min_s = 90\nheartbeat_max_s = 80\n", "'mail.heartbeat_min_s': 90 s is more than"),
        ("[tls]\n", "push.toml, line 1, 'tls.cert': it is missing"),
        ("[tls]\ncert = \"c\"\n", "push.toml, line 1, 'tls.key': it is missing"),
        ("[tls]\nkey = \"k\"\n", "push.toml, line 1, 'tls.cert': it is missing"),
        ("[tls]\ncert = \"c\"\nkey = \"k\"\nself_signed = [\"a\"]\n", "push.toml, line 4, 'tls.self_signed': 'cert'"),
        ("[tls]\nself_signed = [\"a b\"]\n", "push.toml, line 2, 'tls.self_signed': \"a b\" is neither"),
        ("[tls]\nself_signed = [\"*.example\", \"::1\", \"a.-b\"]\n", "\"a.-b\" is neither"),
        ("[tls]\ncertt = \"c\"\n", "'tls.certt': there is no such key; did you mean 'cert'?"),
        ("listen = \n", "push.toml, line 1: "),
        ("echo = true\necho = true\n", "push.toml, line 2: "),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}\n  said: {error}\n  not:  {expected}");
    }
}

#[test]
fn a_refusal_never_shows_a_secret() {
    for text in [
        "[[token]]\nsecret = \"hunter2 hunter2\"\n",
        "[[token]]\nsecret = \"hunter2\nuser = \"a\"\n",
        "[[token]]\nsecret = \"hunter2\"\n[[token]]\nsecret = \"hunter2\"\n",
    ] {
        let error = read(text).expect_err(text);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let settings = read("[[token]]\nsecret = \"hunter2\"\n").expect("valid");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_namespace_takes_the_defaults_for_what_it_does_not_say() {
    let text = "[[namespace]]\npattern = \"a/**\"\nretain = { count = 2 }\n[[namespace]]\npattern = \"b\"\n\
                presence = true\noverflow = \"disconnect\"\nretain = { age_s = 0.5, bytes = 10 }\n";
    let settings = read(text).expect("valid");
    let [few, other] = settings.hub.namespaces.as_slice() else { panic!("two namespaces") };
    let default = push_core::Retention::default();
    assert_eq!(few.retention, push_core::Retention { count: 2, ..default });
    assert_eq!((few.presence, few.overflow), (false, Overflow::Gap));
    let age = Duration::from_millis(500);
    assert_eq!(other.retention, push_core::Retention { age, bytes: 10, ..default });
    assert_eq!((other.presence, other.overflow), (true, Overflow::Disconnect));
    let name = ChannelName::parse("a/b").expect("a name");
    assert!(few.pattern.as_ref().is_some_and(|pattern| pattern.matches(&name)));
}

#[test]
fn tokens_close_the_server_and_let_it_listen_anywhere() {
    let open = read("").expect("valid");
    assert!(open.is_open() && open.has_demo() && open.transports.authorizer.is_open());
    let text = "listen = \"0.0.0.0:0\"\n[[token]]\nsecret = \"s\"\nuser = \"alice\"\nsubscribe = [\"chat/**\"]\nadmin = true\n";
    let closed = read(text).expect("valid");
    assert!(!closed.is_open() && !closed.has_demo() && !closed.transports.authorizer.is_open());
    assert_eq!(closed.tokens[0].identity.user.as_deref(), Some("alice"));
    assert!(closed.tokens[0].identity.grants.admin && closed.tokens[0].identity.grants.publish.is_empty());
    assert!(read("demo = true\n[[token]]\nsecret = \"s\"\n").expect("valid").has_demo());
    assert!(!read("demo = false\n").expect("valid").has_demo());
}

#[test]
fn listening_openly_without_authorisation_is_refused_with_a_way_on() {
    for key in ["listen", "metrics_listen"] {
        for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
            let error = read(&format!("{key} = \"{address}\"\n")).expect_err(address).to_string();
            assert!(error.contains(address) && error.contains(key) && error.contains("[[token]]"), "{error}");
        }
    }
    let lmtp =
        "[mail]\nlmtp_listen = \"0.0.0.0:24\"\n[[mail.account]]\nname = \"a\"\nkind = \"maildir\"\npath = \"x\"\n";
    assert!(read(lmtp).expect_err("anyone could deliver").to_string().contains("'mail.lmtp_listen'"));
    let guarded = read(&format!("{lmtp}[[token]]\nsecret = \"s\"\n")).expect("the operator has thought of it");
    assert!(guarded.notices().join("\n").contains("LMTP asks nobody who they are"));
    let told = read("listen = \"0.0.0.0:8080\"\n").expect_err("open").to_string();
    let (_, way_on) = told.split_once("\n\n").expect("a table to copy");
    assert!(read(&format!("listen = \"0.0.0.0:8080\"\n{way_on}\n")).is_ok(), "{way_on}");
    for address in ["127.0.0.1:0", "[::1]:0", "localhost:0"] {
        assert!(read(&format!("listen = \"{address}\"\n")).is_ok(), "{address}");
    }
}

#[test]
fn what_an_operator_should_know_is_said() {
    let notices = |text: &str| read(text).expect(text).notices().join("\n");
    assert!(notices("").contains("loopback"));
    assert!(notices("data = \"x\"\n").contains("memory"));
    let mail = "[[mail.account]]\nname = \"a\"\nkind = \"memory\"\nreaders = [\"bob\"]\n";
    assert!(!notices(mail).contains("mail"), "anyone may read it");
    let with_user = |user: &str| format!("{mail}[[token]]\nsecret = \"0123456789abcdef\"\nuser = \"{user}\"\n");
    assert!(notices(&with_user("alice")).contains("nobody can read the mail account \"a\""));
    assert_eq!(notices(&with_user("bob")), "");
    let short = notices("listen = \"0.0.0.0:1\"\n[[token]]\nsecret = \"s\"\n");
    assert!(short.contains("guessed") && short.contains("TLS") && !short.contains("loopback"), "{short}");
    assert_eq!(notices("[[token]]\nsecret = \"0123456789abcdef\"\n"), "");
}
