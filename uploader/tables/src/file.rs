//! A Parquet file of results, written row group by row group.

use std::io::Write;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use serde_json::Value;

use crate::columns::{Rows, Shape};

/// Rows of a row group: what DuckDB makes of it itself, and enough for readers that share out row groups.
pub(crate) const GROUP_ROWS: usize = 122_880;
/// Bytes of a row group in memory, where rows are large.
const GROUP_BYTES: usize = 128 << 20;

/// The schema of a result.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) parquet: SchemaDescriptor,
    pub(crate) shape: Arc<Shape>,
}

static SCHEMA: LazyLock<Result<Schema, String>> = LazyLock::new(|| {
    let message = parse_message_type(wire::schema::PARQUET).map_err(|error| error.to_string())?;
    let parquet = SchemaDescriptor::new(Arc::new(message));
    let shape = Shape::of(&parquet).map_err(|error| error.to_string())?;
    Ok(Schema { parquet, shape: Arc::new(shape) })
});

/// The schema of a result, which is part of this program.
pub(crate) fn schema() -> Result<&'static Schema> {
    SCHEMA.as_ref().map_err(|error| anyhow::anyhow!("the schema of results: {error}"))
}

/// A file being written. Holds one row group in memory, 128 MiB at most.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    pub(crate) rows: Rows,
    written: u64,
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("written", &self.written).finish_non_exhaustive()
    }
}

impl<W: Write + Send> Writer<W> {
    /// A file without rows yet.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn new(to: W) -> Result<Self> {
        let schema = schema()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("spotter uploader {}", env!("CARGO_PKG_VERSION")))
            .build();
        let rows = Rows::new(&schema.parquet, Arc::clone(&schema.shape))?;
        let file = SerializedFileWriter::new(to, schema.parquet.root_schema_ptr(), Arc::new(properties))?;
        Ok(Self { file, rows, written: 0 })
    }

    /// Adds a result, as JSON has it. Members that the schema does not name are left out.
    ///
    /// # Errors
    /// A member that does not fit the schema, or nothing can be written.
    pub fn push(&mut self, row: &Value) -> Result<()> {
        self.rows.push(row)?;
        self.flush_if_full()
    }

    /// Begins another row group where the present one is large enough.
    pub(crate) fn flush_if_full(&mut self) -> Result<()> {
        if self.rows.count >= GROUP_ROWS || self.rows.bytes() >= GROUP_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes the rows in memory as a row group.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.rows.count == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &mut self.rows.columns {
            let mut writer = group.next_column()?.context("fewer columns than in the schema")?;
            column.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        self.written += self.rows.count as u64;
        self.rows.clear();
        Ok(())
    }

    /// Puts bytes into the file that are no rows; readers pass over them. Tells where they begin.
    pub(crate) fn embed(&mut self, bytes: &[u8]) -> Result<u64> {
        self.flush()?;
        let at = self.file.bytes_written() as u64;
        self.file.write_all(bytes)?;
        Ok(at)
    }

    /// Notes something about the file.
    pub(crate) fn note(&mut self, name: &str, value: String) {
        self.file.append_key_value_metadata(KeyValue::new(name.to_owned(), value));
    }

    pub(crate) fn inner_mut(&mut self) -> &mut W {
        self.file.inner_mut()
    }

    /// Completes the file. Tells how many rows it has.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn finish(&mut self) -> Result<u64> {
        self.flush()?;
        self.file.finish()?;
        self.file.inner_mut().flush()?;
        Ok(self.written)
    }
}
