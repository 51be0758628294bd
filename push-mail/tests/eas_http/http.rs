//! Paths, methods, queries, types, lengths.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_mail::wbxml::tags::{air_sync, compose_mail, folder_hierarchy, ping, provision, settings};
use push_mail::wbxml::{Element, encode};
use testkit::http::Request;

use crate::world::{PATH, World, basic, number, policy_of, policy_request, read};

fn options(path: &str) -> Request {
    Request::new("OPTIONS", path).header("Authorization", basic(b"alice", b"alice-secret"))
}

#[tokio::test]
async fn the_path_is_in_any_case_with_a_slash_or_without() {
    let world = World::new().await;
    for path in [PATH, "/microsoft-server-activesync", "/MICROSOFT-SERVER-ACTIVESYNC/", "/Microsoft-Server-Activesync/"]
    {
        assert_eq!(world.send(options(path)).await.status(), 200, "{path}");
    }
    for path in
        ["/", "/Microsoft-Server-ActiveSync//", "/Microsoft-Server-ActiveSync/x", "/x/Microsoft-Server-ActiveSync"]
    {
        assert_eq!(world.send(options(path)).await.status(), 404, "{path}");
    }
    let other = Request::get("/push/mail/folders").bearer("bob-secret");
    assert_eq!(world.send(other).await.status(), 200, "it stands beside the other routes");
}

