//! Results as tables: Parquet files of result lines, and how many results become one table without repeats.
//!
//! The way of a line: `gather` lists and reads (`line`) → `spill` keeps it on disk, and `repeats` its identity →
//! `compaction` writes the day's file with it (`file`, `columns`), beside what was `published` there.
//!
//! Memory: a row group (128 MiB at most) and as much again to write or to copy it, 32 MiB of lines and what is being read
//! (16 files, 4 MiB of each), 8 bytes for each file of results, one bit for each row of days with repeats, and of identities
//! a 128th part (19 MB of a hundred million). Everything else is on disk, in the folder for temporary files: identities (24
//! bytes a row) and new lines, compressed.

mod columns;
mod compaction;
mod file;
mod folder;
mod gather;
mod job;
mod line;
mod lines;
mod published;
mod repeats;
mod sources;
mod spill;
mod store;

pub use file::Writer;
pub use folder::Folder;
pub use job::{Job, Summary};
pub use lines::Lines;
pub use store::{Object, Store, Stored};
