//! A table's file as it was published: which results it holds, from which files, and its rows once more.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, FileReader, Length};
use parquet::file::serialized_reader::SerializedFileReader;

use crate::columns::{Column, Values};
use crate::file::{Writer, schema};
use crate::line::{Identity, identity};
use crate::sources::Sources;
use crate::store::{Object, Store};

/// Where in a file its sources are noted.
pub(crate) const SOURCES: &str = "spotter.sources";
/// The columns of an identity.
const IDENTITY: [&str; 4] = ["source.bucket", "source.key", "source.etag", "model.sha256"];
/// Read at once from the end of a file: its footer, unless that is long.
const TAIL: u64 = 256 << 10;
/// Rows whose identities are read at once.
const AT_ONCE: usize = 1024;

/// A published file.
pub(crate) struct Published {
    reader: SerializedFileReader<Window>,
    window: Window,
    place: String,
    at: HashMap<String, usize>,
}

impl Published {
    /// Reads a file's footer.
    ///
    /// # Errors
    /// It is none of ours, or has been replaced.
    pub(crate) fn open(store: &Arc<dyn Store>, object: &Object) -> Result<Self> {
        let place = format!("{}/{}", store.place().trim_end_matches('/'), object.name);
        let window = Window::new(store, object);
        let end = object.size;
        window.fetch(vec![(end.saturating_sub(TAIL), end)])?;
        let reader = SerializedFileReader::new(window.clone())
            .with_context(|| format!("{place} is no Parquet file; remove it, or use another place for tables"))?;
        let found = reader.metadata().file_metadata().schema_descr();
        let wanted = &schema()?.parquet;
        let same = found.columns().len() == wanted.columns().len()
            && found.columns().iter().zip(wanted.columns()).all(|(a, b)| {
                (a.path(), a.physical_type(), a.max_def_level()) == (b.path(), b.physical_type(), b.max_def_level())
            });
        if !same {
            bail!(
                "{place} has other columns than this uploader writes; delete it to have it made again from the results"
            );
        }
        let at = found.columns().iter().enumerate().map(|(index, column)| (column.path().string(), index)).collect();
        Ok(Self { reader, window, place, at })
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The files of results that are in it.
    pub(crate) fn sources(&self) -> Result<Sources> {
        let notes = self.reader.metadata().file_metadata().key_value_metadata();
        let note = notes.into_iter().flatten().find(|note| note.key == SOURCES).and_then(|note| note.value.as_deref());
        let Some((at, count)) = note.and_then(|note| note.split_once(' ')) else {
            bail!("{} was not written by uploader compact; use another place for tables", self.place);
        };
        let (at, count): (u64, u64) = (at.parse()?, count.parse()?);
        let end = at.checked_add(count.saturating_mul(8)).filter(|end| *end <= self.window.object.size);
        let end = end.with_context(|| format!("{}: {SOURCES} points outside of the file", self.place))?;
        Ok(Sources::from_bytes(&self.window.exactly(at, end)?))
    }

    /// Hands the identity of each row to `each`.
    pub(crate) fn identities(&self, mut each: impl FnMut(Identity) -> Result<()>) -> Result<()> {
        let columns = IDENTITY.map(|name| self.at.get(name).copied().unwrap_or_default());
        for number in 0..self.reader.num_row_groups() {
            self.fetch(number, &columns)?;
            let group = self.reader.get_row_group(number)?;
            let mut texts = Vec::new();
            for column in columns {
                let ColumnReader::ByteArrayColumnReader(reader) = group.get_column_reader(column)? else {
                    bail!("{}: a column of texts is none", self.place);
                };
                texts.push((
                    reader,
                    self.reader.metadata().file_metadata().schema_descr().column(column).max_def_level(),
                ));
            }
            loop {
                let mut read = Vec::new();
                for (reader, most) in &mut texts {
                    let (mut levels, mut values) = (Vec::new(), Vec::new());
                    reader.read_records(AT_ONCE, Some(&mut levels), None, &mut values)?;
                    let mut values = values.into_iter();
                    let column: Vec<Option<ByteArray>> =
                        levels.iter().map(|level| if level == most { values.next() } else { None }).collect();
                    read.push(column);
                }
                let [buckets, keys, etags, models] = read.as_slice() else { bail!("not four columns") };
                if buckets.is_empty() {
                    break;
                }
                for (((bucket, key), etag), model) in buckets.iter().zip(keys).zip(etags).zip(models) {
                    let text = |text: &'_ Option<ByteArray>| text.as_ref().map(|text| text.data().to_vec());
                    let (bucket, key, model) = (text(bucket), text(key), text(model));
                    each(identity(
                        &bucket.unwrap_or_default(),
                        &key.unwrap_or_default(),
                        text(etag).as_deref(),
                        &model.unwrap_or_default(),
                    ))?;
                }
            }
        }
        Ok(())
    }

    /// Writes its rows once more, those that are to be kept.
    pub(crate) fn copy<W: io::Write + Send>(&self, to: &mut Writer<W>, keep: impl Fn(u64) -> bool) -> Result<()> {
        let columns: Vec<usize> = (0..self.at.len()).collect();
        let mut first = 0;
        for number in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(number)?;
            let rows = usize::try_from(group.metadata().num_rows())?;
            if to.rows.count + rows > crate::file::GROUP_ROWS {
                to.flush()?;
            }
            self.fetch(number, &columns)?;
            for (index, column) in to.rows.columns.iter_mut().enumerate() {
                append(group.get_column_reader(index)?, rows, column, |row| keep(first + row))?;
            }
            to.rows.count += (first..first + rows as u64).filter(|row| keep(*row)).count();
            to.flush_if_full()?;
            first += rows as u64;
        }
        Ok(())
    }

