//! `headwater serve`: one engine and its HTTP face on a data folder, until it is told to stop.

mod banner;
mod edge;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headwater_api::{ApiState, Snapshots};
use headwater_engine::{AllowedHost, EffectsConfig, Engine, EngineConfig};
use headwater_event::{Timestamp, payload::ClockMode};
use headwater_log::DATA_PARTITIONS_MAX;
use headwater_query::{Limits, Sql};
use headwater_topology::Topology;
use tokio::{net::TcpListener, sync::oneshot};

pub(crate) use self::edge::Stop;
use self::edge::loopback;
use crate::{
    data_dir::{DataDir, Lock, WriterOptions},
    exit::{Exit, misuse},
    history_choice::{CACHE_BYTES_DEFAULT, HistoryChoice},
    log_url::LogUrl,
    objects_config, output,
    server_file::{Addresses, ServerFile},
    snapshot,
    target::DATA_DEFAULT,
    topology,
};

/// How long a start waits for views to be read: more than it takes where there is no history.
const ACTIVATION_WAIT: Duration = Duration::from_secs(2);

/// Where a new log's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Clock {
    /// The wall clock.
    Live,
    /// Events of type headwater.clock.tick_requested: for imports and tests.
    Given,
}

/// Options of `headwater serve`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater serve\n  \
    headwater serve --data /var/lib/headwater --topology topology --http 127.0.0.1:7070\n  \
    headwater serve --log kafka://127.0.0.1:9092/orders --log-config kafka.properties\n  \
    headwater serve --history s3://bucket/history    old versions of rows go to object storage\n  \
    headwater serve --effects-allow api.example.com    effects may call this host\n  \
    headwater serve --http 127.0.0.1:0      a free port, told in DIR/server.json\n\n\
    SIGTERM or Ctrl-C ends it within seconds; kill -9 loses nothing. RUST_LOG says what is logged.")]
pub(crate) struct ServeArgs {
    /// The data folder; made if it does not exist
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "HEADWATER_DATA",
        hide_env_values = true)]
    data: PathBuf,
    /// The folder of a topology to apply at the start; left out, what was applied last holds
    #[arg(long, value_name = "DIR")]
    topology: Option<PathBuf>,
    /// Where the log is: embedded, or kafka://HOST:PORT,…/NAME [default: as the folder remembers, else embedded]
    #[arg(long, value_name = "LOG")]
    log: Option<LogUrl>,
    /// A file of librdkafka's properties, key=value a line, such as those of TLS and SASL
    #[arg(long, value_name = "FILE")]
    log_config: Option<PathBuf>,
    /// A file of librdkafka's properties for topics of sources and publications at other brokers than the log's
    #[arg(long, value_name = "FILE")]
    topics_config: Option<PathBuf>,
    /// Where sealed history is kept besides the data folder: s3://BUCKET/PREFIX or a folder, for this data
    /// folder alone [default: as the folder remembers, else nowhere]
    #[arg(long, value_name = "PLACE")]
    history: Option<String>,
    /// With --history, how many bytes of each partition's sealed files stay in the folder, too
    #[arg(long, value_name = "N", default_value_t = CACHE_BYTES_DEFAULT, requires = "history")]
    history_cache_bytes: u64,
    /// A file of object storage's properties, key=value a line; AWS_… variables hold, too
    #[arg(long, value_name = "FILE")]
    objects_config: Option<PathBuf>,
    /// The number of data partitions of a new log; never changes [default: 4]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(DATA_PARTITIONS_MAX)))]
    partitions: Option<u32>,
    /// Where a new log's time comes from; never changes
    #[arg(long, value_enum, default_value = "live")]
    clock: Clock,
    /// A new log's time at its start, as in 1997-01-01T00:00:00Z; with --clock given
    #[arg(long, value_name = "TIME")]
    opened_at: Option<Timestamp>,
    /// A host that effects may call, as in api.example.com or 127.0.0.1:8080; may be given again
    #[arg(long = "effects-allow", value_name = "HOST[:PORT]")]
    effects_allow: Vec<AllowedHost>,
    /// Let effects run programs: whoever may apply a topology may then run what they like here
    #[arg(long)]
    effects_commands: bool,
    /// Where HTTP listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    http: String,
    /// Print the addresses as one JSON object
    #[arg(long)]
    json: bool,
}

