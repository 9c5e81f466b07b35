//! Apache Parquet: flat columns of numbers, booleans, texts, dates and moments.
//!
//! The file says what a column is, so texts are not read as anything else. Nulls, empty texts and
//! NaN are missing. Lists, structs, maps and bytes are refused by name.

use std::{fs::File, io::Write, ops::Range, path::Path, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
    cast::AsArray,
    types::{
        Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use base::{Error, Result};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    basic::Compression,
    file::properties::WriterProperties,
};
use ports::{
    Watch,
    table::{Column, ColumnType, Profile, Rows, Table, Values},
};

use crate::{
    COLUMNS_MAX,
    cell::{Cell, WHOLE_MAX},
    columns::Builder,
    fault,
    sketch::Sketch,
};

/// Rows decoded at a time.
const BATCH: usize = 4_096;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

/// Opens a file and checks its columns.
fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(path).map_err(|error| fault::io(path, &error))?;
    // The writer's own schema may ask for dictionaries; plain columns are all that is needed.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(|error| fault::unreadable("it is no Parquet file").because(error))?;
    let fields = builder.schema().fields();
    if fields.is_empty() {
        return Err(fault::empty("the file has no columns"));
    }
    if fields.len() > COLUMNS_MAX {
        return Err(fault::too_wide(fields.len(), COLUMNS_MAX));
    }
    let mut names: Vec<&String> = fields.iter().map(|it| it.name()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(fault::duplicate_column(pair[0]));
    }
    Ok(builder.with_batch_size(BATCH))
}

fn broken(error: impl std::fmt::Display) -> Error {
    fault::unreadable("a page of the Parquet file is damaged").because(error)
}

/// Reads the whole file once and says what is in it.
pub fn profile(path: &Path, watch: &dyn Watch) -> Result<Profile> {
    let builder = open(path)?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let mut sketches: Vec<Sketch> =
        builder.schema().fields().iter().map(|it| Sketch::new(it.name())).collect();
    let mut rows = 0;
    for batch in builder.build().map_err(broken)? {
        let batch = batch.map_err(broken)?;
        for (at, sketch) in sketches.iter_mut().enumerate() {
            each(&batch, at, &mut |cell, written| sketch.add(cell, written))?;
        }
        rows += batch.num_rows() as u64;
        watch.check()?;
        watch.progress(rows, total, "reading rows");
    }
    if rows == 0 {
        return Err(fault::empty("the file has no row"));
    }
    Ok(Profile { rows, columns: sketches.into_iter().map(Sketch::finish).collect() })
}

/// Reads a range of rows, typed as a profile says.
pub fn read(path: &Path, profile: &Profile, rows: Range<u64>) -> Result<Table> {
    let builder = open(path)?;
    let names = builder.schema().fields().iter().map(|it| it.name());
    if !names.eq(profile.columns.iter().map(|it| &it.name)) {
        return Err(fault::unreadable("its columns are not those of the profile"));
    }
    let limit = rows.end.saturating_sub(rows.start) as usize;
    let reader = builder.with_offset(rows.start as usize).with_limit(limit);
    let mut builders: Vec<Builder> = profile.columns.iter().map(Builder::new).collect();
    let mut read = 0;
    for batch in reader.build().map_err(broken)? {
        let batch = batch.map_err(broken)?;
        for (at, builder) in builders.iter_mut().enumerate() {
            each(&batch, at, &mut |cell, written| builder.push_as(cell, written))?;
        }
        read += batch.num_rows();
    }
    Ok(Table { rows: read, columns: builders.into_iter().map(Builder::finish).collect() })
}

