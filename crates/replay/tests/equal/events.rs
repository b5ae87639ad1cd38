//! Steps as events: what is done to a log, the same whatever log it is.

use bytes::Bytes;
use headwater_event::{Event, NewRecord, Timestamp, catalog::names};
use serde_json::{Value as Json, json};

use crate::{
    app::{Variant, topology},
    workload::{Asked, Broken, Step, Told, Total, Value},
};

const SOURCE: &str = "https://app.example.com";
/// The log's time at its start.
pub(crate) const OPENED_AT: &str = "1997-01-01T00:00:00Z";
const HOUR_MICROS: i64 = 3_600_000_000;
const SHA_256: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Something that is done to a log.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// An event is submitted.
    Submit(Box<Event>),
    /// Events are submitted at once.
    SubmitAll(Vec<Event>),
    /// A record is appended past the edge, to the data partition of this number, counted around; so
    /// many partitions beside that of its subject if it has one.
    Append { record: NewRecord, subject: Option<String>, by: u32 },
    /// A record is appended past the edge to control.
    AppendToControl(NewRecord),
}

impl Act {
    /// Whether nothing may be on its way between two partitions before the next act: what follows from
    /// this comes to other partitions, and its place among their events counts.
    pub(crate) fn is_apart(&self) -> bool {
        match self {
            Self::Submit(event) => [names::CLOCK_TICK_REQUESTED, names::TOPOLOGY_APPLY_REQUESTED]
                .contains(&&*event.event_type),
            Self::SubmitAll(_) => false,
            Self::Append { .. } | Self::AppendToControl(_) => true,
        }
    }
}

/// What is done: first what nearly every step builds on, then the steps.
pub(crate) fn acts(steps: &[Step]) -> Vec<Act> {
    let first = [
        Asked::Topology(Variant::FIRST),
        Asked::Experiment { name: 0 },
        Asked::Run { run: 0, experiment: 0 },
        Asked::Model { name: 0 },
        Asked::ModelVersion { model: 0, run: Some(0) },
    ];
    let mut writer = Writer::default();
    let mut acts: Vec<Act> =
        first.iter().map(|asked| Act::Submit(Box::new(writer.ask(asked)))).collect();
    acts.extend(steps.iter().map(|step| writer.act(step)));
    acts
}

/// The time that an act asks the log's clock for.
pub(crate) fn tick_of(act: &Act) -> Option<Timestamp> {
    let Act::Submit(event) = act else { return None };
    let asks = event.event_type == names::CLOCK_TICK_REQUESTED;
    asks.then(|| event.data["time"].as_str().unwrap().parse().unwrap())
}

/// Writes events, and remembers them.
#[derive(Default)]
struct Writer {
    written: Vec<Event>,
    clock_hours: i64,
}

impl Writer {
    fn act(&mut self, step: &Step) -> Act {
        match step {
            Step::Tell(told) => Act::Submit(Box::new(self.tell(told))),
            Step::Ask(asked) => Act::Submit(Box::new(self.ask(asked))),
            Step::Astray { told, by } => {
                let event = self.tell(told);
                let (record, subject) = (event.to_record(), Some(event.subject));
                Act::Append { record, subject, by: u32::from(*by) }
            }
            Step::Broken { partition, kind } => broken(*kind, u32::from(*partition)),
            Step::Again { back } => Act::Submit(Box::new(self.earlier(*back))),
            Step::Reused { back } => Act::Submit(Box::new(other_content(self.earlier(*back)))),
            Step::Burst { orders } => {
                Act::SubmitAll((0..*orders).map(|n| self.tell(&order_of_burst(n))).collect())
            }
        }
    }

    fn earlier(&self, back: u16) -> Event {
        let last = self.written.len() - 1;
        self.written[last - usize::from(back) % self.written.len()].clone()
    }

    fn event(&mut self, name: &str, subject: String, hour: Option<u16>, data: Json) -> Event {
        let mut event = Event::new(format!("e{}", self.written.len()), SOURCE, name, subject, data);
        event.time = hour.map(|hour| at_hour(i64::from(hour)));
        event
    }

    fn tell(&mut self, told: &Told) -> Event {
        let event = self.told(told);
        self.written.push(event.clone());
        event
    }

    fn ask(&mut self, asked: &Asked) -> Event {
        let event = self.asked(asked);
        self.written.push(event.clone());
        event
    }

