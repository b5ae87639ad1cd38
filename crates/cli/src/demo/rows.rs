//! The answer of a query as columns of Rust values, or as text.

use anyhow::{Context as _, Result, ensure};
use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray as _, PrimitiveArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
    record_batch::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};

/// All rows of an answer.
#[derive(Debug)]
pub(crate) struct Rows(pub(crate) Vec<RecordBatch>);

impl Rows {
    /// A column of whole numbers, none missing.
    pub(crate) fn ints(&self, column: &str) -> Result<Vec<i64>> {
        self.numbers::<Int64Type>(column)
    }

    /// A column of numbers, none missing.
    pub(crate) fn floats(&self, column: &str) -> Result<Vec<f64>> {
        self.numbers::<Float64Type>(column)
    }

    /// A column of truths, none missing.
    pub(crate) fn bools(&self, column: &str) -> Result<Vec<bool>> {
        let arrays = self.arrays(column, &DataType::Boolean)?;
        Ok(arrays.iter().flat_map(|array| array.as_boolean().iter().flatten()).collect())
    }

    /// A column of texts, none missing.
    pub(crate) fn texts(&self, column: &str) -> Result<Vec<String>> {
        let arrays = self.arrays(column, &DataType::Utf8)?;
        let texts = arrays.iter().flat_map(|array| array.as_string::<i32>().iter().flatten());
        Ok(texts.map(str::to_owned).collect())
    }

    /// Every row as people read it.
    pub(crate) fn shown(&self) -> Result<Vec<Vec<String>>> {
        let options = FormatOptions::default().with_null("–");
        let mut rows = Vec::new();
        for batch in &self.0 {
            let columns = batch.columns().iter();
            let shown = columns.map(|column| ArrayFormatter::try_new(column, &options));
            let shown = shown.collect::<Result<Vec<_>, _>>()?;
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| shown.iter().map(|column| column.value(row).to_string()).collect()),
            );
        }
        Ok(rows)
    }

    fn numbers<T: ArrowPrimitiveType>(&self, column: &str) -> Result<Vec<T::Native>> {
        let arrays = self.arrays(column, &T::DATA_TYPE)?;
        let mut numbers = Vec::new();
        for array in &arrays {
            let array: &PrimitiveArray<T> = array.as_primitive();
            numbers.extend_from_slice(array.values());
        }
        Ok(numbers)
    }

    fn arrays(&self, column: &str, data_type: &DataType) -> Result<Vec<ArrayRef>> {
        let of_batch = |batch: &RecordBatch| {
            let array = batch.column_by_name(column).with_context(|| format!("no {column}"))?;
            ensure!(array.null_count() == 0, "column {column} has nulls");
            Ok(cast(array, data_type)?)
        };
        self.0.iter().map(of_batch).collect()
    }
}