impl ServeArgs {
    fn history(&self) -> anyhow::Result<Option<HistoryChoice>> {
        let config = self.objects_config.as_deref();
        let given = |place: &String| HistoryChoice::given(place, config, self.history_cache_bytes);
        self.history.as_ref().map(given).transpose()
    }
}

/// Runs the command.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<Exit> {
    if args.opened_at.is_some() && args.clock == Clock::Live {
        return Err(misuse("--opened-at is for a log whose time is given; add --clock given"));
    }
    let address = loopback(&args.http).await?;
    let topology = match args.topology.as_deref().map(topology::load).transpose()? {
        Some(Err(problems)) => {
            topology::print_problems(&problems, args.json)?;
            return Ok(Exit::No);
        }
        Some(Ok(topology)) => Some(topology),
        None => None,
    };
    let properties = objects_config::read(args.objects_config.as_deref())?;
    let dir = DataDir::new(&args.data);
    let lock = dir.lock()?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to listen on {address}; choose another with --http"))?;
    let mut stop = Stop::new()?;
    let engine = tokio::select! {
        engine = open(&dir, &lock, &args, topology.as_ref()) => engine?,
        () = stop.asked() => return Ok(Exit::Done),
    };
    let snapshots = Snapshots { maker: snapshot::maker(dir.path(), engine.stores()), properties };
    let served = serve(&dir, &args, listener, (engine.clone(), snapshots), stop).await;
    engine.shutdown().await;
    served.map(|()| Exit::Done)
}

async fn open(
    dir: &DataDir,
    lock: &Lock,
    args: &ServeArgs,
    topology: Option<&Topology>,
) -> anyhow::Result<Engine> {
    let options = WriterOptions {
        log: args.log.clone(),
        log_config: args.log_config.clone(),
        history: args.history()?,
        partitions: args.partitions,
    };
    let (log, stores) = dir.open_to_write(lock, options).await?;
    let place = dir.path().display();
    let mut config = EngineConfig::new(dir.path());
    config.opened_at = args.opened_at;
    config.topics = Some(dir.topics(args.topics_config.as_deref())?);
    config.clock = match args.clock {
        Clock::Live => ClockMode::Live,
        Clock::Given => ClockMode::Given,
    };
    config.effects = EffectsConfig {
        run: true,
        allow: args.effects_allow.clone(),
        commands: args.effects_commands,
        ..EffectsConfig::default()
    };
    let engine = Engine::open(log, stores, config)
        .await
        .with_context(|| format!("failed to open the data folder {place}"))?;
    if let Some(topology) = topology
        && let Err(error) = apply(&engine, topology).await
    {
        engine.shutdown().await;
        return Err(error).context("failed to apply the topology");
    }
    Ok(engine)
}

/// Views without history are read at once; others are built while the server serves.
async fn apply(engine: &Engine, topology: &Topology) -> headwater_engine::Result<()> {
    engine.request_topology(topology).await?;
    match tokio::time::timeout(ACTIVATION_WAIT, engine.wait_activated(topology)).await {
        Ok(activated) => activated,
        Err(_elapsed) => Ok(()),
    }
}

async fn serve(
    dir: &DataDir,
    args: &ServeArgs,
    listener: TcpListener,
    (engine, snapshots): (Engine, Snapshots),
    mut stop: Stop,
) -> anyhow::Result<()> {
    let addresses = Addresses { http: format!("http://{}", listener.local_addr()?) };
    let sql = Arc::new(Sql::new(Limits::default())?);
    let (stopping, stopped) = oneshot::channel::<()>();
    let state = ApiState::with_snapshots(engine.clone(), sql, snapshots);
    let api = headwater_api::serve(listener, state, async move {
        let _ = stopped.await;
    });
    let mut api = tokio::spawn(api);
    let file = ServerFile::write(dir, &addresses)?;
    if args.json {
        output::json(&addresses)?;
    } else {
        banner::print(dir, args, &addresses, &engine)?;
    }
    let ended = tokio::select! {
        ended = &mut api => ended,
        () = stop.asked() => {
            // Whoever looks for the server from here on should not find it.
            drop(file);
            tracing::info!("stopping");
            let _ = stopping.send(());
            api.await
        }
    };
    ended?.context("failed to serve HTTP")
}
