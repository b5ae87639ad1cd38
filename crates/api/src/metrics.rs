//! Every metric that the server tells, named in one place.

use std::{collections::BTreeMap, fmt, time::Duration};

use axum::http::{Method, StatusCode};
use headwater_engine::{BuildStatus, DeliveryStatus, SourceStatus};
use headwater_event::{Offset, Timestamp};
use headwater_fold::{Counts, family::effects::EffectTotals};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Metric, Registry},
};

/// All metrics. A counter's name gets `_total`.
#[derive(Debug, Clone, Copy)]
enum Name {
    HttpRequests,
    HttpRequestDuration,
    EventsRefused,
    SqlQueries,
    Records,
    Events,
    NextOffset,
    EndOffset,
    Lag,
    PartitionFailed,
    ClockSeconds,
    Ready,
    BuildRecords,
    BuildRecordsOf,
    BuildRate,
    SourceNext,
    SourceLag,
    SourceFailing,
    Delivered,
    DeliveryFailing,
    Effects,
}

impl Name {
    fn name(self) -> &'static str {
        match self {
            Self::HttpRequests => "headwater_http_requests",
            Self::HttpRequestDuration => "headwater_http_request_duration_seconds",
            Self::EventsRefused => "headwater_events_refused",
            Self::SqlQueries => "headwater_sql_queries",
            Self::Records => "headwater_records_folded",
            Self::Events => "headwater_events",
            Self::NextOffset => "headwater_partition_next_offset",
            Self::EndOffset => "headwater_partition_end_offset",
            Self::Lag => "headwater_partition_lag_records",
            Self::PartitionFailed => "headwater_partition_failed",
            Self::ClockSeconds => "headwater_log_clock_seconds",
            Self::Ready => "headwater_ready",
            Self::BuildRecords => "headwater_view_build_records",
            Self::BuildRecordsOf => "headwater_view_build_records_of",
            Self::BuildRate => "headwater_view_build_records_per_second",
            Self::SourceNext => "headwater_source_next_offset",
            Self::SourceLag => "headwater_source_lag_records",
            Self::SourceFailing => "headwater_source_failing",
            Self::Delivered => "headwater_publication_events",
            Self::DeliveryFailing => "headwater_publication_failing",
            Self::Effects => "headwater_effects",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::HttpRequests => "HTTP requests answered, by method, route and status",
            Self::HttpRequestDuration => "Time until an answer began, by route",
            Self::EventsRefused => {
                "Events refused over HTTP before they were on the log, by reason"
            }
            Self::SqlQueries => "Queries by how they began: streaming, or the kind of problem",
            Self::Records => "Records of the log that were folded, of any outcome",
            Self::Events => "Records of the log by what became of them",
            Self::NextOffset => "The first offset that is not folded",
            Self::EndOffset => "The end of the log",
            Self::Lag => "How far folding is behind the end of the log, at most",
            Self::PartitionFailed => "1 if the partition stopped",
            Self::ClockSeconds => "The time of the last tick of the log's clock, since 1970",
            Self::Ready => "1 if the server is ready",
            Self::BuildRecords => "Records folded for a new version of a view, while it is built",
            Self::BuildRecordsOf => "Records to fold for a new version of a view",
            Self::BuildRate => "Records folded a second for a new version of a view",
            Self::SourceNext => "The first offset of a source's topic that is not on the log yet",
            Self::SourceLag => "How far a source is behind the end of its topic, at most",
            Self::SourceFailing => "1 if a source can't be read at the moment",
            Self::Delivered => "Events that this process put into a publication's topic",
            Self::DeliveryFailing => "1 if a publication's topic can't be written at the moment",
            Self::Effects => {
                "Effects that were ever asked for, by effect and the state they are in"
            }
        }
    }

    fn register(self, registry: &mut Registry, metric: impl Metric) {
        registry.register(self.name(), self.help(), metric);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Began {
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InPartition {
    partition: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    partition: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    partition: String,
    view: String,
    version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
    topic: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPublication {
    publication: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourcePartition {
    source: String,
    topic: String,
    partition: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EffectState {
    effect: String,
    state: &'static str,
}

/// The counters of this process's requests.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    refused: Family<Reason, Counter>,
    queries: Family<Began, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        // From 0.5 ms to 16 s, where a request that waits for its outcome has long been told.
        let durations = Family::<Route, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.000_5, 2.0, 16))
        });
        let refused = Family::default();
        let queries = Family::default();
        Name::HttpRequests.register(&mut registry, Clone::clone(&requests));
        Name::HttpRequestDuration.register(&mut registry, durations.clone());
        Name::EventsRefused.register(&mut registry, Clone::clone(&refused));
        Name::SqlQueries.register(&mut registry, Clone::clone(&queries));
        Self { registry, requests, durations, refused, queries }
    }

    /// A request was answered.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: String,
        status: StatusCode,
        took: Duration,
    ) {
        // Other methods are made up by clients, who must not be able to make labels.
        let method = match method.as_str() {
            name @ ("GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "OPTIONS" | "PATCH") => name,
            _ => "other",
        };
        let labels =
            Request { method: method.to_owned(), route: route.clone(), status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&Route { route }).observe(took.as_secs_f64());
    }

    /// An event was refused before it was on the log.
    pub(crate) fn refused(&self, reason: &str) {
        self.refused.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    /// A query began to stream, or failed to.
    pub(crate) fn queried(&self, outcome: &str) {
        self.queries.get_or_create(&Began { outcome: outcome.to_owned() }).inc();
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn encode(&self, sample: &Sample) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        text::encode_registry(&mut out, &sample.registry())?;
        text::encode_eof(&mut out)?;
        Ok(out)
    }
}

/// What the engine says of itself at one scrape.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) ready: bool,
    pub(crate) clock: Option<Timestamp>,
    pub(crate) partitions: Vec<PartitionSample>,
    pub(crate) builds: Vec<BuildStatus>,
    pub(crate) sources: Vec<SourceStatus>,
    pub(crate) publications: BTreeMap<String, DeliveryStatus>,
    pub(crate) effects: Vec<EffectTotals>,
}