    fn told(&mut self, told: &Told) -> Event {
        match told {
            Told::Order { customer, total, channel, hour, second } => {
                let name = if *second { "amount" } else { "total" };
                let mut data = json!({});
                match total {
                    Total::Cents(cents) => data[name] = json!(f64::from(*cents) / 100.0),
                    Total::Null => data[name] = Json::Null,
                    Total::Absent => {}
                    Total::Finer(n) => data[name] = json!(f64::from(*n) / 1_000.0 + 0.0005),
                }
                if let Some(channel) = channel {
                    data["channel"] = json!(format!("channel-{channel}"));
                }
                let mut event =
                    self.event("app.order.placed", format!("customer-{customer}"), *hour, data);
                if *second {
                    event.data["currency"] = json!("EUR");
                    event.dataschema = Some(format!("{SOURCE}/schemas/app.order.placed/v2"));
                }
                event
            }
            Told::Visit { visitor, page, seconds, hour } => {
                let data = json!({"page": page, "seconds": seconds});
                self.event("app.visit.made", format!("visitor-{visitor}"), *hour, data)
            }
            Told::Score { subject, customer, score, class, known } => {
                let view = if *known { "scores" } else { "nothing" };
                let mut values = json!({});
                if let Some(score) = score {
                    values["score"] = json!(score);
                }
                if let Some(class) = class {
                    values["class"] = json!(format!("class-{class}"));
                }
                let entity = json!({"customer": format!("customer-{customer}")});
                let data = json!({"feature_view": view, "entity": entity, "values": values});
                self.event(names::FEATURE_WRITTEN, format!("customer-{subject}"), None, data)
            }
            Told::Predict { request, model, version, named } => {
                // Some name another request than their subject does, and are refused.
                let named = if *named < 7 { *request } else { *named };
                let data = json!({
                    "prediction_id": format!("request-{named}"), "model": format!("model-{model}"),
                    "model_version": version, "entity": {"customer": version},
                    "inputs": {"orders": named}, "outputs": {"probability": 0.125},
                    "latency_ms": f64::from(*version) / 4.0,
                });
                self.event(names::PREDICTION_MADE, format!("request-{request}"), None, data)
            }
            Told::Label { request, label } => {
                let id = format!("request-{request}");
                let label = [json!(true), json!(0.25), json!("yes"), json!({"a": [1]})]
                    [usize::from(*label)]
                .clone();
                let data = json!({"prediction_id": id, "label": label});
                self.event(names::LABEL_OBSERVED, id, None, data)
            }
        }
    }

    fn asked(&mut self, asked: &Asked) -> Event {
        let run_id = |run: &u8| format!("run-{run}");
        let model_of = |model: &u8| format!("model-{model}");
        let artifact = json!({"path": "model.bin", "sha256": SHA_256, "size_bytes": 10});
        match asked {
            Asked::Experiment { name } => {
                let name = format!("experiment-{name}");
                let data = json!({"name": name});
                self.event(names::EXPERIMENT_CREATE_REQUESTED, name, Some(1), data)
            }
            Asked::Run { run, experiment } => {
                let experiment = format!("experiment-{experiment}");
                let data = json!({"run_id": run_id(run), "experiment": experiment});
                self.event(names::RUN_CREATE_REQUESTED, run_id(run), None, data)
            }
            Asked::Param { run, key, value } => {
                let (key, value) = (format!("key-{key}"), value.to_string());
                let data = json!({"run_id": run_id(run), "key": key, "value": value});
                self.event(names::PARAM_LOG_REQUESTED, run_id(run), None, data)
            }
            Asked::Metric { run, key, value, step, measured, second } => {
                let value = match value {
                    Value::Number(number) => json!(number),
                    Value::NaN => json!("NaN"),
                    Value::Infinity => json!("Infinity"),
                    Value::NegativeInfinity => json!("-Infinity"),
                };
                let measured = measured.map(|hour| at_hour(i64::from(hour)).to_string());
                let key = format!("metric-{key}");
                let data = match second {
                    false => json!({
                        "run_id": run_id(run), "key": key, "value": value, "step": step,
                        "timestamp": measured,
                    }),
                    true => json!({"run_id": run_id(run), "metrics": [
                        {"key": key, "value": value, "step": step, "measured_at": measured},
                        {"key": "loss", "value": 0.5, "step": 1},
                    ]}),
                };
                let event = self.event(names::METRIC_LOGGED, run_id(run), None, data);
                event.in_schema(if *second { 2 } else { 1 })
            }
            Asked::Tag { run, key, value } => {
                let (key, value) = (format!("key-{key}"), value.to_string());
                let data = json!({"run_id": run_id(run), "key": key, "value": value});
                self.event(names::RUN_TAG_SET_REQUESTED, run_id(run), None, data)
            }
            Asked::Finish { run, status, artifact: with } => {
                let status = ["FINISHED", "FAILED", "KILLED"][usize::from(*status)];
                let artifacts = if *with { vec![artifact] } else { Vec::new() };
                let data = json!({"run_id": run_id(run), "status": status, "artifacts": artifacts});
                self.event(names::RUN_FINISH_REQUESTED, run_id(run), None, data)
            }
            Asked::Model { name } => {
                let data = json!({"name": model_of(name), "description": "What it is for."});
                self.event(names::REGISTERED_MODEL_CREATE_REQUESTED, model_of(name), None, data)
            }
            Asked::ModelVersion { model, run } => {
                let run = run.map(|run| run_id(&run));
                let data = json!({"name": model_of(model), "run_id": run, "artifact": artifact});
                self.event(names::MODEL_VERSION_CREATE_REQUESTED, model_of(model), None, data)
            }
            Asked::Alias { model, alias, version, expected } => {
                let data = json!({
                    "name": model_of(model), "alias": format!("alias-{alias}"),
                    "version": version, "expected_version": expected,
                });
                self.event(names::MODEL_ALIAS_SET_REQUESTED, model_of(model), None, data)
            }
            Asked::Unalias { model, alias } => {
                let data = json!({"name": model_of(model), "alias": format!("alias-{alias}")});
                self.event(names::MODEL_ALIAS_REMOVE_REQUESTED, model_of(model), None, data)
            }
            Asked::CancelEffect { key } => {
                let data = json!({"effect": "nothing", "key": format!("{key:032x}")});
                self.event(names::EFFECT_CANCEL_REQUESTED, "nothing".to_owned(), None, data)
            }
            Asked::Rollout { rollout, model, percent, sum, expected } => {
                let rollout = format!("rollout-{rollout}");
                let rest = sum.saturating_sub(*percent);
                let shares = json!([
                    {"version": 1, "percent": percent}, {"version": 2, "percent": rest},
                ]);
                let data = json!({
                    "rollout": rollout, "model": model_of(model), "shares": shares,
                    "expected_revision": expected,
                });
                self.event(names::ROLLOUT_CHANGE_REQUESTED, rollout, None, data)
            }
            Asked::Tick { hours } => {
                let hour = self.clock_hours + i64::from(*hours);
                self.clock_hours = self.clock_hours.max(hour);
                let data = json!({"time": at_hour(hour)});
                self.event(names::CLOCK_TICK_REQUESTED, "clock".to_owned(), None, data)
            }
            Asked::Topology(variant) => {
                let data = json!({"topology": topology(*variant)});
                let subject = "topology".to_owned();
                self.event(names::TOPOLOGY_APPLY_REQUESTED, subject, None, data)
            }
            Asked::NoTopology => {
                let data = json!({"topology": {"feature_views": 7}});
                let subject = "topology".to_owned();
                self.event(names::TOPOLOGY_APPLY_REQUESTED, subject, None, data)
            }
        }
    }
}

