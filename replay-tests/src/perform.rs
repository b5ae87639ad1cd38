//! One process of a way: goes on where the one before died, and dies where it is told to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use headwater_engine::{Ack, Engine, Submitted};
use headwater_event::{Event, PartitionId, Timestamp, catalog::names, partition_for};
use headwater_log::AppendAck;
use serde_json::{Value, json};

use crate::{
    acts::{Act, SOURCE},
    case::Case,
    commands,
    engines::settle,
    job::{Job, State, When},
    place::Place,
    script::{Command, Step},
    topologies,
};

/// A process of a way.
pub(crate) struct Performer {
    pub(crate) scratch: PathBuf,
    pub(crate) job: Job,
    pub(crate) case: Case,
    pub(crate) state: State,
    engine: Option<Engine>,
}

/// Carries out what is left of the job in a scratch folder.
pub async fn perform(scratch: &Path) -> Result<()> {
    let job = Job::read(scratch)?;
    let case = Case::read(&job.case)?;
    let state = State::read(scratch)?;
    let mut performer = Performer { scratch: scratch.to_owned(), job, case, state, engine: None };
    let done = performer.all().await;
    performer.close().await;
    done
}

impl Performer {
    async fn all(&mut self) -> Result<()> {
        while let Some(step) = self.case.script.steps.get(self.state.steps).cloned() {
            if self.state.acts_of_step == 0 {
                self.print(&format!("> {}\n", step.text));
            }
            let told = || {
                format!("case {}, script.txt, line {}: {}", self.case.name, step.line, step.text)
            };
            let told = told();
            self.step(&step).await.context(told)?;
            self.print("\n");
            self.state.steps += 1;
            self.state.acts_of_step = 0;
            self.state.write(&self.scratch)?;
        }
        Ok(())
    }

    pub(crate) fn print(&mut self, text: &str) {
        self.state.out.push_str(text);
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match &step.command {
            Command::Topology(name) => self.topology(name).await,
            Command::Tick { time, watermark } => self.tick(*time, *watermark).await,
            Command::Play(count) => self.play(*count).await,
            Command::Crash => {
                // The step is done: the next process begins with the one after.
                self.print("\n");
                self.state.steps += 1;
                self.engine().await?;
                self.die()
            }
            asks => commands::run(self, asks).await,
        }
    }

