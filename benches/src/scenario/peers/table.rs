//! What the table of peers says, and its pictures.

use crate::client::tally::Account;
use crate::kind::Kind;
use crate::peers::{Found, PUSH, Peer, Transport};
use crate::report::plot::{Bar, Bars};
use crate::report::{Cell, Report, Spread};

/// What connections that do nothing take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    pub(super) rss_bytes: f64,
    pub(super) connect_us: f64,
}

/// A duel with the limit.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// CPU for a delivery, the limit's over the peer's.
    pub(super) cpu: Spread,
    /// Deliveries a second, the peer's over the limit's.
    pub(super) rate: Spread,
    /// The peer's CPU for a delivery.
    pub(super) us: Spread,
    pub(super) account: Account,
}

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Measured(Measured),
    Failed(String),
    /// Not installed, and what to do about that.
    Missing(String),
}

/// A peer over one transport with so many subscribers.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) peer: &'static Peer,
    pub(super) version: String,
    pub(super) transport: Transport,
    pub(super) kind: Kind,
    /// 0 where nothing was measured.
    pub(super) subscribers: usize,
    pub(super) idle: Option<Idle>,
    pub(super) outcome: Outcome,
}

const HEADERS: [&str; 11] = [
    "server",
    "version",
    "protocol",
    "subscribers",
    "CPU ratio limit / server",
    "CPU a delivery, server / push",
    "rate ratio server / limit",
    "CPU a delivery, us",
    "RSS a connection, B",
    "CPU a connect, us",
    "deliveries checked",
];

impl Row {
    /// A row of which nothing is known but what `found` says.
    pub(super) fn new(peer: &'static Peer, found: &Found, transport: Transport, kind: Kind) -> Self {
        let (version, outcome) = match found {
            Found::Version(version) => (version.clone(), Outcome::Failed("not measured".to_owned())),
            Found::Missing(remedy) => ("not installed".to_owned(), Outcome::Missing(remedy.clone())),
        };
        Self { peer, version, transport, kind, subscribers: 0, idle: None, outcome }
    }

    fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Failed(_) | Outcome::Missing(_) => None,
        }
    }

    /// CPU for a delivery, this one's over push's.
    fn over_push(&self, push: Option<&Measured>) -> Option<f64> {
        self.measured().zip(push).map(|(theirs, ours)| ours.cpu.median / theirs.cpu.median)
    }

    /// What of it is to be found by its name.
    fn keep(&self, push: Option<&Measured>, report: &mut Report) {
        let setting = format!("{} x {}", self.transport.name(), self.subscribers);
        if let Some(measured) = self.measured() {
            report.keep(&format!("CPU ratio limit / {}, {setting}", self.peer.name), measured.cpu.clone(), "");
        }
        if let Some(over_push) = self.over_push(push) {
            report.keep(&format!("CPU a delivery, {} / push, {setting}", self.peer.name), over_push, "");
        }
    }

    fn cells(&self, push: Option<&Measured>) -> Vec<Cell> {
        let measured = self.measured();
        let blank = || Cell::from("");
        let spread = |of: fn(&Measured) -> &Spread| measured.map_or_else(blank, |measured| of(measured).clone().into());
        let idle = |of: fn(&Idle) -> f64| self.idle.as_ref().map_or_else(blank, |idle| of(idle).into());
        vec![
            self.peer.title.into(),
            self.version.clone().into(),
            self.kind.name().into(),
            if self.subscribers == 0 { blank() } else { self.subscribers.into() },
            spread(|measured| &measured.cpu),
            self.over_push(push).map_or_else(blank, Cell::from),
            spread(|measured| &measured.rate),
            spread(|measured| &measured.us),
            idle(|idle| idle.rss_bytes),
            idle(|idle| idle.connect_us),
            self.verdict().into(),
        ]
    }

    fn verdict(&self) -> String {
        let account = match &self.outcome {
            Outcome::Measured(measured) => measured.account,
            Outcome::Failed(error) => return format!("**failed**: {error}"),
            Outcome::Missing(remedy) => return remedy.clone(),
        };
        let Account { deliveries, missing, repeated, reordered, malformed, closed, refused, .. } = account;
        if account.is_clean() {
            return format!("{deliveries}, all once and in order");
        }
        let faults = [
            (missing, "missing"),
            (repeated, "repeated"),
            (reordered, "reordered"),
            (malformed, "malformed"),
            (closed, "closed"),
            (refused, "refused"),
        ];
        let faults = faults.into_iter().filter(|(count, _)| *count > 0);
        let faults: Vec<_> = faults.map(|(count, what)| format!("**{count} {what}**")).collect();
        format!("{deliveries}, {}", faults.join(", "))
    }
}

