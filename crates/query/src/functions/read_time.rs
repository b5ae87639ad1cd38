//! `read_time()`: the moment of reading, told to the query and the same throughout it.

use std::sync::LazyLock;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::{
    common::{Result, ScalarValue},
    logical_expr::{
        ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature, Volatility,
        scalar_doc_sections::DOC_SECTION_DATETIME,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
};
use headwater_event::Timestamp;

use crate::tables::schema::{TIMESTAMP, UTC};

/// Its name.
pub(crate) const READ_TIME: &str = "read_time";

/// The function for a query that reads at this time.
pub(crate) fn read_time(time: Timestamp) -> ScalarUDF {
    let signature = Signature::nullary(Volatility::Stable);
    ScalarUDF::new_from_impl(ReadTime { micros: time.micros(), signature })
}

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DOC_SECTION_DATETIME,
        "The moment of reading: the same throughout a query, and what derived features are computed \
         with.",
        "read_time()",
    )
    .with_sql_example("select customer_id, read_time() - last_purchase_at from customer_stats")
    .build()
});

#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadTime {
    micros: i64,
    signature: Signature,
}

impl ReadTime {
    fn value(&self) -> ScalarValue {
        ScalarValue::TimestampMicrosecond(Some(self.micros), Some(UTC.into()))
    }
}

impl ScalarUDFImpl for ReadTime {
    fn name(&self) -> &str {
        READ_TIME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(TIMESTAMP.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Field::new(READ_TIME, TIMESTAMP.clone(), false).into())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value()))
    }

    fn simplify(&self, _: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(self.value(), None)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
