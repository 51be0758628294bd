//! Whether a series grows.

/// Whether what was looked at over time stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trend {
    Flat,
    Growing,
    /// The time was too short to tell.
    Unknown,
}

/// Below this many minutes in the second half what is growing cannot be told from what settles.
pub(super) const LEAST_MINUTES: f64 = 5.0;

/// Growth that is held to be none: this share of what there is, over the second half, or these KiB if that is more.
const SHARE: f64 = 0.01;
const KIB: f64 = 256.0;

/// The second half of `points`, which are (minutes, KiB).
pub(super) fn second_half(points: &[(f64, f64)]) -> &[(f64, f64)] {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return points };
    let middle = f64::midpoint(*first, *last);
    &points[points.partition_point(|(minute, _)| *minute < middle)..]
}

/// The median of the slopes of all pairs (Theil and Sen): what a third of the points does, however wild, changes nothing.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(at, from)| points[at + 1..].iter().map(move |to| (from, to)));
    let mut slopes: Vec<f64> =
        pairs.filter(|(from, to)| to.0 > from.0).map(|(from, to)| (to.1 - from.1) / (to.0 - from.0)).collect();
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied().unwrap_or_default()
}

/// What the second half says.
pub(super) fn trend(points: &[(f64, f64)]) -> Trend {
    let half = second_half(points);
    let (Some((first, _)), Some((last, there))) = (half.first(), half.last()) else { return Trend::Unknown };
    let minutes = last - first;
    if minutes < LEAST_MINUTES {
        return Trend::Unknown;
    }
    let grown = slope(half) * minutes;
    if grown > KIB.max(there * SHARE) { Trend::Growing } else { Trend::Flat }
}

impl Trend {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Growing => "**growing**",
            Self::Unknown => "too short to tell",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(minutes: usize, of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..=minutes * 6).map(|at| at as f64 / 6.0).map(|minute| (minute, of(minute))).collect()
    }

    #[test]
    fn what_rises_first_and_then_stays_is_flat() {
        let points = series(30, |minute| 20_000.0 + (minute * 1000.0).min(8000.0));
        assert_eq!(trend(&points), Trend::Flat);
    }

    #[test]
    fn what_rises_all_the_time_grows_however_much_it_wavers() {
        let points = series(30, |minute| 20_000.0 + minute * 100.0 + (minute * 6.0 % 5.0) * 300.0);
        assert_eq!(trend(&points), Trend::Growing);
        let slope = slope(second_half(&points));
        assert!((90.0..110.0).contains(&slope), "{slope}");
    }

    #[test]
    fn a_few_wild_points_are_no_growth() {
        let points = series(30, |minute| if minute > 28.0 { 90_000.0 } else { 20_000.0 });
        assert_eq!(trend(&points), Trend::Flat);
    }

    #[test]
    fn of_a_short_time_nothing_is_told() {
        assert_eq!(trend(&series(6, |minute| minute * 10_000.0)), Trend::Unknown);
        assert_eq!(trend(&[]), Trend::Unknown);
        assert_eq!(slope(&[(1.0, 2.0)]), 0.0);
    }
}
