//! The chart of the host's load: a [`History`] in, a PNG out.
//!
//! Sixteen colours, four bits a pixel: a picture goes to every viewer each second, so it has to be small. It brings its own
//! dark ground, so that it reads the same on a light page and on a dark one.

use std::convert::Infallible;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::PixelColor;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, Polyline, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use super::load::{HISTORY_LEN, History, Sample};

/// Width of the picture in pixels.
pub(crate) const WIDTH: u32 = 640;
/// Height of the picture in pixels.
pub(crate) const HEIGHT: u32 = 240;
/// The picture's media type.
pub(crate) const CONTENT_TYPE: &str = "image/png";

/// The plot's edges: right of the percentages, below the legend, above the times.
const LEFT: i32 = 58;
const RIGHT: i32 = WIDTH as i32 - 20;
const TOP: i32 = 46;
const BOTTOM: i32 = HEIGHT as i32 - 34;

/// An index into [`PALETTE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ink {
    Ground,
    Grid,
    Label,
    Bright,
    Cpu,
    CpuArea,
    CpuGrid,
    Memory,
}

/// Red, green and blue of each [`Ink`], in its order.
const PALETTE: [[u8; 3]; 8] = [
    [0x10, 0x16, 0x22],
    [0x26, 0x30, 0x42],
    [0xa3, 0xb0, 0xc4],
    [0xf2, 0xf5, 0xfa],
    [0x6e, 0xa8, 0xff],
    [0x1b, 0x33, 0x5c],
    [0x2c, 0x48, 0x78],
    [0x4f, 0xd6, 0xb0],
];

impl PixelColor for Ink {
    type Raw = ();
}

/// A picture in the making, a byte a pixel.
struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    fn new() -> Self {
        Self { pixels: vec![Ink::Ground as u8; (WIDTH * HEIGHT) as usize] }
    }

    fn text(&mut self, text: &str, at: Point, ink: Ink, alignment: Alignment) {
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let Ok(_) = Text::with_text_style(text, at, MonoTextStyle::new(&FONT_10X20, ink), style).draw(self);
    }

    fn line(&mut self, from: Point, to: Point, ink: Ink) {
        let Ok(()) = Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(ink, 1)).draw(self);
    }

    fn into_png(self) -> Vec<u8> {
        let packed: Vec<u8> = self.pixels.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, WIDTH, HEIGHT);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        encoder.set_palette(PALETTE.as_flattened());
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&packed))
            .expect("a Vec takes all bytes, and there are as many as the header says");
        png
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(WIDTH, HEIGHT)
    }
}

impl DrawTarget for Canvas {
    type Color = Ink;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Ink>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        let bounds = self.bounding_box();
        for Pixel(at, ink) in pixels {
            if bounds.contains(at) {
                self.pixels[at.y as usize * WIDTH as usize + at.x as usize] = ink as u8;
            }
        }
        Ok(())
    }
}

/// Draws the last two minutes as a PNG of [`WIDTH`] × [`HEIGHT`]: the processor as an area, memory as a line, both in percent.
///
/// An empty history gives the empty grid, saying that it waits.
pub(crate) fn draw(history: &History) -> Vec<u8> {
    let mut canvas = Canvas::new();
    draw_grid(&mut canvas, Ink::Grid);
    match history.newest() {
        Some(newest) => {
            let cpu = curve(history, newest, |sample| sample.cpu);
            let memory = curve(history, newest, Sample::memory_percent);
            fill_below(&mut canvas, &cpu);
            draw_curve(&mut canvas, &memory, Ink::Memory);
            draw_curve(&mut canvas, &cpu, Ink::Cpu);
            draw_legend(&mut canvas, newest);
        }
        None => canvas.text(
            "waiting for the first sample",
            Point::new((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2),
            Ink::Label,
            Alignment::Center,
        ),
    }
    canvas.into_png()
}

fn draw_grid(canvas: &mut Canvas, ink: Ink) {
    for percent in [0, 25, 50, 75, 100] {
        let y = height_of(f64::from(percent));
        canvas.line(Point::new(LEFT, y), Point::new(RIGHT, y), ink);
        if percent % 50 == 0 {
            canvas.text(&format!("{percent}%"), Point::new(LEFT - 8, y), Ink::Label, Alignment::Right);
        }
    }
    let span_s = HISTORY_LEN as u64 - 1;
    for (seconds, label, alignment) in
        [(span_s, "2 min ago", Alignment::Left), (span_s / 2, "1 min", Alignment::Center), (0, "now", Alignment::Right)]
    {
        let x = column_of(seconds * 1000);
        canvas.line(Point::new(x, TOP), Point::new(x, BOTTOM), ink);
        canvas.text(label, Point::new(x, HEIGHT as i32 - 16), Ink::Label, alignment);
    }
}

fn draw_legend(canvas: &mut Canvas, newest: &Sample) {
    const Y: i32 = 22;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let memory = format!("memory {:.1} of {:.1} GiB", gib(newest.mem_used), gib(newest.mem_total));
    for (x, ink, text) in [(LEFT, Ink::Cpu, format!("cpu {:.0}%", newest.cpu)), (LEFT + 130, Ink::Memory, memory)] {
        let swatch = Rectangle::new(Point::new(x, Y - 5), Size::new(10, 10));
        let Ok(()) = swatch.into_styled(PrimitiveStyle::with_fill(ink)).draw(canvas);
        canvas.text(&text, Point::new(x + 18, Y), Ink::Bright, Alignment::Left);
    }
    let load = format!("load {:.2}", newest.load1);
    canvas.text(&load, Point::new(RIGHT, Y), Ink::Label, Alignment::Right);
}

/// The points of one curve, oldest first, by how long before `newest` each sample was taken.
fn curve(history: &History, newest: &Sample, percent: impl Fn(&Sample) -> f64) -> Vec<Point> {
    let span_ms = (HISTORY_LEN as u64 - 1) * 1000;
    history
        .iter()
        .map(|sample| (newest.time.saturating_sub(sample.time), sample))
        .filter(|(age_ms, _)| *age_ms <= span_ms)
        .map(|(age_ms, sample)| Point::new(column_of(age_ms), height_of(percent(sample))))
        .collect()
}

fn draw_curve(canvas: &mut Canvas, points: &[Point], ink: Ink) {
    let Ok(()) = Polyline::new(points).into_styled(PrimitiveStyle::with_stroke(ink, 2)).draw(canvas);
    if let [.., last] = points {
        let dot = Rectangle::with_center(*last, Size::new(6, 6));
        let Ok(()) = dot.into_styled(PrimitiveStyle::with_fill(ink)).draw(canvas);
    }
}

/// Fills from the curve down to zero, letting the grid shine through.
fn fill_below(canvas: &mut Canvas, points: &[Point]) {
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let width = (to.x - from.x).max(1);
        for x in from.x..to.x {
            let y = from.y + (to.y - from.y) * (x - from.x) / width;
            canvas.line(Point::new(x, y), Point::new(x, BOTTOM - 1), Ink::CpuArea);
        }
        for percent in [25, 50, 75] {
            let grid_y = height_of(f64::from(percent));
            if grid_y > from.y.max(to.y) {
                canvas.line(Point::new(from.x, grid_y), Point::new(to.x - 1, grid_y), Ink::CpuGrid);
            }
        }
    }
}

