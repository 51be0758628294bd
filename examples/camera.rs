//! **camera**: a moving picture in a plain `<img>`, without a line of JavaScript.
//!
//! What it shows: binary publications with a media type; `multipart/x-mixed-replace` (`/push/mixed`); a namespace that
//! keeps only a few publications and lets slow viewers skip to the newest (`overflow = latest`); our accept loop,
//! which sees soon when a viewer does not keep up.
//!
//! Run it and open the address it prints:
//!
//! ```sh
//! cargo run -p examples --bin camera            # or: --bin camera 127.0.0.1:9000
//! ```
//!
//! What to try:
//!
//! ```sh
//! # The newest picture alone:
//! curl -o now.png 'http://127.0.0.1:8080/push/poll?channel=camera/front&format=raw&last=1&timeout=0'
//! # A viewer on a slow line. It does not fall behind: it gets fewer pictures, each the newest when it is sent.
//! curl --limit-rate 60k -N 'http://127.0.0.1:8080/push/mixed?channel=camera/front' | grep -a Push-Cursor
//! ```

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{Router, response::Html, routing::get};
use push_core::{Draft, Hub, HubConfig, MediaType, Namespace, Overflow, Pattern};
use push_transports::server::{ServeConfig, bind, serve};

const WIDTH: u32 = 160;
const HEIGHT: u32 = 120;
/// Time between two pictures while somebody looks, and while nobody does.
const WATCHED: Duration = Duration::from_millis(100);
const ALONE: Duration = Duration::from_secs(1);

const PAGE: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>camera/front</title>
<style>
  body { font: 1rem/1.5 system-ui; margin: 2rem auto; max-width: 42rem; padding: 0 1rem; color-scheme: light dark }
  img { width: 100%; image-rendering: pixelated; background: #888; aspect-ratio: 4 / 3 }
</style>
<h1>camera/front</h1>
<img src="push/mixed?channel=camera/front" alt="A ball that bounces between the borders of the picture">
<p>One request, one answer that never ends; each part takes the place of the one before.</p>
</html>"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080").parse()?;
    let hub = Hub::new(config()?);
    let push = push_transports::router(hub.clone(), push_transports::Config::default());
    let app = Router::new().route("/", get(|| async { Html(PAGE) })).nest("/push", push);
    tokio::spawn(film(hub));

    // `axum::serve` would do. Ours gives each connection a small send buffer, so that the pictures a slow viewer has
    // no room for stay here, where they can be skipped, and ends viewers that take nothing for 30 s.
    let listener = bind(addr)?;
    println!("listening on http://{}", listener.local_addr()?);
    let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    let mut limits = ServeConfig::default();
    limits.grace = Duration::ZERO; // pictures never end by themselves: do not wait for them
    serve(listener, app, limits, ctrl_c).await;
    Ok(())
}

/// A picture is worth nothing once there is a newer one: a short history, and the newest for those who lag (which
/// mixed does by itself; the namespace says it for every other transport).
fn config() -> Result<HubConfig, Box<dyn Error>> {
    let mut cameras = Namespace::new(Pattern::parse("camera/**")?);
    cameras.retention.count = 4;
    cameras.overflow = Overflow::Latest;
    let mut config = HubConfig::default();
    config.namespaces.push(cameras);
    Ok(config)
}

async fn film(hub: Hub) {
    let image = MediaType::parse("image/png").expect("a media type");
    for number in 0_u32.. {
        let picture = encode(number, &draw(number)).expect("the size fits the pixels, and memory takes all");
        match hub.publish("camera/front", Draft::new(picture).media_type(image.clone())).await {
            // The receipt tells how many it is to reach: nobody there, little to do.
            Ok(receipt) => tokio::time::sleep(if receipt.subscribers > 0 { WATCHED } else { ALONE }).await,
            Err(error) => eprintln!("not published: {error}"),
        }
    }
}

/// A bouncing ball before a sky, three bytes a pixel.
fn draw(number: u32) -> Vec<u8> {
    let radius = 14;
    // A triangle wave: forth and back between the borders.
    let bounce = |speed: u32, size: u32| {
        let way = size - 2 * radius;
        let at = number * speed % (2 * way);
        radius + if at < way { at } else { 2 * way - at }
    };
    let (ball_x, ball_y) = (bounce(3, WIDTH), bounce(2, HEIGHT));
    let mut grain = number.wrapping_mul(0x9E37_79B9) | 1;
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            // The grain of a real sensor (xorshift32), which makes the pictures as heavy as a real camera's.
            grain ^= grain << 13;
            grain ^= grain >> 17;
            grain ^= grain << 5;
            let noise = (grain & 15) as u8;
            let is_ball = x.abs_diff(ball_x).pow(2) + y.abs_diff(ball_y).pow(2) <= radius * radius;
            let [r, g, b] = if is_ball { [230, 80, 40] } else { [40, 90 + (y / 2) as u8, 200] };
            pixels.extend([r + noise, g + noise, b + noise]);
        }
    }
    pixels
}

/// PNG, with the number of the picture in a text chunk.
fn encode(number: u32, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    encoder.add_text_chunk("Frame".to_owned(), number.to_string())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}