/// Takes each cell of a column and how it would be written.
type Take<'a> = &'a mut dyn FnMut(Cell<'_>, &str);

/// Hands out the cells of one column of a batch.
fn each(batch: &RecordBatch, at: usize, take: Take<'_>) -> Result<()> {
    let array = batch.column(at);
    macro_rules! whole {
        ($kind:ty) => {{
            let array = array.as_primitive::<$kind>();
            cells(array, |row| number(i128::from(array.value(row))), take);
        }};
    }
    macro_rules! time {
        ($kind:ty, $unit:expr) => {{
            let array = array.as_primitive::<$kind>();
            cells(array, |row| Cell::Time(array.value(row) as f64 * $unit), take);
        }};
    }
    macro_rules! texts {
        ($($as_string:tt)*) => {{
            let array = array.$($as_string)*();
            cells(array, |row| text(array.value(row)), take);
        }};
    }
    match array.data_type() {
        DataType::Null => (0..array.len()).for_each(|_| take(Cell::Missing, "")),
        DataType::Boolean => {
            let array = array.as_boolean();
            cells(array, |row| Cell::Boolean(array.value(row)), take);
        }
        DataType::Int8 => whole!(Int8Type),
        DataType::Int16 => whole!(Int16Type),
        DataType::Int32 => whole!(Int32Type),
        DataType::Int64 => whole!(Int64Type),
        DataType::UInt8 => whole!(UInt8Type),
        DataType::UInt16 => whole!(UInt16Type),
        DataType::UInt32 => whole!(UInt32Type),
        DataType::UInt64 => whole!(UInt64Type),
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            cells(array, |row| fraction(f64::from(array.value(row))), take);
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            cells(array, |row| fraction(array.value(row)), take);
        }
        DataType::Decimal128(_, scale) => {
            let array = array.as_primitive::<Decimal128Type>();
            let unit = 10_f64.powi(i32::from(*scale));
            cells(array, |row| fraction(array.value(row) as f64 / unit), take);
        }
        DataType::Utf8 => texts!(as_string::<i32>),
        DataType::LargeUtf8 => texts!(as_string::<i64>),
        DataType::Utf8View => texts!(as_string_view),
        DataType::Date32 => time!(Date32Type, DAY_S),
        DataType::Date64 => time!(Date64Type, 1e-3),
        DataType::Timestamp(TimeUnit::Second, _) => time!(TimestampSecondType, 1.0),
        DataType::Timestamp(TimeUnit::Millisecond, _) => time!(TimestampMillisecondType, 1e-3),
        DataType::Timestamp(TimeUnit::Microsecond, _) => time!(TimestampMicrosecondType, 1e-6),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => time!(TimestampNanosecondType, 1e-9),
        other => {
            let schema = batch.schema();
            let message = format!("the column `{}` is of type `{other}`", schema.field(at).name());
            return Err(fault::unreadable(message)
                .hint("keep columns of numbers, booleans, texts, dates and moments"));
        }
    }
    Ok(())
}

fn cells<'a>(array: &dyn Array, cell: impl Fn(usize) -> Cell<'a>, take: Take<'_>) {
    for row in 0..array.len() {
        let cell = if array.is_null(row) { Cell::Missing } else { cell(row) };
        match cell {
            Cell::Missing => take(cell, ""),
            Cell::Text(written) => take(cell, written),
            Cell::Integer(x) | Cell::Number(x) | Cell::Time(x) => take(cell, &x.to_string()),
            Cell::Boolean(x) => take(cell, if x { "true" } else { "false" }),
        }
    }
}

/// A whole number; those a double cannot hold are rounded, as the file calls them numbers.
fn number(x: i128) -> Cell<'static> {
    if x.unsigned_abs() <= u128::from(WHOLE_MAX.unsigned_abs()) {
        Cell::Integer(x as f64)
    } else {
        Cell::Number(x as f64)
    }
}

fn fraction(x: f64) -> Cell<'static> {
    if x.is_finite() { Cell::Number(x) } else { Cell::Missing }
}

fn text(x: &str) -> Cell<'_> {
    let x = x.trim();
    if x.is_empty() { Cell::Missing } else { Cell::Text(x) }
}

