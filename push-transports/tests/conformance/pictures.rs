//! `multipart/x-mixed-replace`: always the newest, as browsers show it.

use testkit::{
    Item, Options, Publish, Subscriber, Transport, api,
    mixed::{Mixed, Part},
};

use crate::target::{Path, start};

async fn part(mixed: &mut Mixed) -> Part {
    mixed.part().await.expect("a part")
}

pub(crate) async fn a_new_reader_gets_the_newest_picture_at_once(path: Path) {
    let target = start(path).await;
    let mut newest = String::new();
    for number in 1..=3_u8 {
        newest = Publish::new("cam", [0xff, number]).media_type("image/jpeg").send(target.addr).await.id;
    }
    let mut reader = Mixed::open(target.addr, &Options::channel("cam"), false).await.expect("opened");
    let first = part(&mut reader).await;
    assert_eq!(first.body, [0xff, 3]);
    assert_eq!(first.header("content-type"), Some("image/jpeg"));
    assert_eq!(first.header("push-cursor"), Some(newest.as_str()));
    for number in 4..=6 {
        Publish::new("cam", [0xff, number]).media_type("image/jpeg").send(target.addr).await;
        assert_eq!(part(&mut reader).await.body, [0xff, number]);
    }
    let mut envelopes = Subscriber::open(Transport::MixedJson, target.addr, &Options::channel("cam")).await;
    assert_eq!(envelopes.publication().await.offset, Some(6));
}

pub(crate) async fn a_slow_reader_gets_the_newest_picture(path: Path) {
    let target = start(path).await;
    let options = Options::channel("cam").receive_buffer(8 << 10);
    let mut reader = Subscriber::open(Transport::Mixed, target.addr, &options).await;
    for number in 1..=100_u8 {
        let picture = vec![number; 256 << 10];
        Publish::new("cam", picture).media_type("image/png").send(target.addr).await;
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&100) {
        match reader.next().await {
            Item::Publication(publication) => {
                assert!(publication.data.iter().all(|byte| *byte == publication.data[0]), "a whole picture");
                heard.push(publication.data[0]);
            }
            other => panic!("{other:?} after {heard:?}"),
        }
    }
    assert!(heard.is_sorted_by(|one, other| one < other), "{heard:?}");
    assert!(heard.len() < 100, "a slow reader skips: {heard:?}");
}

pub(crate) async fn active_types_go_out_as_text(path: Path) {
    let target = start(path).await;
    let active =
        ["text/html", "image/svg+xml", "application/xml", "text/javascript", "text/html; charset=utf-8", "TEXT/HTML"];
    for media_type in active {
        let payload = "<script>alert(1)</script>";
        Publish::new("x", payload).media_type(media_type).send(target.addr).await;
        let mut reader = Mixed::open(target.addr, &Options::channel("x"), false).await.expect("opened");
        let sent = part(&mut reader).await;
        let sent_type = sent.header("content-type").expect("a type");
        assert_eq!(sent_type.split(';').next(), Some("text/plain"), "{media_type}");
        assert_eq!(sent.body, payload.as_bytes());
    }
}

pub(crate) async fn refresh_sends_the_newest_again(path: Path) {
    let target = start(path).await;
    Publish::new("cam", "picture").media_type("image/png").send(target.addr).await;
    let options = Options::channel("cam").param("refresh", "1");
    let mut reader = Mixed::open(target.addr, &options, false).await.expect("opened");
    for _ in 0..3 {
        assert_eq!(part(&mut reader).await.body, b"picture");
    }
    for bad in ["0", "-1", "x"] {
        let target_path = Options::channel("cam").param("refresh", bad).target("mixed", &[]);
        let refused = api::get(target.addr, &target_path, None).await;
        assert_eq!((refused.status(), refused.problem().as_str()), (400, "bad_parameter"), "refresh={bad}");
    }
}
