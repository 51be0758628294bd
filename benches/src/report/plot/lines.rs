//! Lines over two axes: percentiles, and what changes with a size.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{FONT, GREY, INK, PALE, WIDTH, colour, step, tick};
use crate::Result;

/// A picture of lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// See [`super::Plot::name`].
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
    /// A value to compare with, marked by a line across: 1 for ratios.
    pub(crate) mark: Option<f64>,
}

/// One line and what it is of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What an axis tells, with its unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) scale: Scale,
}

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0.
    #[default]
    Linear,
    /// Each power of ten is as long as another.
    Log,
    /// Shares of all below 1: each nine more is as long as another, and 1 itself is not there.
    Percentile,
}

/// Height in pixels.
const HEIGHT: u32 = 480;

impl Lines {
    pub(super) fn draw(&self, svg: &mut String) -> Result<()> {
        let root = SVGBackend::with_string(svg, (WIDTH, HEIGHT)).into_drawing_area();
        root.fill(&WHITE)?;
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let x = self.x.span(all().map(|(x, _)| *x));
        let y = self.y.span(all().map(|(_, y)| *y).chain(self.mark));
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, (FONT, 18).into_font().color(&INK))
            .margin(16)
            .margin_right(32)
            .x_label_area_size(48)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(PALE)
            .axis_style(GREY)
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .x_labels(12)
            .y_labels(10)
            .label_style((FONT, 13).into_font().color(&INK))
            .axis_desc_style((FONT, 14).into_font().color(&INK))
            .draw()?;
        if let Some(mark) = self.mark {
            let at = y.scale.place(mark);
            chart.draw_series([PathElement::new([(x.from, at), (x.to, at)], INK.stroke_width(2))])?;
        }
        for (number, line) in self.lines.iter().enumerate() {
            let places = line.points.iter().map(|(at, value)| (x.scale.place(*at), y.scale.place(*value)));
            // Of a share of 1 there is no place, nor of the logarithm of 0.
            let points: Vec<_> = places.filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
            let style = colour(number).stroke_width(2);
            if points.len() < DOTTED {
                chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, colour(number).filled())))?;
            }
            chart
                .draw_series(LineSeries::new(points, style))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            // Lines rise, most of them.
            .position(SeriesLabelPosition::LowerRight)
            .label_font((FONT, 14).into_font().color(&INK))
            .background_style(WHITE.mix(0.85))
            .border_style(PALE)
            .draw()?;
        root.present()?;
        Ok(())
    }
}

/// Lines of fewer points than this show each.
const DOTTED: usize = 20;

impl Axis {
    /// An axis of `label` and `scale`.
    pub(crate) fn new(label: &str, scale: Scale) -> Self {
        Self { label: label.to_owned(), scale }
    }

    /// What of the axis is to be seen so that all of `values` are.
    fn span(&self, values: impl Iterator<Item = f64>) -> Span {
        let places = values.map(|value| self.scale.place(value)).filter(|place| place.is_finite());
        let (from, to) = places.fold((f64::MAX, f64::MIN), |(from, to), place| (from.min(place), to.max(place)));
        let (from, to) = if from <= to { (from, to) } else { (0.0, 1.0) };
        match self.scale {
            Scale::Linear if to > 0.0 => Span { scale: self.scale, from: 0.0, to: to * 1.05 },
            Scale::Linear => Span { scale: self.scale, from: 0.0, to: 1.0 },
            Scale::Percentile => Span { scale: self.scale, from: 0.0, to: to.max(2.0) },
            // A range has to have something between its ends.
            Scale::Log => Span { scale: self.scale, from: from - 0.05, to: to + 0.05 },
        }
    }
}

impl Scale {
    /// Where `value` is.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            Self::Percentile => -(1.0 - value).log10(),
        }
    }
}

/// The part of an axis that is to be seen, in places.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    scale: Scale,
    from: f64,
    to: f64,
}

impl Span {
    fn text(self, place: f64) -> String {
        match self.scale {
            Scale::Linear => tick(place),
            Scale::Log => tick(rounded(10f64.powf(place))),
            Scale::Percentile => format!("{} %", tick((1.0 - 10f64.powf(-place)) * 100.0)),
        }
    }

    /// Values that are marked on it.
    fn marks(self, most: usize) -> Vec<f64> {
        const SHARES: [f64; 6] = [0.0, 0.5, 0.75, 0.9, 0.95, 0.99];
        let within = |place: &f64| (self.from - 1e-9..=self.to + 1e-9).contains(place);
        let places: Vec<f64> = match self.scale {
            Scale::Linear => {
                let each = step(self.to, most);
                (0..).map(|number| f64::from(number) * each).take_while(|place| *place <= self.to).collect()
            }
            Scale::Log => {
                let factors: &[f64] = if self.to - self.from > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let powers = self.from.floor() as i32..=self.to.ceil() as i32;
                powers.flat_map(|power| factors.iter().map(move |factor| f64::from(power) + factor.log10())).collect()
            }
            Scale::Percentile => {
                SHARES.into_iter().map(|share| self.scale.place(share)).chain((3..9).map(f64::from)).collect()
            }
        };
        places.into_iter().filter(within).collect()
    }
}

/// Two digits: what a mark was before its logarithm was taken.
fn rounded(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor() - 1.0);
    (value / power).round() * power
}

impl ValueFormatter<f64> for Span {
    fn format(place: &f64) -> String {
        tick(*place)
    }

    fn format_ext(&self, place: &f64) -> String {
        self.text(*place)
    }
}

impl Ranged for Span {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        self.marks(hint.max_num_points())
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(scale: Scale, values: &[f64], most: usize) -> Vec<String> {
        let span = Axis::new("", scale).span(values.iter().copied());
        span.marks(most).into_iter().map(|place| span.text(place)).collect()
    }

    #[test]
    fn marks_are_round_and_within_what_is_to_be_seen() {
        assert_eq!(marks(Scale::Linear, &[0.2, 1.0], 6), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(marks(Scale::Log, &[100.0, 10_000.0], 9), ["100", "200", "500", "1000", "2000", "5000", "10000"]);
        assert_eq!(marks(Scale::Log, &[0.1, 10_000.0], 9), ["0.1", "1", "10", "100", "1000", "10000"]);
        let shares = ["0 %", "50 %", "75 %", "90 %", "95 %", "99 %", "99.9 %"];
        assert_eq!(marks(Scale::Percentile, &[0.5, 0.9995], 9), shares);
    }

    #[test]
    fn a_picture_of_nothing_or_of_one_value_can_be_drawn() {
        for scale in [Scale::Linear, Scale::Log, Scale::Percentile] {
            for points in [vec![], vec![(0.5, 0.5)], vec![(0.0, 0.0), (f64::NAN, f64::NAN)]] {
                let axis = Axis::new("label", scale);
                let lines = vec![Line { name: "line".to_owned(), points }];
                let mut svg = String::new();
                Lines { x: axis.clone(), y: axis, lines, ..Lines::default() }.draw(&mut svg).expect("drawn");
                assert!(svg.contains("label"), "{scale:?}");
            }
        }
    }
}
