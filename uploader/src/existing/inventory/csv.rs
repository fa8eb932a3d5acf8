//! Data files in CSV, mostly compressed: no header, every field in quotes, keys form-encoded.

use std::io::{BufRead, BufReader, Read};

use anyhow::{Result, bail};
use csv_core::{ReadRecordResult, Reader};
use flate2::read::MultiGzDecoder;
use percent_encoding::percent_decode;

use super::row::{Column, Row, etag};

/// A row has a key of at most 3072 characters and a few short fields.
const LONGEST_ROW: usize = 64 << 10;
const MOST_FIELDS: usize = 64;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Hands each row to `each`, until it wants no more.
pub(crate) fn read(
    file: impl Read,
    columns: &[Option<Column>],
    each: &mut dyn FnMut(Result<Row, String>) -> bool,
) -> Result<()> {
    let mut raw = BufReader::with_capacity(64 << 10, file);
    let is_compressed = raw.fill_buf()?.starts_with(&GZIP);
    let plain: Box<dyn Read + '_> = if is_compressed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    let mut lines = BufReader::with_capacity(64 << 10, plain);
    let (mut reader, mut text, mut ends) = (Reader::new(), vec![0; LONGEST_ROW], [0; MOST_FIELDS]);
    let (mut length, mut fields, mut number) = (0, 0, 1_u64);
    loop {
        let input = lines.fill_buf()?;
        let (result, read, wrote, ended) = reader.read_record(input, &mut text[length..], &mut ends[fields..]);
        lines.consume(read);
        (length, fields) = (length + wrote, fields + ended);
        match result {
            // An empty input is the end, and was told as such.
            ReadRecordResult::InputEmpty => continue,
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                bail!("row {number} is longer than any of an S3 Inventory")
            }
            ReadRecordResult::End => return Ok(()),
            ReadRecordResult::Record => {}
        }
        let begins = std::iter::once(0).chain(ends[..fields].iter().copied());
        let values = begins.zip(&ends[..fields]).map(|(begin, end)| &text[begin..*end]);
        if !each(row(columns, values).map_err(|reason| format!("row {number}: {reason}"))) {
            return Ok(());
        }
        (length, fields, number) = (0, 0, number + 1);
    }
}

fn row<'a>(columns: &[Option<Column>], values: impl Iterator<Item = &'a [u8]>) -> Result<Row, String> {
    let mut row = Row::default();
    let mut has_key = false;
    for (column, value) in columns.iter().zip(values) {
        let Some(column) = column else { continue };
        let text = std::str::from_utf8(value).map_err(|_| "not UTF-8".to_owned())?;
        match column {
            Column::Bucket => row.bucket = Some(text.to_owned()),
            Column::Key => {
                let spaced = text.replace('+', " ");
                let key = percent_decode(spaced.as_bytes()).decode_utf8();
                row.object.key = key.map_err(|_| "the key is not UTF-8 after decoding".to_owned())?.into_owned();
                has_key = !row.object.key.is_empty();
            }
            Column::VersionId => {
                row.object.version_id = Some(text.to_owned()).filter(|id| !matches!(id.as_str(), "" | "null"))
            }
            Column::IsLatest => row.is_latest = !text.eq_ignore_ascii_case("false"),
            Column::IsDeleteMarker => row.is_delete_marker = text.eq_ignore_ascii_case("true"),
            Column::Size => row.object.size = text.parse().ok(),
            Column::LastModified => {
                let time = humantime::parse_rfc3339_weak(text).ok();
                row.object.modified = time
                    .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
                    .map(|time| time.as_secs_f64());
            }
            Column::ETag => row.object.etag = etag(text),
        }
    }
    if has_key { Ok(row) } else { Err("it has no key".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::bulk::Stored;

    const COLUMNS: [&str; 9] = [
        "Bucket",
        "Key",
        "VersionId",
        "IsLatest",
        "IsDeleteMarker",
        "Size",
        "LastModifiedDate",
        "ETag",
        "StorageClass",
    ];

    fn rows(bytes: &[u8]) -> Result<Vec<Result<Row, String>>> {
        let columns = COLUMNS.map(Column::named);
        let mut rows = Vec::new();
        read(bytes, &columns, &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    fn compressed(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn rows_are_read_as_s3_writes_them() {
        let text = "\"b\",\"in/A+file%2Bname+%C3%A9%281%29%2C%22x%22.jpg\",\"v1\",\"true\",\"false\",\"1024\",\"2023-11-14T22:13:20.500Z\",\"d41d\",\"STANDARD\"\n\
                    \"b\",\"gone.jpg\",\"v2\",\"true\",\"true\",\"\",\"2023-11-14T22:13:20.000Z\",\"\",\"\"\n\
                    \"b\",\"a.jpg\",\"null\",\"false\",\"false\",\"7\",\"\",\"\",\"STANDARD\"\n\
                    \"b\",\"%ff.jpg\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"\n";
        // S3 may write a file as several members.
        let both = [compressed(text), compressed(text)].concat();
        for (bytes, times) in [(text.as_bytes().to_vec(), 1), (compressed(text), 1), (both, 2)] {
            let rows = rows(&bytes).unwrap();
            assert_eq!(rows.len(), 4 * times);
            let first = rows[0].as_ref().unwrap();
            let expected = Stored {
                key: "in/A file+name é(1),\"x\".jpg".to_owned(),
                size: Some(1024),
                etag: Some("d41d".to_owned()),
                version_id: Some("v1".to_owned()),
                modified: Some(1_700_000_000.5),
            };
            assert_eq!((&first.object, first.is_latest, first.is_delete_marker), (&expected, true, false));
            assert!(rows[1].as_ref().unwrap().is_delete_marker);
            let third = rows[2].as_ref().unwrap();
            assert_eq!((third.is_latest, &third.object.version_id, third.object.modified), (false, &None, None));
            assert!(rows[3].as_ref().unwrap_err().contains("row 4: the key is not UTF-8"));
        }
        assert!(rows(b"").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_inventory_is_refused_without_filling_the_memory() {
        let endless = format!("\"b\",\"{}\"\n", "x".repeat(LONGEST_ROW));
        assert!(rows(&compressed(&endless)).unwrap_err().to_string().contains("row 1 is longer"));
        assert!(rows(&compressed(&",".repeat(1000))).is_err());
        let whole = compressed(&"\"b\",\"a.jpg\"\n".repeat(1000));
        assert!(rows(&whole[..whole.len() / 2]).is_err(), "a file that was cut off is no shorter inventory");
    }
}