#[tokio::test]
async fn options_tell_the_versions_and_only_the_commands_that_are_answered() {
    let world = World::new().await;
    let response = world.send(options(PATH)).await;
    assert_eq!((response.status(), response.header("content-length")), (200, Some("0")));
    assert_eq!(response.header("ms-asprotocolversions"), Some("14.1,16.1"));
    let methods = Some("OPTIONS,POST");
    assert_eq!((response.header("allow"), response.header("public")), (methods, methods));
    assert!(response.header("ms-server-activesync").is_some());
    let commands = response.header("ms-asprotocolcommands").expect("commands").to_owned();
    assert!(commands.split(',').any(|command| command == "Provision"), "{commands}");
    let mut phone = world.phone();
    phone.provision().await;
    for command in commands.split(',') {
        let told = phone.send(command, "").await;
        let is_refused = told.status() != 200 || told.text().contains("137");
        assert!(!is_refused, "{command} is advertised and refused: {told:?}");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let world = World::new().await;
    for method in ["GET", "PUT", "DELETE"] {
        let response = world.send(Request::new(method, PATH)).await;
        assert_eq!((response.status(), response.header("allow")), (405, Some("OPTIONS,POST")), "{method}");
    }
}

#[tokio::test]
async fn a_packed_query_does_what_a_plain_one_does() {
    let world = World::new().await;
    let phone = world.phone();
    let packed = |command: u8, key: &[u8]| {
        let mut bytes = vec![161, command, 0x09, 0x04, 6];
        bytes.extend_from_slice(b"PHONE1");
        bytes.push(key.len() as u8);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(b"\x0aSmartPhone");
        STANDARD.encode(bytes)
    };
    let send = |query: String, document: Element| {
        Request::post(&format!("{PATH}?{query}"), encode(&document).to_vec())
            .header("Authorization", &phone.authorization)
            .header("Content-Type", crate::world::WBXML)
    };
    let offered = read(&world.send(send(packed(20, b""), policy_request(None))).await);
    let temporary = crate::world::key_of(&offered);
    // Acknowledged in the plain form: it is one device.
    let given = phone.ask("Provision", &policy_request(Some((temporary, 1)))).await;
    let key = crate::world::key_of(&given);
    let ask = Element::new(settings::SETTINGS)
        .with(Element::new(settings::USER_INFORMATION).with(Element::new(settings::GET)));
    let answer = read(&world.send(send(packed(17, &key.to_le_bytes()), ask.clone())).await);
    assert_eq!(number(&answer, settings::STATUS), 1);
    let answer = read(&world.send(send(packed(17, &1_u32.to_le_bytes()), ask)).await);
    assert_eq!(number(&answer, settings::STATUS), 144);
    assert_eq!(world.mail.devices(Some("alice")).expect("read").len(), 1);
}

#[tokio::test]
async fn a_query_that_is_none_is_400_and_an_unknown_command_501() {
    let world = World::new().await;
    let login = basic(b"alice", b"alice-secret");
    for (query, status) in [
        ("", 400),
        ("Cmd=Ping&User=a&DeviceType=t", 400),
        ("Cmd=Ping&User=a&DeviceId=a%00b&DeviceType=t", 400),
        ("Cmd=Nonsense&User=a&DeviceId=a&DeviceType=t", 501),
        ("Cmd=GetHierarchy&User=a&DeviceId=a&DeviceType=t", 501),
        ("////", 501),
        ("!!", 400),
        ("jAAJBAp2MTQwRGV2aWNl", 400),
    ] {
        let request = Request::post(&format!("{PATH}?{query}"), "").header("Authorization", &login);
        assert_eq!(world.send(request).await.status(), status, "{query}");
    }
}

#[tokio::test]
async fn versions_that_are_not_spoken_are_refused_as_each_understands() {
    let world = World::new().await;
    let mut phone = world.phone();
    for version in ["14.0", "16.0", "17.0"] {
        phone.version = version.to_owned();
        let answer = phone.ask("FolderSync", &Element::new(folder_hierarchy::FOLDER_SYNC)).await;
        assert_eq!(number(&answer, folder_hierarchy::STATUS), 138, "{version}");
    }
    for version in ["2.5", "12.1", "nonsense", ""] {
        phone.version = version.to_owned();
        assert_eq!(phone.send("FolderSync", "").await.status(), 449, "{version}");
        let refused = phone.send("Provision", "").await;
        assert_eq!((refused.status(), refused.header("ms-asprotocolversions")), (400, Some("14.1,16.1")), "{version}");
    }
    let packed = Request::post(&format!("{PATH}?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l"), "");
    let answer = read(&world.send(packed.header("Authorization", &phone.authorization)).await);
    assert_eq!(
        (answer.tag, number(&answer, air_sync::STATUS)),
        (air_sync::SYNC, 138),
        "the specification's own example"
    );
}

#[tokio::test]
async fn bodies_that_are_no_documents_are_told_in_the_words_of_the_command() {
    let world = World::new().await;
    let mut phone = world.phone();
    phone.provision().await;
    let other = encode(&Element::new(provision::PROVISION)).to_vec();
    for (command, root, status_tag, status) in [
        ("Ping", ping::PING, ping::STATUS, 4),
        ("Sync", air_sync::SYNC, air_sync::STATUS, 4),
        ("FolderSync", folder_hierarchy::FOLDER_SYNC, folder_hierarchy::STATUS, 10),
        ("SendMail", compose_mail::SEND_MAIL, compose_mail::STATUS, 102),
        ("Settings", settings::SETTINGS, settings::STATUS, 2),
    ] {
        for body in [b"\x03\x01".to_vec(), b"<Sync/>".to_vec(), vec![0; 100], other.clone()] {
            let answer = read(&phone.send(command, body).await);
            assert_eq!((answer.tag, number(&answer, status_tag)), (root, status), "{command}");
        }
    }
}

#[tokio::test]
async fn types_that_phones_do_not_send_are_refused() {
    let world = World::new().await;
    let phone = world.phone();
    let body = encode(&policy_request(None)).to_vec();
    let send = |media_type: Option<&str>| {
        let request = Request::post(&phone.target("Provision"), body.clone())
            .header("Authorization", &phone.authorization)
            .header("MS-ASProtocolVersion", "14.1");
        media_type.map_or(request.clone(), |media_type| request.header("Content-Type", media_type))
    };
    for (media_type, status) in [
        (Some("application/vnd.ms-sync.wbxml"), 200),
        (Some("Application/Vnd.MS-Sync; charset=utf-8"), 200),
        (None, 200),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
    ] {
        assert_eq!(world.send(send(media_type)).await.status(), status, "{media_type:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_413() {
    let world = World::with(|config| config.max_body = 1000).await;
    assert_eq!(world.phone().send("Provision", vec![3; 1001]).await.status(), 413);
}

#[tokio::test]
async fn programs_may_name_an_origin_of_their_own_and_web_pages_may_not() {
    let world = World::new().await;
    for (origin, status) in
        [("moz-extension://3f1c", 200), ("capacitor://localhost", 200), ("https://evil.example", 403), ("null", 403)]
    {
        assert_eq!(world.send(options(PATH).header("Origin", origin)).await.status(), status, "{origin}");
    }
    let led_here = options(PATH).header("Sec-Fetch-Site", "cross-site");
    assert_eq!(world.send(led_here).await.status(), 200);
}

#[tokio::test]
async fn a_device_is_remembered_with_what_it_says_in_its_requests() {
    let world = World::new().await;
    let mut phone = world.phone();
    phone.provision().await;
    phone.version = "14.1".to_owned();
    let answer = phone.ask("Provision", &policy_request(None)).await;
    assert_eq!(number(policy_of(&answer), provision::STATUS), 1);
    let devices = world.mail.devices(None).expect("read");
    let [device] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((device.account.as_str(), device.user.as_deref()), ("alice", Some("alice")));
    assert_eq!((device.device.as_str(), device.device_type.as_str()), ("phone1", "SmartPhone"));
    assert_eq!((device.user_agent.as_str(), device.version.as_str()), ("TestPhone/1.0", "14.1"));
    assert!(device.first_seen_ms > 0 && device.last_seen_ms > 0);
}