fn column_of(age_ms: u64) -> i32 {
    let span_ms = (HISTORY_LEN as u64 - 1) * 1000;
    let share = age_ms.min(span_ms) as f64 / span_ms as f64;
    RIGHT - (share * f64::from(RIGHT - LEFT)).round() as i32
}

fn height_of(percent: f64) -> i32 {
    let share = percent.clamp(0.0, 100.0) / 100.0;
    BOTTOM - (share * f64::from(BOTTOM - TOP)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u64, cpu: f64, mem_used: u64) -> Sample {
        Sample {
            time: 1_700_000_000_000 + second * 1000,
            cpu,
            cpus: vec![cpu],
            load1: 0.5,
            load5: 0.4,
            load15: 0.3,
            mem_used,
            mem_total: 8 << 30,
        }
    }

    fn full() -> History {
        let mut history = History::default();
        for second in 0..HISTORY_LEN as u64 {
            let wave = (second as f64 / 9.0).sin() * 35.0 + 45.0 + (second * 7919 % 13) as f64;
            history.push(sample(second, wave, (3 << 30) + second * (10 << 20)));
        }
        history
    }

    /// Red, green and blue of every pixel.
    fn decode(png: &[u8]) -> Vec<[u8; 3]> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
        let info = reader.next_frame(&mut pixels).expect("a whole picture");
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        assert_eq!(info.color_type, png::ColorType::Rgb);
        pixels.as_chunks().0.to_vec()
    }

    fn count(pixels: &[[u8; 3]], ink: Ink) -> usize {
        pixels.iter().filter(|pixel| **pixel == PALETTE[ink as usize]).count()
    }

    #[test]
    fn a_full_history_is_a_small_picture_with_both_curves() {
        let png = draw(&full());
        assert!(png.len() < 12 * 1024, "{} bytes", png.len());
        let pixels = decode(&png);
        for ink in [Ink::Grid, Ink::Label, Ink::Bright, Ink::Cpu, Ink::CpuArea, Ink::Memory] {
            assert!(count(&pixels, ink) > 100, "{ink:?}");
        }
    }

    #[test]
    fn an_empty_history_is_a_grid_without_curves() {
        let pixels = decode(&draw(&History::default()));
        assert!(count(&pixels, Ink::Grid) > 1000);
        assert_eq!(count(&pixels, Ink::Cpu), 0);
        assert_eq!(count(&pixels, Ink::Memory), 0);
    }

    #[test]
    fn the_picture_changes_with_the_data_and_only_with_it() {
        let mut history = full();
        let before = draw(&history);
        assert_eq!(before, draw(&history));
        history.push(sample(HISTORY_LEN as u64, 99.0, 1 << 30));
        assert_ne!(before, draw(&history));
    }

    #[test]
    fn a_busier_processor_fills_more_of_the_plot() {
        let area = |cpu| {
            let mut history = History::default();
            for second in 0..HISTORY_LEN as u64 {
                history.push(sample(second, cpu, 0));
            }
            count(&decode(&draw(&history)), Ink::CpuArea)
        };
        assert!(area(90.0) > 2 * area(30.0));
        assert_eq!(area(0.0), 0);
    }

    #[test]
    fn one_sample_values_out_of_range_and_long_silences_are_drawn_within_the_frame() {
        let mut history = History::default();
        history.push(sample(0, 250.0, u64::MAX));
        decode(&draw(&history));
        history.push(sample(1, -5.0, 0));
        history.push(sample(100_000, f64::NAN, 1));
        let pixels = decode(&draw(&history));
        assert!(count(&pixels, Ink::Cpu) < 400, "only the legend and the last dot");
    }
}
