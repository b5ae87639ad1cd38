//! One sealed file, checked and open for reading.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path, path::PathBuf, sync::Arc};

use arrow::{
    datatypes::{DataType, Field, Schema, SchemaRef},
    record_batch::RecordBatch,
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
        },
    },
    errors::{ParquetError, Result as ParquetResult},
    file::reader::{ChunkReader, Length},
    file::statistics::Statistics,
};

use crate::{Error, Piece, Result, layout::Layout};

/// How much of a file is read at once when its hash is checked.
const CHECK_BYTES: usize = 1 << 20;
/// How much a reader takes from the disk at once.
const READ_BYTES: usize = 64 << 10;

/// A sealed file. Clones share it.
#[derive(Debug, Clone)]
pub struct SealedFile {
    file: FileAt,
    metadata: ArrowReaderMetadata,
    pub(crate) path: Arc<PathBuf>,
    pub(crate) view: [u8; 8],
    pub(crate) before_content: usize,
    /// The first and last key of each group of rows, without the view's version.
    pub(crate) groups: Arc<Vec<(Bytes, Bytes)>>,
}

impl SealedFile {
    /// Opens the file of a piece and checks it against its length and hash.
    pub(crate) fn open(path: PathBuf, view: [u8; 8], piece: &Piece) -> Result<Self> {
        let file = File::open(&path).map_err(|error| Error::io("open", &path, &error))?;
        check(&file, &path, piece)?;
        let file = FileAt { file: Arc::new(file), length: piece.bytes };
        let failed = |error: ParquetError| Error::parquet(&path, &error);
        let stored = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
        let options = ArrowReaderOptions::new().with_schema(as_views(stored.schema()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(stored.metadata()), options);
        let metadata = metadata.map_err(failed)?;
        let before_content = Layout::before_content(metadata.schema())?;
        let groups = metadata.metadata().row_groups().iter().map(|group| {
            let statistics = group.column(crate::layout::KEY).statistics();
            match statistics {
                Some(Statistics::ByteArray(of_key)) => {
                    let bytes = |value: Option<&parquet::data_type::ByteArray>| {
                        value.map(|value| Bytes::copy_from_slice(value.data()))
                    };
                    bytes(of_key.min_opt()).zip(bytes(of_key.max_opt()))
                }
                _ => None,
            }
        });
        let groups: Option<Vec<_>> = groups.collect();
        let groups = groups.ok_or_else(|| {
            Error::corrupt(format!("sealed history {} does not tell its keys", path.display()))
        })?;
        Ok(Self {
            file,
            metadata,
            path: Arc::new(path),
            view,
            before_content,
            groups: Arc::new(groups),
        })
    }

    /// How many rows a group has.
    pub(crate) fn group_rows(&self, group: usize) -> usize {
        let rows = self.metadata.metadata().row_groups().get(group).map(|group| group.num_rows());
        rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(0)
    }

    /// Reads these columns of a group, all rows or some, in one batch.
    pub(crate) fn read(
        &self,
        group: usize,
        columns: impl IntoIterator<Item = usize>,
        rows: Option<RowSelection>,
    ) -> Result<Option<RecordBatch>> {
        let schema = self.metadata.metadata().file_metadata().schema_descr();
        let mask = ProjectionMask::roots(schema, columns);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.file.clone(),
            self.metadata.clone(),
        );
        let builder = builder
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(self.group_rows(group).max(1));
        let builder = match rows {
            Some(rows) => builder.with_row_selection(rows),
            None => builder,
        };
        let mut batches = builder.build().map_err(|error| Error::parquet(&self.path, &error))?;
        let batch = batches.next().transpose();
        batch.map_err(|error| {
            Error::corrupt(format!("sealed history {}: {error}", self.path.display()))
        })
    }

    pub(crate) fn columns(&self) -> usize {
        self.metadata.schema().fields().len()
    }

    pub(crate) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::corrupt(format!("sealed history {}: {what}", self.path.display()))
    }
}

/// The same columns, text and bytes as views into the pages that they were read from: not copied.
fn as_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let as_view = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(as_view)
    });
    let fields: Vec<Field> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn check(file: &File, path: &Path, piece: &Piece) -> Result<()> {
    let failed = |error: io::Error| Error::io("read", path, &error);
    let length = file.metadata().map_err(failed)?.len();
    let differs = |what: &str| {
        Error::corrupt(format!(
            "sealed history {} {what}: restore it from a snapshot, or move store/ and history/ away \
             to fold them anew",
            path.display()
        ))
    };
    if length != piece.bytes {
        return Err(differs(&format!("has {length} bytes instead of {}", piece.bytes)));
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; CHECK_BYTES];
    let mut at = 0;
    while at < length {
        let read = file.read_at(&mut buffer, at).map_err(failed)?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        at += read as u64;
    }
    match hasher.finalize().to_hex().as_str() == piece.blake3 {
        true => Ok(()),
        false => Err(differs("is not what was written")),
    }
}

/// A file that any number of threads read, each at its own place.
#[derive(Debug, Clone)]
struct FileAt {
    file: Arc<File>,
    length: u64,
}

impl Length for FileAt {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for FileAt {
    type T = io::BufReader<FileFrom>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let from = FileFrom { file: Arc::clone(&self.file), at: start };
        Ok(io::BufReader::with_capacity(READ_BYTES, from))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let mut buffer = vec![0; length];
        self.file.read_exact_at(&mut buffer, start)?;
        Ok(buffer.into())
    }
}

/// A reader from a place on.
#[derive(Debug)]
struct FileFrom {
    file: Arc<File>,
    at: u64,
}

impl io::Read for FileFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
