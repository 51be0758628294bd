//! `/metrics`: what the hub, the accept loop and the process tell, in the OpenMetrics text format that Prometheus reads.

use std::fmt;
use std::time::{Duration, SystemTime};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use push_core::HubStats;
use push_mail::{CUT_BOUNDS_S, Mail, MailStats};
use push_transports::Push;
use push_transports::server::{ServeCounters, Tls};

/// Everything that can be read at one time.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    /// Source: OpenMetrics 1.0, "Overall Structure".
    pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub(crate) fn new(push: Push, serving: ServeCounters, mail: Option<Mail>, tls: Option<Tls>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Sources { push, serving, mail, tls }));
        Self(registry)
    }

    /// The text, as things are now.
    pub(crate) fn encode(&self) -> String {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &self.0).expect("a String takes all that is written");
        out
    }
}

/// Where the numbers come from.
#[derive(Debug)]
struct Sources {
    push: Push,
    serving: ServeCounters,
    mail: Option<Mail>,
    tls: Option<Tls>,
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let stats = self.push.hub().stats();
        page.hub(&stats)?;
        page.connections(&stats, self.push.is_draining())?;
        page.serving(&self.serving)?;
        page.lots(&self.serving)?;
        if let Some(mail) = &self.mail {
            page.mail(&mail.stats(), mail.accounts().count())?;
        }
        if let Some(tls) = &self.tls {
            page.tls(tls, &self.serving)?;
        }
        page.process(&Process::read(), stats.uptime)
    }
}