/// Hands out all rows, some at a time.
pub fn scan(path: &Path, profile: &Profile, hand: &mut dyn FnMut(Table) -> Result<()>) -> Result<()> {
    let builder = open(path)?;
    let names = builder.schema().fields().iter().map(|it| it.name());
    if !names.eq(profile.columns.iter().map(|it| &it.name)) {
        return Err(fault::unreadable("its columns are not those of the profile"));
    }
    for batch in builder.build().map_err(broken)? {
        let batch = batch.map_err(broken)?;
        let mut builders: Vec<Builder> = profile.columns.iter().map(Builder::new).collect();
        for (at, builder) in builders.iter_mut().enumerate() {
            each(&batch, at, &mut |cell, written| builder.push_as(cell, written))?;
        }
        let columns = builders.into_iter().map(Builder::finish).collect();
        hand(Table { rows: batch.num_rows(), columns })?;
    }
    Ok(())
}

/// Writes a table, compressed with Snappy.
pub fn write(table: &Table, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(|error| fault::io(path, &error))?;
    let mut writing = Box::new(Writing::new(Box::new(file)));
    writing.append(table)?;
    writing.finish()
}

/// A file being written; the first rows settle its columns.
pub enum Writing {
    /// Nothing came yet.
    Waiting(Option<Box<dyn Write + Send>>),
    /// Rows come.
    Begun(Box<ArrowWriter<Box<dyn Write + Send>>>),
}

impl Writing {
    /// Writes to somewhere.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self::Waiting(Some(out))
    }
}

fn failed(error: parquet::errors::ParquetError) -> Error {
    match error {
        parquet::errors::ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(error) => fault::unwritable(&error),
            Err(cause) => Error::internal(cause),
        },
        other => Error::internal(other),
    }
}

impl Rows for Writing {
    fn append(&mut self, table: &Table) -> Result<()> {
        let fields: Vec<Field> =
            table.columns.iter().map(|it| Field::new(&it.name, data_type(it), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = table.columns.iter().map(array).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(Error::internal)?;
        if let Self::Waiting(out) = self
            && let Some(out) = out.take()
        {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_created_by("aic".to_owned())
                .build();
            *self =
                Self::Begun(Box::new(ArrowWriter::try_new(out, schema, Some(properties)).map_err(failed)?));
        }
        match self {
            Self::Begun(writer) => writer.write(&batch).map_err(failed),
            Self::Waiting(_) => Err(Error::internal("a file was appended to after its writer failed")),
        }
    }

    fn finish(self: Box<Self>) -> Result<()> {
        match *self {
            Self::Begun(writer) => writer.close().map_err(failed).map(drop),
            Self::Waiting(_) => Ok(()),
        }
    }
}

fn data_type(column: &Column) -> DataType {
    match (&column.values, column.kind) {
        (Values::Texts { .. }, _) => DataType::Utf8,
        (_, ColumnType::Integer) => DataType::Int64,
        (_, ColumnType::Boolean) => DataType::Boolean,
        (_, ColumnType::Time) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (_, ColumnType::Number | ColumnType::Text) => DataType::Float64,
    }
}

fn array(column: &Column) -> ArrayRef {
    let known = |x: &f64| (!x.is_nan()).then_some(*x);
    match (&column.values, column.kind) {
        (Values::Texts { codes, distinct }, _) => {
            let texts = codes.iter().map(|code| code.map(|it| distinct[it as usize].as_str()));
            Arc::new(StringArray::from_iter(texts))
        }
        (Values::Numbers(it), ColumnType::Integer) => {
            Arc::new(Int64Array::from_iter(it.iter().map(|x| known(x).map(|x| x as i64))))
        }
        (Values::Numbers(it), ColumnType::Boolean) => {
            Arc::new(BooleanArray::from_iter(it.iter().map(|x| known(x).map(|x| x != 0.0))))
        }
        (Values::Numbers(it), ColumnType::Time) => {
            let micros = it.iter().map(|x| known(x).map(|x| (x * 1e6).round() as i64));
            Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
        }
        (Values::Numbers(it), ColumnType::Number | ColumnType::Text) => {
            Arc::new(Float64Array::from_iter(it.iter().map(known)))
        }
    }
}
