//! The schema of a result: `schema/result.schema.json` describes a line of JSON, `schema/result.parquet.txt` the same as a
//! row of a Parquet file. Members have the same names in both. `schema/openapi.json` describes requests and answers.

/// The schema of a Parquet file of results, in Parquet's notation for messages.
pub const PARQUET: &str = include_str!("../schema/result.parquet.txt");

/// The requests that `detect-http` takes and its answers, as OpenAPI 3.1 (JSON).
pub const OPENAPI: &str = include_str!("../schema/openapi.json");

#[cfg(test)]
mod tests;
