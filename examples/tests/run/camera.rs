//! Pictures over mixed.

use testkit::mixed::Mixed;
use testkit::{Options, PushServer, Request};

const BINARY: &str = env!("CARGO_BIN_EXE_camera");

/// Decodes all of a picture and returns its number.
fn number(picture: &[u8]) -> u32 {
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
    let frame = reader.next_frame(&mut pixels).expect("whole");
    assert_eq!((frame.width, frame.height, frame.color_type), (160, 120, png::ColorType::Rgb));
    let text = reader.info().uncompressed_latin1_text.iter().find(|chunk| chunk.keyword == "Frame");
    text.expect("a numbered picture").text.parse().expect("a number")
}

async fn look(server: &PushServer, options: &Options) -> Mixed {
    Mixed::open(server.addr(), options, false).await.unwrap_or_else(|refusal| panic!("refused: {refusal:?}"))
}

async fn next(viewer: &mut Mixed) -> u32 {
    let part = viewer.part().await.expect("pictures never end");
    assert_eq!(part.header("content-type"), Some("image/png"));
    number(&part.body)
}

#[tokio::test]
async fn a_page_shows_whole_pictures_one_after_another() {
    let server = super::start(BINARY, &[]).await;
    let page = Request::get("/").send(server.addr()).await.text();
    assert!(page.contains(r#"<img src="push/mixed?channel=camera/front""#), "{page}");

    let mut viewer = look(&server, &Options::channel("camera/front")).await;
    let mut last = next(&mut viewer).await;
    for _ in 0..5 {
        let number = next(&mut viewer).await;
        assert!(number > last, "{number} after {last}");
        last = number;
    }
}

#[tokio::test]
async fn one_picture_can_be_had_alone() {
    let server = super::start(BINARY, &[]).await;
    let mut viewer = look(&server, &Options::channel("camera/front")).await;
    let published = next(&mut viewer).await;
    let newest = "/push/poll?channel=camera/front&format=raw&last=1&timeout=0";
    let alone = Request::get(newest).send(server.addr()).await;
    assert_eq!(alone.header("content-type"), Some("image/png"));
    assert!(number(&alone.body) >= published);
}

#[tokio::test]
async fn a_viewer_that_stops_for_a_while_goes_on_with_the_newest_picture() {
    let server = super::start(BINARY, &[]).await;
    let mut slow = look(&server, &Options::channel("camera/front").receive_buffer(4096)).await;
    let mut quick = look(&server, &Options::channel("camera/front")).await;
    let stopped_at = next(&mut slow).await;
    let mut newest = stopped_at;
    // More than the buffers on the way can hold.
    while newest < stopped_at + 40 {
        newest = next(&mut quick).await;
    }

    let (mut last, mut skipped) = (stopped_at, 0);
    while last < newest {
        let number = next(&mut slow).await;
        assert!(number > last, "never back: {number} after {last}");
        skipped += number - last - 1;
        last = number;
    }
    assert!(skipped > 0, "it heard all of {stopped_at}..={last}: nothing was skipped");
}
