#!/usr/bin/env python3
"""Runs the queries of this folder on tables that `uploader compact` has written, with DuckDB instead of Athena.

    python infra/queries/run.py TABLES [NAME…]     TABLES: a folder, or s3://bucket/prefix with DuckDB's httpfs

Needs the Python package duckdb. Two things are told apart: Athena takes the boxes of an array apart into columns where
DuckDB keeps each as one, and DuckDB's cardinality() counts maps only.
"""

import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
VIEW = "detections"
ATHENA_UNNEST = "AS found (label, class_id, score, box)"
DUCKDB_UNNEST = "AS unnested (found)"


def query(name):
    """A query's text."""
    return (FOLDER / f"{name}.sql").read_text()


def names():
    """All queries; the view is none."""
    return sorted(path.stem for path in FOLDER.glob("*.sql") if path.stem != VIEW)


def connect(tables):
    """A database with the table `results` and the view `detections`."""
    import duckdb

    database = duckdb.connect()
    files = f"{str(tables).rstrip('/')}/date=*/*.parquet".replace("'", "''")
    database.execute(f"CREATE VIEW results AS SELECT * FROM read_parquet('{files}', hive_partitioning = true)")
    database.execute("CREATE MACRO cardinality(list) AS len(list)")
    assert ATHENA_UNNEST in query(VIEW)
    database.execute(f"CREATE VIEW {VIEW} AS {query(VIEW).replace(ATHENA_UNNEST, DUCKDB_UNNEST)}")
    return database


def answer(database, name):
    """A query's answer: names of the columns, and rows."""
    found = database.execute(query(name))
    return [column[0] for column in found.description], found.fetchall()


def table(columns, rows):
    """An answer as text."""
    cells = [columns, *([("" if value is None else str(value)) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    tables, *wanted = sys.argv[1:]
    unknown = set(wanted) - set(names())
    if unknown:
        sys.exit(f"no such query: {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    try:
        database = connect(tables)
    except ImportError:
        sys.exit("the Python package duckdb is missing: pip install duckdb")
    for name in wanted or names():
        print(f"{name}\n\n{table(*answer(database, name))}\n")


if __name__ == "__main__":
    main()