/// Writes metrics by kind.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    /// Its name gets `_total` at its end.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        gauge(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    /// Its name gets `_bytes` at its end.
    fn bytes(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        gauge(value).encode(self.0.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?)
    }

    fn hub(&mut self, stats: &HubStats) -> fmt::Result {
        self.counter("push_publications_accepted", "Publications accepted since the start", stats.published)?;
        self.gauge("push_head", "The last number given in the hub's one sequence", stats.head)?;
        self.gauge("push_channels", "Channels held", stats.channels)?;
        self.gauge("push_patterns", "Patterns subscribed", stats.patterns as u64)?;
        self.gauge("push_publications_retained", "Publications held in histories", stats.publications)?;
        self.bytes("push_history", "What histories hold, payloads and 256 a publication", stats.history_bytes)?;
        self.bytes("push_forms", "What the wire forms made of publications hold", stats.form_bytes)
    }

    fn connections(&mut self, stats: &HubStats, is_draining: bool) -> fmt::Result {
        let help = "Connections that subscribe, parked polls included, by transport";
        let mut family = self.0.encode_descriptor("push_subscribers", help, None, MetricType::Gauge)?;
        for (transport, count) in &stats.connections {
            gauge(*count as u64).encode(family.encode_family(&[("transport", *transport)])?)?;
        }
        self.gauge("push_draining", "1 once the server was asked to end, else 0", u64::from(is_draining))
    }

    fn serving(&mut self, serving: &ServeCounters) -> fmt::Result {
        self.gauge("push_connections", "TCP connections open, upgraded ones included", serving.connections() as u64)?;
        self.counter("push_connections_accepted", "TCP connections accepted and served", serving.accepted())?;
        self.counter(
            "push_connections_refused",
            "TCP connections refused with 429: there were too many, in all or of one address",
            serving.refused(),
        )?;
        self.counter("push_connections_stalled", "TCP connections closed: they took nothing", serving.stalled())
    }

    fn tls(&mut self, tls: &Tls, serving: &ServeCounters) -> fmt::Result {
        let not_after = tls.not_after().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = ConstGauge::new(not_after.as_secs_f64());
        let help = "Until when the certificate in use is valid, since 1970";
        let name = "push_tls_not_after";
        seconds.encode(self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?)?;
        self.counter(
            "push_tls_reloads_failed",
            "Times that the certificate was to be read again and could not be used",
            tls.reload_failures(),
        )?;
        self.counter(
            "push_tls_handshakes_failed",
            "Connections closed before they were TLS ones, by either side",
            serving.handshakes_failed(),
        )
    }

    fn lots(&mut self, serving: &ServeCounters) -> fmt::Result {
        let help = "Connections in lots, by what they do: wait for a request, are parked or busy";
        let mut family = self.0.encode_descriptor("push_lot_connections", help, None, MetricType::Gauge)?;
        for (state, count) in [("waiting", serving.waiting()), ("parked", serving.parked()), ("busy", serving.busy())] {
            gauge(count as u64).encode(family.encode_family(&[("state", state)])?)?;
        }
        self.gauge(
            "push_lot_resumed",
            "Busy connections that were parked and go on by themselves",
            serving.resumed() as u64,
        )?;
        self.gauge("push_lot_groups", "Groups of parked connections written alike", serving.groups() as u64)?;
        self.counter("push_lot_passes", "Passes that wrote publications to a group", serving.passes())?;
        self.counter("push_lot_sends", "Sends of passes, a system call each", serving.sends())?;
        self.counter("push_lot_deliveries", "Publications delivered by passes", serving.deliveries())?;
        self.counter("push_lot_blocked", "Sends of passes that a full socket did not take whole", serving.blocked())
    }

    fn mail(&mut self, stats: &MailStats, accounts: usize) -> fmt::Result {
        self.gauge("push_mail_accounts", "Mail accounts served", accounts as u64)?;
        self.gauge("push_mail_accounts_watched", "Mail accounts watched now", stats.watched as u64)?;
        self.gauge("push_mail_pings_waiting", "Pings that wait", stats.waiting as u64)?;
        let help = "Pings that have ended, by how: nothing changed, a folder changed, the client was gone, refused";
        let mut family = self.0.encode_descriptor("push_mail_pings", help, None, MetricType::Counter)?;
        let outcomes =
            [("no_changes", stats.expired), ("changes", stats.changed), ("cut", stats.cut), ("refused", stats.refused)];
        for (outcome, count) in outcomes {
            ConstCounter::new(count).encode(family.encode_family(&[("outcome", outcome)])?)?;
        }
        self.counter("push_mail_syncs", "Syncs answered", stats.syncs)?;
        self.cut_pings(stats)?;
        self.devices(
            "push_mail_devices_by_heartbeat",
            "Devices that have pinged since the start, by the mean interval of the last eight: up to, and more than the bound before",
            &stats.devices.by_heartbeat,
        )?;
        self.devices(
            "push_mail_devices_by_cut_age",
            "Devices of which pings were cut, by the median age of the last eight: up to, and more than the bound before",
            &stats.devices.by_cut_age,
        )?;
        let Some(mean) = stats.mean_heartbeat else { return Ok(()) };
        let help =
            "Mean of the last 200 intervals that devices asked for; short where something cuts connections early";
        let name = "push_mail_mean_heartbeat";
        ConstGauge::new(mean.as_secs_f64()).encode(self.0.encode_descriptor(
            name,
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?)
    }

    fn devices(&mut self, name: &str, help: &str, classes: &[u64]) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let bounds = CUT_BOUNDS_S.iter().map(u64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(classes) {
            gauge(*count).encode(family.encode_family(&[("up_to_s", bound.as_str())])?)?;
        }
        Ok(())
    }

    fn cut_pings(&mut self, stats: &MailStats) -> fmt::Result {
        let bounds = CUT_BOUNDS_S.iter().map(|bound| *bound as f64).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(stats.cut_after).collect();
        let help = "How long pings had waited when their client was gone";
        let name = "push_mail_ping_cut_age";
        let mut metric = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(stats.cut_lived.as_secs_f64(), stats.cut, &buckets, None)
    }

    fn process(&mut self, process: &Process, uptime: Duration) -> fmt::Result {
        if let Some(bytes) = process.resident_bytes {
            self.bytes("process_resident_memory", "Resident memory of the process", bytes)?;
        }
        if let Some(count) = process.open_descriptors {
            self.gauge("process_open_fds", "File descriptors open", count)?;
        }
        if let Some(count) = process.max_descriptors {
            self.gauge("process_max_fds", "File descriptors that the process may have", count)?;
        }
        let seconds = ConstGauge::new(uptime.as_secs_f64());
        let help = "Time since the start";
        seconds.encode(self.0.encode_descriptor("push_uptime", help, Some(&Unit::Seconds), MetricType::Gauge)?)
    }
}

/// The format knows signed numbers only; none here comes near their end.
fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

/// What the system tells of the process; nothing where there is no `/proc`.
#[derive(Debug, Default)]
struct Process {
    resident_bytes: Option<u64>,
    open_descriptors: Option<u64>,
    max_descriptors: Option<u64>,
}