    /// Brings columns of a row group here in one go: readers ask for a page at a time.
    fn fetch(&self, group: usize, columns: &[usize]) -> Result<()> {
        let group = self.reader.metadata().row_group(group);
        let ranges = columns.iter().map(|column| group.column(*column).byte_range());
        self.window.fetch(ranges.map(|(start, length)| (start, start + length)).collect())
    }
}

/// Adds a column's rows to those in memory.
fn append(reader: ColumnReader, rows: usize, to: &mut Column, keep: impl Fn(u64) -> bool) -> Result<()> {
    macro_rules! copy {
        ($reader:ident, $push:expr) => {{
            let (mut reader, mut row, mut left) = ($reader, 0_u64, rows);
            let push = $push;
            let mut begun = false;
            while left > 0 {
                let (mut defined, mut repeated, mut values) = (Vec::new(), Vec::new(), Vec::new());
                let wanted = left.min(AT_ONCE);
                let repeats = to.is_repeated.then_some(&mut repeated);
                let (records, _, _) = reader.read_records(wanted, Some(&mut defined), repeats, &mut values)?;
                if records == 0 {
                    bail!("a column has fewer rows than its row group");
                }
                left -= records;
                let mut values = values.into_iter();
                for (index, level) in defined.iter().enumerate() {
                    let again = repeated.get(index).copied().unwrap_or(0);
                    if again == 0 {
                        row += u64::from(begun);
                        begun = true;
                    }
                    let value = if *level == to.most_defined { values.next() } else { None };
                    if keep(row) {
                        to.levels(*level, again);
                        if let Some(value) = value {
                            push(&mut to.values, value);
                        }
                    }
                }
            }
        }};
    }
    match reader {
        ColumnReader::BoolColumnReader(reader) => copy!(reader, |to: &mut Values, value| {
            if let Values::Bool(values) = to {
                values.push(value);
            }
        }),
        ColumnReader::Int64ColumnReader(reader) => copy!(reader, |to: &mut Values, value| {
            if let Values::Int(values) = to {
                values.push(value);
            }
        }),
        ColumnReader::DoubleColumnReader(reader) => copy!(reader, |to: &mut Values, value| {
            if let Values::Double(values) = to {
                values.push(value);
            }
        }),
        ColumnReader::ByteArrayColumnReader(reader) => copy!(reader, |to: &mut Values, value: ByteArray| {
            if let Values::Text(text, ends) = to {
                text.extend_from_slice(value.data());
                ends.push(text.len());
            }
        }),
        _ => bail!("a column has a type that no result has"),
    }
    Ok(())
}

/// A file of a store as Parquet's readers want it, with the parts at hand that were fetched last.
#[derive(Clone)]
struct Window {
    store: Arc<dyn Store>,
    object: Object,
    held: Arc<Mutex<Vec<(u64, Bytes)>>>,
}

impl Window {
    fn new(store: &Arc<dyn Store>, object: &Object) -> Self {
        Self { store: Arc::clone(store), object: object.clone(), held: Arc::default() }
    }

    /// Forgets what was at hand and fetches these ranges, neighbours together.
    fn fetch(&self, mut ranges: Vec<(u64, u64)>) -> Result<()> {
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, end) in ranges {
            match joined.last_mut() {
                Some(last) if last.1 >= start => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        let parts = joined.into_iter().map(|(start, end)| Ok((start, self.exactly(start, end)?)));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = parts;
        Ok(())
    }

    fn exactly(&self, start: u64, end: u64) -> Result<Bytes> {
        let bytes = self.store.read_range(&self.object, start..end)?;
        if bytes.len() as u64 != end - start {
            return Err(Replaced.into());
        }
        Ok(bytes)
    }

    fn held(&self, start: u64) -> Option<Bytes> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (begin, bytes) =
            held.iter().find(|(begin, bytes)| (*begin..begin + bytes.len() as u64).contains(&start))?;
        Some(bytes.slice(usize::try_from(start - begin).ok()?..))
    }
}

/// A file that has been replaced while it was read: the pass begins again.
#[derive(Debug)]
pub(crate) struct Replaced;

impl std::fmt::Display for Replaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the file was replaced while it was read")
    }
}

impl std::error::Error for Replaced {}

impl Length for Window {
    fn len(&self) -> u64 {
        self.object.size
    }
}

impl ChunkReader for Window {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        match self.held(start) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => Err(ParquetError::General("a part of the file was not fetched".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        if let Some(bytes) = self.held(start).filter(|bytes| bytes.len() >= length) {
            return Ok(bytes.slice(..length));
        }
        let external = |error: anyhow::Error| ParquetError::External(error.into());
        self.exactly(start, start + length as u64).map_err(external)
    }
}
