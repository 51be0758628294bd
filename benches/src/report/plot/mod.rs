//! Pictures of results, as SVG: bars of ratios, and lines.

mod bars;
mod lines;

pub(crate) use self::bars::{Bar, Bars};
pub(crate) use self::lines::{Axis, Line, Lines, Scale};

use plotters::prelude::RGBColor;

use crate::Result;

/// A picture.
#[derive(Clone, Debug)]
pub(crate) enum Plot {
    Bars(Bars),
    Lines(Lines),
}

impl From<Bars> for Plot {
    fn from(bars: Bars) -> Self {
        Self::Bars(bars)
    }
}

impl From<Lines> for Plot {
    fn from(lines: Lines) -> Self {
        Self::Lines(lines)
    }
}

impl Plot {
    /// What its file is called behind the scenario's name; empty where a scenario has only this one.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Bars(bars) => &bars.name,
            Self::Lines(lines) => &lines.name,
        }
    }

    pub(super) fn title(&self) -> &str {
        match self {
            Self::Bars(bars) => &bars.title,
            Self::Lines(lines) => &lines.title,
        }
    }

    pub(super) fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        match self {
            Self::Bars(bars) => bars.draw(&mut svg)?,
            Self::Lines(lines) => lines.draw(&mut svg)?,
        }
        Ok(svg)
    }
}

/// Colours that people who see no red or green can tell apart (Okabe and Ito's).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
    RGBColor(204, 121, 167),
    RGBColor(120, 120, 120),
];

/// Text, and what is less than that.
const INK: RGBColor = RGBColor(40, 40, 40);
const GREY: RGBColor = RGBColor(150, 150, 150);
const PALE: RGBColor = RGBColor(228, 228, 228);

/// Width of every picture in pixels.
const WIDTH: u32 = 900;

fn colour(number: usize) -> RGBColor {
    COLOURS[number % COLOURS.len()]
}

/// Draws without a face that the reader may not have.
const FONT: &str = "sans-serif";

/// The step of a scale to `end` that has at most `most` steps: 1, 2 or 5 times a power of ten.
fn step(end: f64, most: usize) -> f64 {
    let least = end / most.max(1) as f64;
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least * 0.999).unwrap_or(least)
}

/// A number of a scale: as short as it can be.
fn tick(value: f64) -> String {
    if value >= 1e6 {
        return format!("{}M", tick(value / 1e6));
    }
    let rounded = (value * 1e6).round() / 1e6;
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_round_steps() {
        let steps = [(1.0, 10), (1.3, 8), (0.9, 5), (12.0, 8), (1000.0, 10)].map(|(end, most)| step(end, most));
        assert_eq!(steps.map(tick), ["0.1", "0.2", "0.2", "2", "100"]);
    }

    #[test]
    fn numbers_of_a_scale_are_short() {
        assert_eq!([0.30000000000000004, 2.0, 2_500_000.0, 0.05].map(tick), ["0.3", "2", "2.5M", "0.05"]);
    }
}
