//! A row of JSON taken apart into Parquet's columns: values, and the levels that say where in the row each belongs.
//!
//! The schema decides everything: members that it does not name are left out, and a row that does not fit is refused as a
//! whole.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::schema::types::{SchemaDescriptor, Type};
use serde_json::Value;

/// A part of the schema, and the columns below it.
#[derive(Debug)]
struct Node {
    name: String,
    optional: bool,
    columns: Range<usize>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Value(Physical),
    Group(Vec<Node>),
    /// Its elements, and the repetition level of those after the first.
    List(Box<Node>, i16),
}

/// Values of one column.
#[derive(Debug)]
pub(crate) enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    /// All texts one after the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
}

/// One column of a row group.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) values: Values,
    /// Definition levels.
    pub(crate) defined: Vec<i16>,
    /// Repetition levels; empty where nothing is repeated.
    pub(crate) repeated: Vec<i16>,
    pub(crate) most_defined: i16,
    pub(crate) is_repeated: bool,
}

/// What rows look like.
#[derive(Debug)]
pub(crate) struct Shape(Vec<Node>);

/// Rows in memory.
#[derive(Debug)]
pub(crate) struct Rows {
    shape: Arc<Shape>,
    pub(crate) columns: Vec<Column>,
    pub(crate) count: usize,
}

impl Shape {
    /// The shape that a schema gives.
    pub(crate) fn of(schema: &SchemaDescriptor) -> Result<Self> {
        let mut next = 0;
        let fields = schema.root_schema().get_fields().iter();
        Ok(Self(fields.map(|field| node(field, &mut next, 0)).collect::<Result<_>>()?))
    }

    /// Whether a row fits.
    ///
    /// # Errors
    /// The member that does not.
    pub(crate) fn check(&self, row: &Value) -> Result<()> {
        let object = row.as_object().ok_or_else(|| anyhow!("not an object"))?;
        self.0.iter().try_for_each(|field| member_fits(field, object.get(&field.name)))
    }
}

impl Rows {
    /// No rows of this schema, whose shape is at hand.
    pub(crate) fn new(schema: &SchemaDescriptor, shape: Arc<Shape>) -> Result<Self> {
        let columns = schema.columns().iter().map(|column| {
            let values = match column.physical_type() {
                Physical::BOOLEAN => Values::Bool(Vec::new()),
                Physical::INT64 => Values::Int(Vec::new()),
                Physical::DOUBLE => Values::Double(Vec::new()),
                Physical::BYTE_ARRAY => Values::Text(Vec::new(), Vec::new()),
                other => bail!("column {}: type {other} is not supported", column.path()),
            };
            Ok(Column {
                values,
                defined: Vec::new(),
                repeated: Vec::new(),
                most_defined: column.max_def_level(),
                is_repeated: column.max_rep_level() > 0,
            })
        });
        Ok(Self { shape, columns: columns.collect::<Result<_>>()?, count: 0 })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The member that does not fit; nothing is added then.
    pub(crate) fn push(&mut self, row: &Value) -> Result<()> {
        self.shape.check(row)?;
        for field in &self.shape.0 {
            add(field, row.get(&field.name), 0, 0, &mut self.columns);
        }
        self.count += 1;
        Ok(())
    }

    /// What the rows take of memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// No rows again.
    pub(crate) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.count = 0;
    }
}

impl Column {
    fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Bool(values) => values.len(),
            Values::Int(values) => values.len() * size_of::<i64>(),
            Values::Double(values) => values.len() * size_of::<f64>(),
            // And what it takes to hand them to the writer.
            Values::Text(text, ends) => text.len() + ends.len() * (size_of::<usize>() + size_of::<ByteArray>()),
        };
        values + (self.defined.len() + self.repeated.len()) * size_of::<i16>()
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Bool(values) => values.clear(),
            Values::Int(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Text(text, ends) => {
                text.clear();
                ends.clear();
            }
        }
        self.defined.clear();
        self.repeated.clear();
    }

    pub(crate) fn levels(&mut self, defined: i16, repeated: i16) {
        self.defined.push(defined);
        if self.is_repeated {
            self.repeated.push(repeated);
        }
    }

    /// Writes the column and forgets it.
    pub(crate) fn write(&mut self, to: &mut ColumnWriter<'_>) -> Result<()> {
        let defined = Some(self.defined.as_slice());
        let repeated = self.is_repeated.then_some(self.repeated.as_slice());
        match (to, &mut self.values) {
            (ColumnWriter::BoolColumnWriter(to), Values::Bool(values)) => to.write_batch(values, defined, repeated),
            (ColumnWriter::Int64ColumnWriter(to), Values::Int(values)) => to.write_batch(values, defined, repeated),
            (ColumnWriter::DoubleColumnWriter(to), Values::Double(values)) => to.write_batch(values, defined, repeated),
            (ColumnWriter::ByteArrayColumnWriter(to), Values::Text(text, ends)) => {
                let text = Bytes::from(std::mem::take(text));
                let mut start = 0;
                let mut next = |end: &usize| {
                    let slice = text.slice(start..*end);
                    start = *end;
                    ByteArray::from(slice)
                };
                let texts: Vec<ByteArray> = ends.iter().map(&mut next).collect();
                to.write_batch(&texts, defined, repeated)
            }
            _ => bail!("a column is not what its schema says"),
        }?;
        self.clear();
        Ok(())
    }
}