    /// The engine; opened and at rest if it was not open.
    pub(crate) async fn engine(&mut self) -> Result<&Engine> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let engine = self.place().open().await?;
                settle(&engine).await?;
                engine
            }
        };
        Ok(self.engine.insert(engine))
    }

    /// Closes the engine cleanly.
    pub(crate) async fn close(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.shutdown().await;
        }
    }

    /// Where the log and the views are.
    pub(crate) fn place(&self) -> Place {
        Place {
            dir: self.scratch.join(format!("data-{}", self.state.data)),
            log: self.job.log.clone(),
            partitions: self.job.partitions,
            seal_every: self.state.seal_every,
            opened_at: self.case.script.opened_at,
        }
    }

    async fn topology(&mut self, name: &str) -> Result<()> {
        if self.state.acts_of_step > 0 {
            return Ok(());
        }
        let topology = match topologies::read(&self.case.dir, name)? {
            Ok(topology) => topology,
            Err(problems) => {
                for problem in problems {
                    self.print(&format!("{problem}\n"));
                }
                self.begin_act();
                return self.end_act(false).await;
            }
        };
        let data = json!({"topology": topology});
        self.ask(names::TOPOLOGY_APPLY_REQUESTED, "topology", data).await
    }

    async fn tick(&mut self, time: Timestamp, watermark: Option<Timestamp>) -> Result<()> {
        if self.state.acts_of_step > 0 {
            return Ok(());
        }
        let mut data = json!({"time": time});
        if let Some(watermark) = watermark {
            data["watermark"] = json!(watermark);
        }
        self.ask(names::CLOCK_TICK_REQUESTED, "clock", data).await
    }

    /// Submits a request of the script's own, named by the step.
    async fn ask(&mut self, event_type: &str, subject: &str, data: Value) -> Result<()> {
        let id = format!("step-{}", self.state.steps + 1);
        let event = Event::new(id, SOURCE, event_type, subject, data).in_newest_schema();
        self.act(Act::Submit(Box::new(event)), None).await
    }

    async fn play(&mut self, count: Option<usize>) -> Result<()> {
        let begun = self.state.acts_of_step;
        let left = self.case.lines.len() - self.state.played;
        let count = count.map_or(left, |count| count - begun);
        if count > left {
            bail!("{left} events are left");
        }
        for _ in 0..count {
            let line = self.case.lines.get(self.state.played).cloned().context("an event")?;
            self.state.played += 1;
            self.act(line.act, Some(line.number)).await?;
        }
        Ok(())
    }

    /// Does one thing to the log, and waits until all that follows is folded; or dies on the way.
    async fn act(&mut self, act: Act, line: Option<usize>) -> Result<()> {
        self.engine().await?;
        self.begin_act();
        let crash = self.crash();
        if crash.is_some_and(|when| when != When::Settled) {
            // What is left to do must be known before: afterwards no moment may be lost.
            self.state.dies = true;
            self.state.write(&self.scratch)?;
        }
        let ack = if crash == Some(When::Written) { Ack::Written } else { Ack::Folded };
        let refused = append(self.engine().await?, act, ack).await?;
        if let Some(refusal) = refused {
            let place = line.map_or_else(String::new, |line| format!("line {line} "));
            self.print(&format!("{place}refused at the edge: {refusal}\n"));
            return self.end_act(crash.is_some()).await;
        }
        if crash.is_some_and(|when| when != When::Settled) {
            std::process::abort();
        }
        self.end_act(crash.is_some()).await
    }

    fn begin_act(&mut self) {
        self.state.acts += 1;
        self.state.acts_of_step += 1;
    }

    /// How this process dies after the act that began, if it does.
    fn crash(&self) -> Option<When> {
        let crashes = self.job.crashes.iter();
        crashes.clone().find(|crash| crash.after == self.state.acts).map(|crash| crash.when)
    }

    async fn end_act(&mut self, dies: bool) -> Result<()> {
        settle(self.engine().await?).await?;
        if dies || self.crash().is_some() {
            self.die()?;
        }
        Ok(())
    }

    /// Dies as `kill -9` lets a process die: nothing is closed.
    fn die(&mut self) -> Result<()> {
        self.state.dies = true;
        self.state.write(&self.scratch)?;
        std::process::abort()
    }
}

/// Appends what an act says; tells why the edge refused it, if it did.
async fn append(engine: &Engine, act: Act, ack: Ack) -> Result<Option<String>> {
    let partitions = engine.log().data_partitions();
    let (id, record) = match act {
        Act::Submit(event) => {
            let answers = engine.submit(vec![*event], ack).await;
            return match answers.into_iter().next() {
                Some(Submitted::Refused(refusal)) => Ok(Some(refusal.to_string())),
                Some(Submitted::Appended(_)) => Ok(None),
                Some(Submitted::Unavailable(why)) => bail!("the log did not take it: {why}"),
                None => bail!("the engine gave no answer"),
            };
        }
        Act::Append { record, subject, by } => {
            let own = partition_for(subject.as_bytes(), partitions);
            (PartitionId::Data((own + by) % partitions), record)
        }
        Act::AppendToControl(record) => (PartitionId::Control, record),
    };
    let of_log = if ack == Ack::Written { AppendAck::Written } else { AppendAck::Durable };
    let offsets = engine.log().append(id, vec![record], of_log).await?;
    if ack == Ack::Folded {
        let last = offsets.into_iter().next_back().context("the log gave no offset")?;
        engine.wait_folded(&[(id, last)].into_iter().collect()).await?;
    }
    Ok(None)
}
