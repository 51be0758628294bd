//! Both forms of a query, and the traps in them.

use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

fn pack(version: u8, command: u8, device: &[u8], key: &[u8], kind: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![version, command, 0x09, 0x04];
    for field in [device, key, kind] {
        bytes.push(field.len() as u8);
        bytes.extend_from_slice(field);
    }
    bytes.extend_from_slice(rest);
    bytes
}

fn parse_packed(bytes: &[u8]) -> Result<Query, QueryError> {
    Query::parse(&STANDARD.encode(bytes))
}

#[test]
fn the_example_of_the_specification_is_read() {
    let query = Query::parse("jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l").expect("a query");
    assert_eq!((query.version, query.command), (Some(140), Command::Sync));
    assert_eq!((query.device.as_str(), query.device_type.as_str()), ("v140device", "SmartPhone"));
    assert_eq!((query.policy_key, query.user), (None, None));
}

#[test]
fn names_of_the_plain_form_are_in_any_case() {
    let query = Query::parse("cMD=pInG&USER=alice%40example.org&deviceid=Appl123&DEVICETYPE=iPhone&x=y").expect("one");
    assert_eq!((query.command, query.device.as_str()), (Command::Ping, "appl123"));
    assert_eq!((query.device_type.as_str(), query.user.as_deref()), ("iPhone", Some("alice@example.org")));
    assert_eq!((query.version, query.policy_key, query.accepts_multipart), (None, None, false));
}

#[test]
fn what_old_versions_say_in_the_query_is_read_too() {
    let query = "Cmd=SmartReply&User=a&DeviceId=b&DeviceType=c&AttachmentName=1%3A2&CollectionId=5&ItemId=5%3A7&LongId=x\
                 &SaveInSent=T";
    let params = Query::parse(query).expect("one").params;
    let expected = Params {
        attachment_name: Some("1:2".into()),
        collection_id: Some("5".into()),
        item_id: Some("5:7".into()),
        long_id: Some("x".into()),
        save_in_sent: true,
    };
    assert_eq!(params, expected);
}

#[test]
fn a_plus_is_a_plus_in_both_forms() {
    let plain = Query::parse("Cmd=Ping&User=a+b@example.org&DeviceId=d&DeviceType=t").expect("one");
    assert_eq!(plain.user.as_deref(), Some("a+b@example.org"));
    let user = b"\x08\x06\xc3\xbe\xc3\xbf\xe2\x82";
    let bytes = pack(141, 18, b"dev", b"", b"SP", &[&user[..], b"\x04\x00"].concat());
    assert_eq!(parse_packed(&bytes), Err(QueryError::Encoding), "UTF-8 that breaks off");
    let bytes = pack(141, 18, b"dev", &[0xFB, 0xEF, 0xBE, 0xFF], b"S?>", &[]);
    let text = STANDARD.encode(&bytes);
    assert!(text.contains('+') && text.contains('/'), "{text}");
    let read = Query::parse(&text).expect("raw + and /");
    assert_eq!(read.policy_key, Some(0xFFBE_EFFB));
    let url_safe = text.replace('+', "-").replace('/', "_");
    let percent = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for spelling in [text.trim_end_matches('=').to_owned(), url_safe, percent] {
        assert_eq!(Query::parse(&spelling), Ok(read.clone()), "{spelling}");
    }
}

#[test]
fn padding_may_be_missing() {
    for kind in [&b"S"[..], b"SP", b"SPx"] {
        let text = STANDARD.encode(pack(161, 18, b"dev", b"", kind, &[]));
        assert!(Query::parse(text.trim_end_matches('=')).is_ok(), "{text}");
    }
}

