//! The report as a picture: wake-ups and delay of each rule over the cut-offs.

use plotters::prelude::*;

use super::{Cost, Report, report::cut_off_name};

/// The picture could not be drawn; the text says where drawing failed.
#[derive(Debug, thiserror::Error)]
#[error("the chart could not be drawn: {0}")]
pub struct ChartError(String);

/// Width and height in pixels.
const SIZE: (u32, u32) = (960, 760);

/// Colours that people who see no red or green can tell apart (Okabe and Ito's), one a rule.
const COLOURS: [RGBColor; 7] = [
    RGBColor(120, 120, 120),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
];

/// Draws the report as SVG.
///
/// # Errors
/// If the drawing library refuses, which no report is known to make it do.
pub fn chart(report: &Report) -> Result<String, ChartError> {
    let mut svg = String::new();
    draw(report, &mut svg).map_err(|error| ChartError(error.to_string()))?;
    Ok(svg)
}

fn draw(report: &Report, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(SIZE.1 / 2);
    panel(report, &upper, "Wake-ups a day, by the network's cut-off (logarithmic)", Cost::wake_ups_a_day)?;
    panel(report, &lower, "Mean delay of mail in seconds (logarithmic)", Cost::mean_delay_secs)?;
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn panel(
    report: &Report,
    area: &Area<'_>,
    caption: &str,
    value: fn(&Cost) -> f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || report.by_cut_off.iter().flat_map(|row| row.costs.iter().map(|(_, cost)| value(cost)));
    // A logarithm needs something above zero, and a range something between its ends.
    let lowest = all().fold(f64::MAX, f64::min).clamp(0.1, 1e6);
    let highest = all().fold(lowest * 1.1, f64::max);
    let last = report.by_cut_off.len().saturating_sub(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..last, (lowest * 0.9..highest * 1.1).log_scale())?;
    let name =
        |x: &f64| report.by_cut_off.get(x.round() as usize).map_or_else(String::new, |row| cut_off_name(row.cut_off));
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_labels(report.by_cut_off.len())
        .x_label_formatter(&name)
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    for (index, (rule, _)) in report.rules.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let style = colour.stroke_width(if rule == "ours" { 4 } else { 2 });
        let points = report
            .by_cut_off
            .iter()
            .enumerate()
            .filter_map(|(x, row)| row.costs.get(index).map(|(_, cost)| (x as f64, value(cost))));
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(rule.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    Ok(())
}
