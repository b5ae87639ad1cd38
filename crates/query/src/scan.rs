//! The plan node of all scans: parts read in parallel, each as a stream of batches.

use std::{fmt, sync::Arc};

use arrow::{datatypes::SchemaRef, record_batch::RecordBatch};
use datafusion::{
    common::{
        DataFusionError, Result, Statistics, internal_err, stats::Precision,
        tree_node::TreeNodeRecursion,
    },
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
        ReplaceChildrenOptions, StatisticsArgs,
        execution_plan::{Boundedness, EmissionType, SchedulingType},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt as _, stream::BoxStream};

use crate::Error;

/// Batches of one part of a scan.
pub(crate) type PartStream = BoxStream<'static, Result<RecordBatch>>;

/// What a scan reads.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// What is read, and how, for `EXPLAIN`.
    fn describe(&self) -> String;
    /// How many parts there are.
    fn parts(&self) -> usize;
    /// About how many rows there are in all, if that is known.
    fn rows_about(&self) -> Option<usize>;
    /// The batches of a part; no more rows than `fetch` are wanted.
    fn open(&self, part: usize, fetch: Option<usize>) -> PartStream;
}

/// Reads a part batch by batch. It blocks.
pub(crate) trait BatchReader: Send + 'static {
    /// The next batch; `None` at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error>;
}

/// The batches of a reader, read on threads that may block.
///
/// A thread is taken for one batch at a time and never waits for whoever takes the batches: so any
/// number of scans share the threads, and a scan that is dropped stops after its batch. While a batch
/// is worked on, the next is read.
pub(crate) fn blocking(reader: impl BatchReader) -> PartStream {
    fn read<R: BatchReader>(
        mut reader: R,
    ) -> tokio::task::JoinHandle<(Result<Option<RecordBatch>, Error>, R)> {
        tokio::task::spawn_blocking(move || (reader.next_batch(), reader))
    }
    // Nothing is read before the first batch is asked for.
    enum State<R> {
        Ready(R),
        Reading(tokio::task::JoinHandle<(Result<Option<RecordBatch>, Error>, R)>),
        Ended,
    }
    futures::stream::unfold(State::Ready(reader), |state| async {
        let reading = match state {
            State::Ready(reader) => read(reader),
            State::Reading(reading) => reading,
            State::Ended => return None,
        };
        match reading.await {
            Ok((Ok(Some(batch)), reader)) => Some((Ok(batch), State::Reading(read(reader)))),
            Ok((Ok(None), _)) => None,
            Ok((Err(error), _)) => Some((Err(error.into()), State::Ended)),
            Err(join) => Some((Err(DataFusionError::ExecutionJoin(Box::new(join))), State::Ended)),
        }
    })
    .boxed()
}

/// A scan in a plan.
#[derive(Debug, Clone)]
pub(crate) struct ScanExec {
    source: Arc<dyn Source>,
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// A scan of a source whose batches have this schema; each part is in this order, if any.
    pub(crate) fn new(
        source: Arc<dyn Source>,
        schema: SchemaRef,
        ordering: Option<LexOrdering>,
        fetch: Option<usize>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, ordering),
            Partitioning::UnknownPartitioning(source.parts()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::NonCooperative);
        let metrics = ExecutionPlanMetricsSet::new();
        Self { source, fetch, properties: Arc::new(properties), metrics }
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeadwaterScan: {}", self.source.describe())?;
        match self.fetch {
            Some(fetch) => write!(f, ", fetch={fetch}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &'static str {
        "HeadwaterScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => internal_err!("a scan has no children"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(&self, part: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, part);
        let batches = self.source.open(part, self.fetch).inspect(move |batch| {
            if let Ok(batch) = batch {
                metrics.record_output(batch.num_rows());
            }
        });
        let stream = RecordBatchStreamAdapter::new(self.schema(), batches);
        Ok(Box::pin(stream))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self { fetch, ..self.clone() }))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if let (None, Some(rows)) = (args.partition(), self.source.rows_about()) {
            statistics.num_rows = Precision::Inexact(self.fetch.map_or(rows, |n| n.min(rows)));
        }
        Ok(Arc::new(statistics))
    }
}
