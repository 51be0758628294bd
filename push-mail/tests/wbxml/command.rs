//! `push-mail wbxml`.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

const PING: &str = "03 01 6A 00 00 0D 45 48 03 39 30 30 00 01 01";

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_push-mail"))
        .arg("wbxml")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have gone before it read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn bytes_become_xml_and_the_same_bytes_again() {
    let bytes: Vec<u8> = PING.split(' ').map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
    let xml = run(&["decode"], &bytes);
    assert!(xml.status.success(), "{xml:?}");
    assert!(String::from_utf8_lossy(&xml.stdout).contains("<HeartbeatInterval>900</HeartbeatInterval>"), "{xml:?}");
    let again = run(&["encode", "-"], &xml.stdout);
    assert_eq!(again.stdout, bytes);
    assert!(again.status.success());
}

#[test]
fn bytes_may_be_in_hexadecimal_and_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let (hex, xml) = (folder.path().join("ping.hex"), folder.path().join("ping.xml"));
    std::fs::write(&hex, PING.replace(' ', "\n").to_lowercase()).unwrap();
    let read = run(&["decode", "--hex", hex.to_str().unwrap()], b"");
    assert!(read.status.success(), "{read:?}");
    std::fs::write(&xml, &read.stdout).unwrap();
    let written = run(&["encode", "--hex", xml.to_str().unwrap()], b"");
    assert_eq!(String::from_utf8_lossy(&written.stdout).trim_end(), PING);
}

#[test]
fn what_is_wrong_is_a_sentence_and_exit_code_2() {
    for (arguments, input, said) in [
        (
            &["decode"][..],
            &b"<Ping/>"[..],
            "push-mail: standard input: not a version of WBXML from 1.1 to 1.3, at byte 0\n",
        ),
        (&["decode", "--hex"], b"03 01 6A 0", "push-mail: standard input: \"0\" is not two hexadecimal digits\n"),
        (&["decode", "--hex"], b"03 xy", "push-mail: standard input: \"xy\" is not two hexadecimal digits\n"),
        (&["encode"], b"\xFF", "push-mail: standard input: invalid utf-8 sequence of 1 bytes from index 0\n"),
        (
            &["encode"],
            b"<Pong xmlns='Ping'/>",
            "push-mail: standard input: Pong, which is no tag of the code page Ping, near byte 0\n",
        ),
        (&["decode", "/no/such/file"], b"", "push-mail: /no/such/file: No such file or directory (os error 2)\n"),
    ] {
        let output = run(arguments, input);
        assert_eq!(String::from_utf8_lossy(&output.stderr), said);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty(), "{said}");
    }
}

#[test]
fn what_follows_a_document_is_left_out_with_a_word() {
    let output = run(&["decode", "--hex"], b"03 01 6A 00 05 FF FF");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("<Sync xmlns=\"AirSync\"/>"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "push-mail: left out what follows the document: 2 bytes\n");
}