#[test]
fn a_device_may_be_sixteen_raw_bytes() {
    let raw: Vec<u8> = (0xF0..=0xFF).collect();
    let query = parse_packed(&pack(141, 0, &raw, b"", b"WindowsMail", &[])).expect("one");
    assert_eq!(query.device, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let text = parse_packed(&pack(141, 0, b"androidc12345678", b"", b"Android", &[])).expect("one");
    assert_eq!(text.device, "androidc12345678", "sixteen letters are sixteen letters");
}

#[test]
fn a_device_is_one_device_however_it_is_written() {
    let packed = parse_packed(&pack(141, 0, b"ApplX1", b"", b"iPhone", &[])).expect("one");
    let plain = Query::parse("Cmd=Sync&User=a&DeviceId=APPLx1&DeviceType=iPhone").expect("one");
    assert_eq!(packed.device, plain.device);
}

#[test]
fn options_and_users_of_the_packed_form_are_read() {
    let rest =
        [&b"\x07\x01\x03"[..], b"\x08\x05alice", b"\x01\x015", b"\x03\x035:7", b"\x06\x01x", b"\x63\x02??"].concat();
    let query = parse_packed(&pack(161, 3, b"dev", &7_u32.to_le_bytes(), b"SP", &rest)).expect("one");
    assert_eq!((query.version, query.command, query.policy_key), (Some(161), Command::SmartReply, Some(7)));
    assert!(query.params.save_in_sent && query.accepts_multipart);
    assert_eq!((query.user.as_deref(), query.params.collection_id.as_deref()), (Some("alice"), Some("5")));
    assert_eq!(query.params.item_id.as_deref(), Some("5:7"));
}

#[test]
fn what_is_no_query_of_a_command_is_refused_for_what_it_is() {
    let long = "d".repeat(MAX_DEVICE_BYTES + 1);
    let table = [
        ("", QueryError::NoCommand),
        ("&&", QueryError::NoCommand),
        ("User=a&DeviceId=b", QueryError::NoCommand),
        ("Cmd=Nothing&DeviceId=b", QueryError::UnknownCommand),
        ("Cmd=Ping&User=a", QueryError::NoDevice),
        ("Cmd=Ping&DeviceId=", QueryError::Device),
        ("Cmd=Ping&DeviceId=a%20b", QueryError::Device),
        ("Cmd=Ping&DeviceId=a%2Fb", QueryError::Device),
        (&format!("Cmd=Ping&DeviceId={long}"), QueryError::Device),
        ("Cmd=Ping&DeviceId=a&User=%FF", QueryError::Encoding),
        ("Cmd=Ping&DeviceId=a&DeviceType=a%0Ab", QueryError::Value),
        (&format!("Cmd=Ping&DeviceId=a&ItemId={}", "x".repeat(256)), QueryError::Value),
        ("!!!!", QueryError::Base64),
        ("Cmd", QueryError::UnknownCommand),
        ("jQ", QueryError::Short),
    ];
    for (query, error) in table {
        assert_eq!(Query::parse(query), Err(error), "{query}");
    }
}

#[test]
fn packed_queries_that_break_off_or_go_on_are_refused() {
    let whole = pack(141, 18, b"dev", &[1, 0, 0, 0], b"SP", b"\x08\x05alice");
    assert!(parse_packed(&whole).is_ok());
    let parameter_begins = whole.len() - 7;
    for length in 0..whole.len() {
        let read = parse_packed(&whole[..length]);
        assert_eq!(read.is_ok(), length == parameter_begins, "{length}: {read:?}");
    }
    let garbage = [&whole[..], b"\x08"].concat();
    assert_eq!(parse_packed(&garbage), Err(QueryError::Short));
    assert_eq!(parse_packed(&pack(141, 18, b"dev", &[1, 0], b"SP", b"")), Err(QueryError::PolicyKey));
    assert_eq!(parse_packed(&pack(141, 5, b"dev", b"", b"SP", b"")), Err(QueryError::UnknownCommand));
    assert_eq!(parse_packed(&pack(141, 18, b"", b"", b"SP", b"")), Err(QueryError::NoDevice));
    assert_eq!(parse_packed(&pack(141, 18, b"\xff\xfe", b"", b"SP", b"")), Err(QueryError::Device));
}

proptest! {
    #[test]
    fn no_query_does_harm(query in "\\PC{0,200}") {
        if let Ok(query) = Query::parse(&query) {
            prop_assert!((1..=MAX_DEVICE_BYTES).contains(&query.device.len()));
        }
    }

    #[test]
    fn no_packed_query_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(query) = parse_packed(&bytes) {
            prop_assert!((1..=MAX_DEVICE_BYTES).contains(&query.device.len()));
            prop_assert!(query.device.bytes().all(is_of_device));
        }
    }

    #[test]
    fn what_is_packed_is_read_again(
        (version, device, kind) in (121_u8..=161, "[a-z0-9]{1,64}", "[A-Za-z]{0,40}"),
        key in prop::option::of(any::<u32>()),
        user in prop::option::of("[a-z@.+]{0,60}"),
        options in 0_u8..4,
    ) {
        let mut rest = vec![7, 1, options];
        if let Some(user) = &user {
            rest.extend([8, user.len() as u8]);
            rest.extend_from_slice(user.as_bytes());
        }
        let key_bytes = key.map(u32::to_le_bytes);
        let key_bytes = key_bytes.as_ref().map_or(&[][..], |bytes| bytes);
        let query = parse_packed(&pack(version, 18, device.as_bytes(), key_bytes, kind.as_bytes(), &rest)).expect("one");
        prop_assert_eq!((query.version, query.policy_key), (Some(version.into()), key));
        prop_assert_eq!((query.device, query.device_type, query.user), (device, kind, user));
        prop_assert_eq!((query.params.save_in_sent, query.accepts_multipart), (options & 1 != 0, options & 2 != 0));
    }
}
