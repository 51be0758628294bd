//! Bars side by side, each with the spread of its rounds: ratios of several servers, most of all.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::figure::{Spread, round};
use super::{FONT, GREY, INK, PALE, WIDTH, colour, step, tick};
use crate::Result;

/// A picture of bars that lie: a group for each server or setting, and a bar for each of `series` in a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bars {
    /// See [`super::Plot::name`].
    pub(crate) name: String,
    pub(crate) title: String,
    /// What a length is, with its unit.
    pub(crate) label: String,
    /// Names of a group's bars; empty where a group has one.
    pub(crate) series: Vec<String>,
    /// Each group's name and bars, from above.
    pub(crate) groups: Vec<(String, Vec<Bar>)>,
    /// A value to compare with, marked by a line: 1 for ratios.
    pub(crate) mark: Option<f64>,
}

/// One bar. One that is not a number is left out, and said to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl From<f64> for Bar {
    fn from(value: f64) -> Self {
        Self { median: value, min: value, max: value }
    }
}

impl From<&Spread> for Bar {
    fn from(spread: &Spread) -> Self {
        Self { median: spread.median, min: spread.min, max: spread.max }
    }
}

/// Pixels: of a bar, between groups, above all, below all, right of all, and of a letter of a group's name.
const BAR: i32 = 17;
const GAP: i32 = 13;
const HEAD: i32 = 46;
const LEGEND: i32 = 26;
const FOOT: i32 = 52;
const RIGHT: i32 = 64;
const LETTER: f64 = 7.4;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Bars {
    pub(super) fn draw(&self, svg: &mut String) -> Result<()> {
        let frame = Frame::of(self);
        let area = SVGBackend::with_string(svg, (WIDTH, frame.height())).into_drawing_area();
        area.fill(&WHITE)?;
        area.draw(&Text::new(self.title.as_str(), (16, 14), (FONT, 18).into_font().color(&INK)))?;
        self.legend(&area, &frame)?;
        self.scale(&area, &frame)?;
        let mut y = frame.top;
        for (name, bars) in &self.groups {
            let middle = y + BAR * bars.len() as i32 / 2;
            area.draw(&Text::new(name.as_str(), (frame.left - 8, middle), text(15, HPos::Right, VPos::Center)))?;
            for (number, bar) in bars.iter().enumerate() {
                draw_bar(&area, &frame, bar, y, colour(number))?;
                y += BAR;
            }
            y += GAP;
        }
        if let Some(mark) = self.mark {
            let x = frame.x(mark);
            area.draw(&PathElement::new([(x, frame.top - 6), (x, frame.bottom)], INK.stroke_width(2)))?;
        }
        area.present()?;
        Ok(())
    }

    fn legend(&self, area: &Area<'_>, frame: &Frame) -> Result<()> {
        let mut x = frame.left;
        for (number, name) in self.series.iter().enumerate() {
            area.draw(&Rectangle::new([(x, HEAD - 1), (x + 12, HEAD + 11)], colour(number).filled()))?;
            area.draw(&Text::new(name.as_str(), (x + 18, HEAD + 5), text(14, HPos::Left, VPos::Center)))?;
            x += 44 + (name.chars().count() as f64 * LETTER) as i32;
        }
        Ok(())
    }

    fn scale(&self, area: &Area<'_>, frame: &Frame) -> Result<()> {
        let each = step(frame.end, 10);
        let mut value = 0.0;
        while value <= frame.end * 1.0001 {
            let x = frame.x(value);
            area.draw(&PathElement::new([(x, frame.top - 6), (x, frame.bottom)], PALE))?;
            area.draw(&Text::new(tick(value), (x, frame.bottom + 5), text(13, HPos::Center, VPos::Top)))?;
            value += each;
        }
        let middle = (frame.left + frame.right) / 2;
        area.draw(&Text::new(self.label.as_str(), (middle, frame.bottom + 26), text(14, HPos::Center, VPos::Top)))?;
        Ok(())
    }
}

fn draw_bar(area: &Area<'_>, frame: &Frame, bar: &Bar, y: i32, colour: RGBColor) -> Result<()> {
    let middle = y + BAR / 2;
    if !bar.median.is_finite() {
        area.draw(&Text::new("no figure", (frame.left + 6, middle), text(13, HPos::Left, VPos::Center).color(&GREY)))?;
        return Ok(());
    }
    area.draw(&Rectangle::new([(frame.left, y + 1), (frame.x(bar.median), y + BAR - 1)], colour.mix(0.85).filled()))?;
    if bar.max > bar.min {
        let (from, to) = (frame.x(bar.min), frame.x(bar.max));
        area.draw(&PathElement::new([(from, middle), (to, middle)], INK))?;
        for x in [from, to] {
            area.draw(&PathElement::new([(x, middle - 4), (x, middle + 4)], INK))?;
        }
    }
    let end = frame.x(bar.median.max(bar.max)) + 6;
    area.draw(&Text::new(round(bar.median), (end, middle), text(13, HPos::Left, VPos::Center)))?;
    Ok(())
}

fn text(size: u32, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK).pos(Pos::new(horizontal, vertical))
}

/// Where bars are, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Frame {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    /// The value at the right end.
    end: f64,
}

impl Frame {
    fn of(bars: &Bars) -> Self {
        let longest = bars.groups.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let top = HEAD + if bars.series.is_empty() { 0 } else { LEGEND };
        let rows: i32 = bars.groups.iter().map(|(_, bars)| BAR * bars.len() as i32 + GAP).sum();
        let values = bars.groups.iter().flat_map(|(_, bars)| bars).flat_map(|bar| [bar.median, bar.max]);
        let end = values.chain(bars.mark).filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self {
            left: 24 + (longest as f64 * LETTER) as i32,
            right: WIDTH as i32 - RIGHT,
            top,
            bottom: top + rows,
            end: if end > 0.0 { end } else { 1.0 },
        }
    }

    fn height(&self) -> u32 {
        (self.bottom + FOOT).unsigned_abs()
    }

    fn x(&self, value: f64) -> i32 {
        self.left + (f64::from(self.right - self.left) * value / self.end).round() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars() -> Bars {
        let groups = vec![
            ("ws 1000".to_owned(), vec![Bar::from(0.5), Bar { median: 2.0, min: 1.0, max: 4.0 }]),
            ("sse".to_owned(), vec![Bar::from(f64::NAN), Bar::from(1.0)]),
        ];
        let series = vec!["push".to_owned(), "limit".to_owned()];
        Bars { title: "t".to_owned(), label: "us".to_owned(), series, groups, mark: Some(1.0), ..Bars::default() }
    }

    #[test]
    fn the_longest_bar_and_its_spread_are_within_the_frame() {
        let frame = Frame::of(&bars());
        assert_eq!((frame.end, frame.x(0.0), frame.x(4.0)), (4.0, frame.left, frame.right));
        assert_eq!(frame.bottom - frame.top, 4 * BAR + 2 * GAP);
        assert_eq!(Frame::of(&Bars::default()).end, 1.0);
    }

    #[test]
    fn a_bar_without_a_figure_is_named_and_not_drawn() {
        let mut svg = String::new();
        bars().draw(&mut svg).expect("drawn");
        assert_eq!(svg.matches("no figure").count(), 1);
        for text in ["ws 1000", "sse", "push", "limit", "2.00"] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