fn at_hour(hour: i64) -> Timestamp {
    let opened: Timestamp = OPENED_AT.parse().unwrap();
    Timestamp::from_micros(opened.micros() + hour * HOUR_MICROS)
}

fn order_of_burst(n: u16) -> Told {
    Told::Order {
        customer: u8::try_from(n % 11).unwrap(),
        total: Total::Cents(i32::from(n)),
        channel: Some(u8::try_from(n % 3).unwrap()),
        hour: Some(n % 1_500),
        second: false,
    }
}

/// The same id, subject and type, and another payload that the type takes.
fn other_content(event: Event) -> Event {
    let mut event = event;
    let time = event.time.map_or(at_hour(7), |time| Timestamp::from_micros(time.micros() + 1));
    event.time = Some(time);
    event
}

fn broken(kind: Broken, partition: u32) -> Act {
    let order = |data: Json| Event::new("broken", SOURCE, "app.order.placed", "customer-1", data);
    let run = json!({"run_id": "run-7", "experiment": "experiment-0"});
    let asked = Event::new("broken", SOURCE, names::RUN_CREATE_REQUESTED, "run-7", run);
    let text = |text: &'static str| NewRecord {
        key: Some(Bytes::from_static(b"customer-1")),
        value: Some(Bytes::from_static(text.as_bytes())),
        ..NewRecord::default()
    };
    let record = match kind {
        Broken::NotJson => text("no event"),
        Broken::NoValue => NewRecord::default(),
        Broken::NoEnvelope => text("{\"specversion\": \"1.0\"}"),
        Broken::OtherSchema => order(json!({"total": "much"})).to_record(),
        Broken::UnknownType => {
            Event::new("broken", SOURCE, "app.nothing.known", "x", json!({})).to_record()
        }
        Broken::UnknownVersion => {
            let mut event = order(json!({"total": 1.0}));
            event.dataschema = Some(format!("{SOURCE}/schemas/app.order.placed/v9"));
            event.to_record()
        }
        Broken::FarTime => {
            let mut event = order(json!({"total": 1.0}));
            event.time = Some("9999-01-01T00:00:00Z".parse().unwrap());
            event.to_record()
        }
        Broken::Asked => asked.to_record(),
        Broken::Unsigned => return Act::AppendToControl(asked.to_record()),
        Broken::Forged => {
            let ticked = json!({"n": 900, "time": OPENED_AT, "watermark": OPENED_AT});
            Event::new("broken", "headwater", names::CLOCK_TICKED, "clock", ticked).to_record()
        }
    };
    Act::Append { record, subject: None, by: partition }
}