impl Process {
    fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            resident_bytes: resident_bytes(&status),
            open_descriptors: std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
            max_descriptors: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        }
    }
}

/// `VmRSS` of a process's status. Source: proc_pid_status(5); it counts in units of 1,024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::TlsSettings;
    use push_core::{Draft, Hub, HubConfig};
    use push_mail::MailConfig;
    use push_mail::journal::Journal;
    use push_mail::state::State;
    use push_mail::store::memory::MemoryStore;

    #[test]
    fn resident_memory_is_read_from_the_status_of_the_process() {
        assert_eq!(resident_bytes("Name:\tpush\nVmRSS:\t    4096 kB\nVmData:\t 1 kB\n"), Some(4 << 20));
        assert_eq!(resident_bytes("Name:\tpush\n"), None);
    }

    #[tokio::test]
    async fn the_text_counts_what_happened_and_names_its_units() {
        let hub = Hub::new(HubConfig::default());
        hub.publish("a", Draft::text("xyz")).await.expect("it has room");
        let push = Push::new(hub, push_transports::Config::default()).expect("the defaults are valid");
        let text = Metrics::new(push, ServeCounters::default(), None, None).encode();
        assert!(!text.contains("push_mail_"), "there is none: {text}");
        for line in [
            "push_publications_accepted_total 1",
            "push_history_bytes 259",
            "push_channels 1",
            "push_connections 0",
            "push_draining 0",
            "push_lot_connections{state=\"parked\"} 0",
            "push_lot_sends_total 0",
            "# UNIT push_history_bytes bytes",
            "# TYPE push_connections_refused counter",
            "# EOF",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}: {text}");
        }
        assert!(text.contains("\npush_uptime_seconds ") && text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }

    async fn mail(hub: Hub) -> Mail {
        let state = State::in_memory().expect("memory");
        let journal = Journal::open(&state, "alice").await.expect("a journal");
        let store = MemoryStore::open(journal).await.expect("a mailbox");
        let builder = Mail::builder(hub, state, MailConfig::default());
        builder.account("alice", ["alice"], Arc::new(store)).build().expect("an account")
    }

    fn tls() -> Tls {
        let files = tempfile::tempdir().expect("a directory");
        let settings = TlsSettings { self_signed: vec!["push.example".to_owned()], ..TlsSettings::default() };
        crate::tls::open(&settings, Some(files.path())).expect("it is made")
    }

    #[tokio::test]
    async fn pings_are_counted_by_how_they_ended_and_cut_ones_by_how_long_they_lived() {
        let hub = Hub::new(HubConfig::default());
        let push = Push::new(hub.clone(), push_transports::Config::default()).expect("valid");
        let text = Metrics::new(push, ServeCounters::default(), Some(mail(hub).await), None).encode();
        for line in [
            "push_mail_accounts 1",
            "push_mail_pings_waiting 0",
            "push_mail_pings_total{outcome=\"cut\"} 0",
            "push_mail_ping_cut_age_seconds_bucket{le=\"60.0\"} 0",
            "push_mail_ping_cut_age_seconds_bucket{le=\"+Inf\"} 0",
            "push_mail_ping_cut_age_seconds_count 0",
            "push_mail_devices_by_heartbeat{up_to_s=\"480\"} 0",
            "push_mail_devices_by_cut_age{up_to_s=\"+Inf\"} 0",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}: {text}");
        }
    }

    #[tokio::test]
    async fn each_metric_stands_on_the_operators_page_with_its_kind() {
        const PAGE: &str = include_str!("../../docs/configuration.md");
        let hub = Hub::new(HubConfig::default());
        let push = Push::new(hub.clone(), push_transports::Config::default()).expect("valid");
        let text = Metrics::new(push, ServeCounters::default(), Some(mail(hub).await), Some(tls())).encode();
        let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
        assert!(types.len() > 22, "{text}");
        for (name, kind) in types {
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            let named = [format!("`{name}`"), format!("`{name}{{")];
            let is_told =
                |line: &str| named.iter().any(|name| line.contains(name)) && line.contains(&format!("| {kind} |"));
            assert!(PAGE.lines().any(is_told), "{name}, a {kind}");
        }
    }
}
