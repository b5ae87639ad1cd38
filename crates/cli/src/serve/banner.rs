//! What a server tells once it is ready.

use std::path::Path;

use headwater_engine::Engine;

use super::ServeArgs;
use crate::{data_dir::DataDir, output, server_file::Addresses, target::DATA_DEFAULT};

/// Where the folder of a topology lies by custom.
const TOPOLOGY_USUAL: &str = "topology";

/// Tells where the server is, and what to try next.
pub(super) fn print(
    dir: &DataDir,
    args: &ServeArgs,
    addresses: &Addresses,
    engine: &Engine,
) -> anyhow::Result<()> {
    let (place, http) = (dir.path().display(), &addresses.http);
    let version = env!("CARGO_PKG_VERSION");
    output::line(format!("headwater {version} is ready"))?;
    output::line(format!("  HTTP       {http}     ({http}/openapi.json lists every route)"))?;
    output::line(format!("  data       {place}"))?;
    let log = engine.log();
    output::line(format!(
        "  log        {}, {} data partitions",
        log.describe(),
        log.data_partitions()
    ))?;
    let compiled = engine.compiled();
    let views = compiled.topology.feature_views.len();
    let told = output::counted(u64::try_from(views).unwrap_or(u64::MAX), "feature view");
    let coming = match compiled.coming.len() {
        0 => String::new(),
        some => format!(", {some} to be built (features.feature_view_versions tells)"),
    };
    output::line(format!("  topology   {told}{coming}"))?;
    if views == 0 && args.topology.is_none() {
        output::line(match Path::new(TOPOLOGY_USUAL).is_dir() {
            true => {
                "             (there is a folder `topology` here: --topology topology applies it)"
            }
            false => "             (none was applied yet: see `headwater init --help`)",
        })?;
    }
    let target = match args.data == Path::new(DATA_DEFAULT) {
        true => String::new(),
        false => format!(" --data {place}"),
    };
    output::line(format!(
        "try next\n  headwater produce{target} events.jsonl\n  headwater sql{target} 'show tables'\n\
         Ctrl-C stops it"
    ))?;
    Ok(())
}
