//! Applying a topology, and waiting until it holds and until its views are read.

use headwater_event::{Offset, PartitionId, catalog::names, payload::TopologyApplyRequested};
use headwater_fold::Head;
use headwater_topology::Topology;

use crate::{Engine, Error, ErrorKind, Result, shared::Progress};

impl Engine {
    /// Makes a topology hold from here on, and waits until every view's name reads the version that
    /// it declares. `false` if it held already.
    pub async fn apply_topology(&self, topology: &Topology) -> Result<bool> {
        let applied = self.request_topology(topology).await?;
        self.wait_activated(topology).await?;
        Ok(applied)
    }

    /// Makes a topology hold from here on, and waits until every partition has it. The history of
    /// versions that have one is folded in the background. `false` if it held already.
    pub async fn request_topology(&self, topology: &Topology) -> Result<bool> {
        let hash = topology.hash();
        if self.head(PartitionId::Control)?.topology.as_deref() == Some(&*hash) {
            return Ok(false);
        }
        let data = serde_json::to_value(topology)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let request = TopologyApplyRequested { topology: data };
        let at = self.log().end(PartitionId::Control).await?;
        let id = format!("topology-{hash}-at-{at}");
        let (offset, _) =
            self.request(id, names::TOPOLOGY_APPLY_REQUESTED, "topology", &request).await?;
        self.wait_copied(offset).await?;
        Ok(true)
    }

    /// Waits until every data partition has what control derived from the record at this offset.
    async fn wait_copied(&self, offset: Offset) -> Result<()> {
        let data = self.shared().partitions.values().filter(|p| p.id != PartitionId::Control);
        for partition in data {
            let copied = |progress: &Progress| {
                let received = progress.head.received.get(&PartitionId::Control);
                received.is_some_and(|tally| tally.events > 0 && tally.offset >= offset)
            };
            self.wait_for(partition, copied).await?;
        }
        Ok(())
    }

    /// Waits until every view's name reads the version that this topology, which was applied, declares.
    pub async fn wait_activated(&self, topology: &Topology) -> Result<()> {
        let hash = topology.hash();
        let holds = |head: &Head| head.topology.as_deref() == Some(&*hash);
        // Control decides. A data partition may not have come to the topology yet; one that comes to
        // another has it from control.
        let given_up = || self.head(PartitionId::Control).is_ok_and(|control| !holds(&control));
        for partition in self.shared().partitions.values() {
            let is_control = partition.id == PartitionId::Control;
            let done = |progress: &Progress| {
                let holds = holds(&progress.head);
                // Control is not looked at again while it is looked at.
                let other = if is_control { !holds } else { given_up() };
                holds && progress.head.coming.is_empty() || other
            };
            self.wait_for(partition, done).await?;
            if given_up() {
                let what = format!("another topology was applied after topology {hash}");
                return Err(Error::new(ErrorKind::Reject, what));
            }
        }
        Ok(())
    }
}