fn node(part: &Type, next: &mut usize, repetition: i16) -> Result<Node> {
    let info = part.get_basic_info();
    let start = *next;
    let kind = if !part.is_group() {
        *next += 1;
        Kind::Value(part.get_physical_type())
    } else if info.converted_type() == ConvertedType::LIST {
        let repeated = part.get_fields().first().and_then(|list| list.get_fields().first());
        let element = repeated.ok_or_else(|| anyhow!("{}: a list without an element", part.name()))?;
        Kind::List(Box::new(node(element, next, repetition + 1)?), repetition + 1)
    } else {
        Kind::Group(part.get_fields().iter().map(|field| node(field, next, repetition)).collect::<Result<_>>()?)
    };
    let optional = info.has_repetition() && info.repetition() == Repetition::OPTIONAL;
    Ok(Node { name: part.name().to_owned(), optional, columns: start..*next, kind })
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn member_fits(member: &Node, value: Option<&Value>) -> Result<()> {
    fits(member, value).map_err(|error| anyhow!("{}: {error}", member.name))
}

fn fits(node: &Node, value: Option<&Value>) -> Result<()> {
    let Some(value) = present(value) else {
        return if node.optional { Ok(()) } else { Err(anyhow!("missing")) };
    };
    match &node.kind {
        Kind::Value(physical) => {
            let (fits, wanted) = match physical {
                Physical::BOOLEAN => (value.is_boolean(), "true or false"),
                Physical::INT64 => (value.as_i64().is_some(), "a whole number"),
                Physical::DOUBLE => (value.is_number(), "a number"),
                _ => (value.is_string(), "a string"),
            };
            if fits { Ok(()) } else { Err(anyhow!("not {wanted}")) }
        }
        Kind::Group(fields) => {
            let object = value.as_object().ok_or_else(|| anyhow!("not an object"))?;
            fields.iter().try_for_each(|field| member_fits(field, object.get(&field.name)))
        }
        Kind::List(element, _) => {
            let array = value.as_array().ok_or_else(|| anyhow!("not an array"))?;
            array.iter().try_for_each(|value| fits(element, Some(value)))
        }
    }
}

fn add(node: &Node, value: Option<&Value>, defined: i16, repeated: i16, columns: &mut [Column]) {
    let Some(value) = present(value) else { return add_null(node, defined, repeated, columns) };
    let defined = defined + i16::from(node.optional);
    match &node.kind {
        Kind::Value(_) => {
            let column = &mut columns[node.columns.start];
            column.levels(defined, repeated);
            match &mut column.values {
                Values::Bool(values) => values.push(value.as_bool().unwrap_or_default()),
                Values::Int(values) => values.push(value.as_i64().unwrap_or_default()),
                Values::Double(values) => values.push(value.as_f64().unwrap_or_default()),
                Values::Text(text, ends) => {
                    text.extend_from_slice(value.as_str().unwrap_or_default().as_bytes());
                    ends.push(text.len());
                }
            }
        }
        Kind::Group(fields) => {
            let of = |name: &str| value.get(name);
            fields.iter().for_each(|field| add(field, of(&field.name), defined, repeated, columns));
        }
        Kind::List(element, again) => {
            let elements = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if elements.is_empty() {
                return add_null(node, defined, repeated, columns);
            }
            for (index, value) in elements.iter().enumerate() {
                add(element, Some(value), defined + 1, if index == 0 { repeated } else { *again }, columns);
            }
        }
    }
}

fn add_null(node: &Node, defined: i16, repeated: i16, columns: &mut [Column]) {
    columns[node.columns.clone()].iter_mut().for_each(|column| column.levels(defined, repeated));
}