/// What a partition says of itself at one scrape.
#[derive(Debug)]
pub(crate) struct PartitionSample {
    pub(crate) partition: String,
    pub(crate) next: Offset,
    /// `None` if the log could not be asked.
    pub(crate) end: Option<Offset>,
    pub(crate) counts: Counts,
    pub(crate) failed: bool,
}

/// A gauge or counter of each partition.
type PerPartition<M> = Family<InPartition, M>;

impl Sample {
    fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        let ready = Gauge::<i64>::default();
        ready.set(i64::from(self.ready));
        Name::Ready.register(&mut registry, ready);
        if let Some(time) = self.clock {
            let clock = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
            clock.set(
                Duration::from_micros(u64::try_from(time.micros()).unwrap_or(0)).as_secs_f64(),
            );
            Name::ClockSeconds.register(&mut registry, clock);
        }
        self.register_offsets(&mut registry);
        self.register_counts(&mut registry);
        self.register_builds(&mut registry);
        self.register_sources(&mut registry);
        self.register_publications(&mut registry);
        self.register_effects(&mut registry);
        registry
    }

    fn register_offsets(&self, registry: &mut Registry) {
        let (next, end) = (PerPartition::<Gauge>::default(), PerPartition::<Gauge>::default());
        let (lag, failed) = (PerPartition::<Gauge>::default(), PerPartition::<Gauge>::default());
        for sample in &self.partitions {
            let labels = InPartition { partition: sample.partition.clone() };
            next.get_or_create(&labels).set(gauge(sample.next.0));
            failed.get_or_create(&labels).set(i64::from(sample.failed));
            if let Some(log_end) = sample.end {
                end.get_or_create(&labels).set(gauge(log_end.0));
                lag.get_or_create(&labels).set(gauge(log_end.0.saturating_sub(sample.next.0)));
            }
        }
        Name::NextOffset.register(registry, next);
        Name::EndOffset.register(registry, end);
        Name::Lag.register(registry, lag);
        Name::PartitionFailed.register(registry, failed);
    }

    fn register_builds(&self, registry: &mut Registry) {
        let gauges = [(); 3].map(|()| Family::<Build, Gauge>::default());
        let [folded, of, rate] = &gauges;
        for build in &self.builds {
            for named in &build.views {
                let labels = Build {
                    partition: build.partition.clone(),
                    view: named.view.clone(),
                    version: named.version.clone(),
                };
                folded.get_or_create(&labels).set(gauge(build.records_folded));
                of.get_or_create(&labels).set(gauge(build.records_of));
                rate.get_or_create(&labels).set(gauge(build.records_per_s));
            }
        }
        let [folded, of, rate] = gauges;
        Name::BuildRecords.register(registry, folded);
        Name::BuildRecordsOf.register(registry, of);
        Name::BuildRate.register(registry, rate);
    }

    fn register_sources(&self, registry: &mut Registry) {
        let failing = Family::<OfSource, Gauge>::default();
        let [next, lag] = [(); 2].map(|()| Family::<SourcePartition, Gauge>::default());
        for SourceStatus { source, topic, partitions, problem } in &self.sources {
            let labels = OfSource { source: source.clone(), topic: topic.clone() };
            failing.get_or_create(&labels).set(i64::from(problem.is_some()));
            for place in partitions {
                let (source, topic) = (source.clone(), topic.clone());
                let labels = SourcePartition { source, topic, partition: place.partition };
                next.get_or_create(&labels).set(gauge(place.next));
                if let Some(behind) = place.lag() {
                    lag.get_or_create(&labels).set(gauge(behind));
                }
            }
        }
        Name::SourceNext.register(registry, next);
        Name::SourceLag.register(registry, lag);
        Name::SourceFailing.register(registry, failing);
    }

    fn register_publications(&self, registry: &mut Registry) {
        let (delivered, failing) = (
            Family::<OfPublication, Counter>::default(),
            Family::<OfPublication, Gauge>::default(),
        );
        for (publication, status) in &self.publications {
            let labels = OfPublication { publication: publication.clone() };
            delivered.get_or_create(&labels).inc_by(status.delivered);
            failing.get_or_create(&labels).set(i64::from(status.failed.is_some()));
        }
        Name::Delivered.register(registry, delivered);
        Name::DeliveryFailing.register(registry, failing);
    }

    fn register_effects(&self, registry: &mut Registry) {
        let effects = Family::<EffectState, Gauge>::default();
        for totals in &self.effects {
            for (state, count) in totals.counts() {
                let labels = EffectState { effect: totals.effect.clone(), state };
                effects.get_or_create(&labels).set(count);
            }
        }
        Name::Effects.register(registry, effects);
    }

    fn register_counts(&self, registry: &mut Registry) {
        let records = PerPartition::<Counter>::default();
        let events = Family::<Became, Counter>::default();
        for sample in &self.partitions {
            let partition = &sample.partition;
            let labels = InPartition { partition: partition.clone() };
            records.get_or_create(&labels).inc_by(sample.counts.records);
            for (outcome, count) in outcomes(&sample.counts) {
                let labels = Became { partition: partition.clone(), outcome };
                events.get_or_create(&labels).inc_by(count);
            }
        }
        Name::Records.register(registry, records);
        Name::Events.register(registry, events);
    }
}

fn outcomes(counts: &Counts) -> [(&'static str, u64); 7] {
    [
        ("accepted", counts.accepted),
        ("repeat", counts.repeats),
        ("rejected", counts.rejections),
        ("dead_letter", counts.dead_letters),
        ("misrouted", counts.misrouted),
        ("derived", counts.derived),
        ("late", counts.late),
    ]
}

fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
