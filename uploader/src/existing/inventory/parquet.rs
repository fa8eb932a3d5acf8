//! Data files in Parquet: keys as they are.

use std::fs::File;
use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::row::{Column, Row, etag};

/// Hands each row to `each`, until it wants no more.
pub(super) fn read(file: File, each: &mut dyn FnMut(Result<Row, String>) -> bool) -> Result<()> {
    let reader = SerializedFileReader::new(file).context("not a Parquet file")?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted = schema.get_fields().iter().filter(|field| Column::named(field.name()).is_some()).map(Arc::clone);
    let wanted = Type::group_type_builder(schema.name()).with_fields(wanted.collect()).build()?;
    for (number, found) in reader.get_row_iter(Some(wanted))?.enumerate() {
        let found = found.with_context(|| format!("row {}", number + 1))?;
        if !each(row(&found).map_err(|reason| format!("row {}: {reason}", number + 1))) {
            return Ok(());
        }
    }
    Ok(())
}

fn row(found: &parquet::record::Row) -> Result<Row, String> {
    let mut row = Row::default();
    for (name, field) in found.get_column_iter() {
        match (Column::named(name), field) {
            (Some(Column::Bucket), field) => row.bucket = text(field)?,
            (Some(Column::Key), field) => row.object.key = text(field)?.unwrap_or_default(),
            (Some(Column::VersionId), field) => {
                row.object.version_id = text(field)?.filter(|id| !matches!(id.as_str(), "" | "null"));
            }
            (Some(Column::IsLatest), Field::Bool(is)) => row.is_latest = *is,
            (Some(Column::IsDeleteMarker), Field::Bool(is)) => row.is_delete_marker = *is,
            (Some(Column::Size), Field::Long(size)) => row.object.size = u64::try_from(*size).ok(),
            (Some(Column::LastModified), Field::TimestampMillis(ms)) => row.object.modified = Some(*ms as f64 / 1e3),
            (Some(Column::LastModified), Field::TimestampMicros(us)) => row.object.modified = Some(*us as f64 / 1e6),
            (Some(Column::ETag), field) => row.object.etag = text(field)?.and_then(|text| etag(&text)),
            _ => {}
        }
    }
    if row.object.key.is_empty() { Err("it has no key".to_owned()) } else { Ok(row) }
}

fn text(field: &Field) -> Result<Option<String>, String> {
    match field {
        Field::Str(text) => Ok(Some(text.clone())),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err("not UTF-8".to_owned()),
        },
        _ => Ok(None),
    }
}
