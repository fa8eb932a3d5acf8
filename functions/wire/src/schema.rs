//! The schema of a result: `schema/result.schema.json` describes a line of JSON, `schema/result.parquet.txt` the same as a
//! row of a Parquet file. Members have the same names in both.

/// The schema of a Parquet file of results, in Parquet's notation for messages.
pub const PARQUET: &str = include_str!("../schema/result.parquet.txt");
