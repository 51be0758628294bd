//! The demo: the page at `/`, the host's load published to [`LOAD_CHANNEL`] once a second, and a chart of it published to [`CHART_CHANNEL`].
//!
//! Everything here is pure except [`load::Proc`], which reads three files. The wiring ticks once a second, and on each tick:
//!
//! ```text
//! Proc::read ─▶ Reading ─▶ Sample::between(last, this) ─┬─▶ to_json ─────────────────▶ host/load
//!                                                       └─▶ History::push, chart::draw ─▶ host/load.png
//! ```

pub(crate) mod assets;
pub(crate) mod chart;
pub(crate) mod load;

/// Where the samples go, one JSON object a second.
pub(crate) const LOAD_CHANNEL: &str = "host/load";

/// Where the chart goes, one PNG a second. Nobody needs old ones: a count of 1 is retention enough.
pub(crate) const CHART_CHANNEL: &str = "host/load.png";