/// A table and a picture for each transport.
pub(super) fn write(report: &mut Report, rows: &[Row], transports: &[Transport], idle: usize) {
    for transport in transports {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.transport == *transport).collect();
        let name = match idle {
            0 => transport.name().to_owned(),
            idle => format!("{}; memory and connects at {idle} connections", transport.name()),
        };
        let cells = rows.iter().map(|row| row.cells(push_of(&rows, row.subscribers))).collect();
        report.table(&name, &HEADERS, cells);
        rows.iter().for_each(|row| row.keep(push_of(&rows, row.subscribers), report));
        // Where it is the only picture it has the scenario's name.
        let name = if transports.len() == 1 { "" } else { transport.name() };
        report.plot(Bars { name: name.to_owned(), ..bars(*transport, &rows) });
    }
}

/// Push's own duel with as many subscribers.
fn push_of<'a>(rows: &[&'a Row], subscribers: usize) -> Option<&'a Measured> {
    let push = rows.iter().find(|row| row.peer.name == PUSH.name && row.subscribers == subscribers);
    push.and_then(|row| row.measured())
}

/// CPU ratios: a group for each server, a bar for each count of subscribers.
fn bars(transport: Transport, rows: &[&Row]) -> Bars {
    let mut counts: Vec<usize> = rows.iter().map(|row| row.subscribers).filter(|count| *count > 0).collect();
    counts.sort_unstable();
    counts.dedup();
    let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
    for row in rows {
        let title = format!("{} {}", row.peer.title, row.version);
        if groups.last().is_none_or(|(last, _)| *last != title) {
            groups.push((title, vec![f64::NAN.into(); counts.len()]));
        }
        if let (Some((_, bars)), Some(measured)) = (groups.last_mut(), row.measured())
            && let Ok(at) = counts.binary_search(&row.subscribers)
        {
            bars[at] = Bar::from(&measured.cpu);
        }
    }
    Bars {
        title: format!("Fan-out over {}: CPU of a bare send(2) over CPU of a delivery", transport.name()),
        label: "CPU ratio, limit / server".to_owned(),
        series: counts.iter().map(|count| format!("{count} subscribers")).collect(),
        groups,
        mark: Some(1.0),
        ..Bars::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{ALL, NAIVE};

    fn measured(cpu: f64, account: Account) -> Outcome {
        let spread = || Spread::of([cpu]);
        Outcome::Measured(Measured { cpu: spread(), rate: spread(), us: spread(), account })
    }

    fn row(peer: &'static Peer, subscribers: usize, outcome: Outcome) -> Row {
        let found = Found::Version("1.0".to_owned());
        Row { subscribers, outcome, ..Row::new(peer, &found, Transport::Sse, Kind::Sse) }
    }

    fn texts(row: &Row, push: Option<&Measured>) -> Vec<String> {
        row.cells(push).iter().map(Cell::text).collect()
    }

    #[test]
    fn a_row_stands_beside_push_with_as_many_subscribers() {
        let rows = [
            row(&PUSH, 10, measured(0.5, Account::default())),
            row(&PUSH, 20, measured(0.9, Account::default())),
            row(NAIVE, 20, measured(0.3, Account { deliveries: 7, ..Account::default() })),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        let texts = texts(rows[2], push_of(&rows, 20));
        assert_eq!((texts.len(), texts[3].as_str(), texts[5].as_str()), (HEADERS.len(), "20", "3.00"));
        assert_eq!(texts[10], "7, all once and in order");
        assert!(push_of(&rows, 30).is_none());
    }

    #[test]
    fn what_went_wrong_is_told_in_its_row() {
        let account = Account { deliveries: 7, missing: 2, closed: 1, ..Account::default() };
        assert_eq!(texts(&row(NAIVE, 5, measured(0.1, account)), None)[10], "7, **2 missing**, **1 closed**");
        let failed = texts(&row(NAIVE, 5, Outcome::Failed("gone".to_owned())), None);
        assert_eq!((failed[4].as_str(), failed[10].as_str()), ("", "**failed**: gone"));
        let missing = Row::new(ALL[2], &Found::Missing("apt-get install x".to_owned()), Transport::Ws, Kind::Ws);
        let missing = texts(&missing, None);
        assert_eq!([&missing[1], &missing[3], &missing[10]], ["not installed", "", "apt-get install x"]);
    }

    #[test]
    fn bars_of_a_server_stand_together_and_what_was_not_measured_is_no_number() {
        let rows = [
            row(&PUSH, 10, measured(0.5, Account::default())),
            row(&PUSH, 20, measured(0.9, Account::default())),
            row(NAIVE, 20, measured(0.3, Account::default())),
        ];
        let bars = bars(Transport::Sse, &rows.iter().collect::<Vec<_>>());
        let medians: Vec<Vec<f64>> =
            bars.groups.iter().map(|(_, bars)| bars.iter().map(|bar| bar.median).collect()).collect();
        assert_eq!((bars.groups.len(), &medians[0], medians[1][1]), (2, &vec![0.5, 0.9], 0.3));
        assert!(medians[1][0].is_nan() && bars.series.len() == 2);
    }
}
