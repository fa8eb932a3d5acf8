//! An inventory's `manifest.json`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::row::Column;

/// In what shape the data files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DataFile {
    pub(crate) key: String,
    #[serde(rename = "MD5checksum", default)]
    pub(crate) md5: Option<String>,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    /// The bucket whose objects are listed.
    pub(crate) bucket: String,
    /// The bucket that the data files are in.
    pub(crate) destination: String,
    pub(crate) format: Format,
    /// Of a CSV file, in their order.
    pub(crate) columns: Vec<Option<Column>>,
    pub(crate) files: Vec<DataFile>,
    pub(crate) made: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    source_bucket: String,
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    #[serde(default)]
    creation_timestamp: Option<serde_json::Value>,
    files: Vec<DataFile>,
}

impl Manifest {
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let json: Json = serde_json::from_slice(text).context("not the manifest.json of an S3 Inventory")?;
        let format = match json.file_format.to_ascii_lowercase().as_str() {
            "csv" => Format::Csv,
            "parquet" => Format::Parquet,
            "orc" => bail!("inventories in ORC are not supported; set the inventory's format to Parquet or CSV"),
            other => bail!("unknown format {other:?}; expected CSV or Parquet"),
        };
        let columns: Vec<Option<Column>> = match format {
            Format::Csv => json.file_schema.split(',').map(|name| Column::named(name.trim())).collect(),
            Format::Parquet => parquet_columns(&json.file_schema),
        };
        if !columns.contains(&Some(Column::Key)) {
            bail!("the inventory has no keys: fileSchema is {:?}", json.file_schema);
        }
        let made = json.creation_timestamp.map(|at| at.as_str().map_or_else(|| at.to_string(), str::to_owned));
        let made = made.and_then(|ms| ms.parse().ok()).and_then(|ms| {
            let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(ms))?;
            Some(humantime::format_rfc3339_seconds(time).to_string())
        });
        let destination = json.destination_bucket.rsplit(':').next().unwrap_or_default().to_owned();
        let made = made.unwrap_or_default();
        Ok(Self { bucket: json.source_bucket, destination, format, columns, files: json.files, made })
    }

    /// Whether rows have a size, and whether a time.
    pub(crate) fn tells(&self) -> (bool, bool) {
        let has = |column| self.columns.contains(&Some(column));
        (has(Column::Size), has(Column::LastModified))
    }
}

/// The columns of `message s3.inventory { required binary bucket (UTF8); … }`.
fn parquet_columns(schema: &str) -> Vec<Option<Column>> {
    let words = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    schema.split(words).filter_map(Column::named).map(Some).collect()
}

/// A data file of an inventory that was copied to this machine: somewhere above or beside the manifest, under its key or the
/// end of its key.
pub(crate) fn beside(manifest: &Path, key: &str) -> Result<PathBuf> {
    let parts: Vec<_> = Path::new(key).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let manifest = std::path::absolute(manifest)?;
    for folder in manifest.ancestors().skip(1) {
        for from in 0..parts.len() {
            let file = folder.join(parts[from..].iter().collect::<PathBuf>());
            if file.is_file() {
                return Ok(file);
            }
        }
    }
    bail!(
        "--inventory {}: its data file {key} is not there; copy it beside the manifest, or use the manifest in S3",
        manifest.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(format: &str, schema: &str) -> Result<Manifest> {
        let json = serde_json::json!({
            "sourceBucket": "photos", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
            "creationTimestamp": "1700000000000", "fileFormat": format, "fileSchema": schema,
            "files": [{"key": "x/photos/all/data/1.csv.gz", "size": 7, "MD5checksum": "ab"}],
        });
        Manifest::parse(json.to_string().as_bytes())
    }

    #[test]
    fn manifests_are_read_as_s3_writes_them() {
        let csv = manifest(
            "CSV",
            "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass",
        );
        let csv = csv.unwrap();
        assert_eq!(
            (csv.bucket.as_str(), csv.destination.as_str(), csv.made.as_str()),
            ("photos", "lists", "2023-11-14T22:13:20Z")
        );
        assert_eq!((csv.columns.len(), csv.columns[8], csv.tells()), (9, None, (true, true)));
        let schema = "message s3.inventory {  required binary bucket (UTF8);  required binary key (UTF8);  optional int64 size;}";
        assert_eq!(manifest("Parquet", schema).unwrap().tells(), (true, false));
        for (format, schema, says) in
            [("ORC", "struct<bucket:string>", "ORC"), ("XML", "Key", "xml"), ("CSV", "Bucket", "no keys")]
        {
            let error = format!("{:#}", manifest(format, schema).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
        assert!(Manifest::parse(b"{}").unwrap_err().to_string().contains("manifest.json"));
    }

    #[test]
    fn data_files_are_found_where_a_copy_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let here = |path: &str| folder.path().join(path);
        for path in ["whole/x/photos/all/data/1.csv.gz", "part/data/1.csv.gz", "flat/1.csv.gz"] {
            std::fs::create_dir_all(here(path).parent().unwrap()).unwrap();
            std::fs::write(here(path), "").unwrap();
        }
        for (manifest, file) in [
            ("whole/x/photos/all/2026-11-01T00-00Z/manifest.json", "whole/x/photos/all/data/1.csv.gz"),
            ("part/2026-11-01T00-00Z/manifest.json", "part/data/1.csv.gz"),
            ("flat/manifest.json", "flat/1.csv.gz"),
        ] {
            assert_eq!(beside(&here(manifest), "x/photos/all/data/1.csv.gz").unwrap(), here(file));
        }
        let error = beside(&here("flat/manifest.json"), "x/../../2.csv.gz").unwrap_err().to_string();
        assert!(error.contains("2.csv.gz") && error.contains("manifest"), "{error}");
    }
}
