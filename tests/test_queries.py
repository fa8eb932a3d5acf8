"""The tables of results in somebody else's hands: the template's columns, view and queries, DuckDB and pyarrow."""

import base64
import json
import re
import subprocess
import sys

import cloud
import cloudformation
import duckdb
import pyarrow.parquet
import pytest
import support

QUERIES = support.ROOT / "infra" / "queries"
DOCUMENT = support.ROOT / "docs" / "tables.md"


@pytest.fixture(scope="module")
def stack():
    return cloudformation.translated({})[0]


def hive_type(kind):
    """A type of Parquet as Athena calls it."""
    if isinstance(kind, pyarrow.StructType):
        return "struct<{}>".format(",".join(f"{field.name}:{hive_type(field.type)}" for field in kind))
    if isinstance(kind, pyarrow.ListType):
        return f"array<{hive_type(kind.value_type)}>"
    return {"string": "string", "int64": "bigint", "double": "double", "bool": "boolean"}[str(kind)]


def columns(table):
    return {column["Name"]: column["Type"] for column in table["TableInput"]["StorageDescriptor"]["Columns"]}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of the sample photos by two models, of a photo without objects and of one that is broken."""
    folder = tmp_path_factory.mktemp("tables")
    samples = {path.name: path.read_bytes() for path in (support.ROOT / ".tools" / "samples").glob("*.png")}
    samples["broken.png"] = samples["coffee.png"][:100_000]
    samples["white.gif"] = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
    for model in ("yolox-nano" if support.ASSETS.is_dir() else support.fixture("yolox")[0], "spotter-nano"):
        with cloud.Bulk(folder / "log", model) as bulk:
            bulk.put_all({f"in/{name}": data for name, data in samples.items()})
            bulk.drained()
            for key in bulk.keys():
                path = folder / "results" / key.removeprefix("out/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bulk.get(key)[0])
    program = [support.binary("uploader"), "compact", folder / "results", folder / "tables"]
    done = subprocess.run(program, env=support.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return folder / "tables"


def test_the_tables_have_the_columns_that_are_written(stack, tables):
    (path, *_) = tables.rglob("*.parquet")
    written = {field.name: hive_type(field.type) for field in pyarrow.parquet.read_schema(path)}
    only_uploader = {"photo", "client_ms", "upload_to_result_ms"}
    expected = {name: kind for name, kind in written.items() if name not in only_uploader}
    for name in ("ResultsTable", "ResultsJsonTable"):
        assert columns(stack[name]) == expected


def test_the_tables_lie_where_results_and_tables_do(stack):
    bulk = stack["DetectBulk"]["Environment"]["Variables"]["RESULTS_URI"]
    for name, place in (("ResultsJsonTable", bulk), ("ResultsTable", stack.outputs["TablesUri"])):
        given = stack[name]["TableInput"]
        assert given["StorageDescriptor"]["Location"] == place
        assert given["PartitionKeys"] == [{"Name": "date", "Type": "string"}]
        parameters = given["Parameters"]
        assert parameters["storage.location.template"] == place + "date=${date}/"
        assert {key: value for key, value in parameters.items() if key.startswith("projection.")} == {
            "projection.enabled": "true",
            "projection.date.type": "date",
            "projection.date.format": "yyyy-MM-dd",
            "projection.date.range": "2026-01-01,NOW",
            "projection.date.interval": "1",
            "projection.date.interval.unit": "DAYS",
        }
        assert stack[name]["DatabaseName"] == "TablesDatabase"
    assert stack["ResultsTable"]["TableInput"]["Name"] == "results"
    assert stack["TablesDatabase"]["DatabaseInput"]["Name"] == "spotter"
    assert stack.outputs["TablesUri"] != bulk


def spaced(text):
    return " ".join(re.sub(r"(?m)^--.*", "", text).split())


def test_the_view_is_the_one_in_its_file(stack, tables):
    view = stack["DetectionsView"]["TableInput"]
    assert (view["Name"], view["TableType"], view["Parameters"]["presto_view"]) == ("detections", "VIRTUAL_VIEW", "true")
    encoded = re.fullmatch(r"/\* Presto View: (\S+) \*/", view["ViewOriginalText"])[1]
    statement = json.loads(base64.b64decode(encoded))
    assert statement["schema"] == "TablesDatabase" and statement["catalog"] == "awsdatacatalog"
    assert spaced(statement["originalSql"]) == spaced((QUERIES / "detections.sql").read_text())
    presto = {column["name"]: column["type"] for column in statement["columns"]}
    assert {name: kind.replace("varchar", "string") for name, kind in presto.items()} == columns(stack["DetectionsView"])
    # DuckDB finds the same names in the same order, and the same types but for the day.
    found = queries().connect(tables).execute("DESCRIBE detections").fetchall()
    kinds = {name: kind.lower() for name, kind, *_ in found}
    assert list(kinds) == list(presto)
    assert {name: kind for name, kind in kinds.items() if name != "date"} == {n: k for n, k in presto.items() if n != "date"}


def test_named_queries_are_those_in_their_files(stack):
    named = {query["Name"]: query for query in stack.of_type("AWS::Athena::NamedQuery").values()}
    assert set(named) == set(queries().names())
    for name, query in named.items():
        assert query["QueryString"] == queries().query(name)
        assert query["Database"] == "TablesDatabase" and query["WorkGroup"] == "WorkGroup"


def test_the_work_group_has_a_limit_and_a_place(stack):
    group = stack["WorkGroup"]
    configuration = group["WorkGroupConfiguration"]
    assert group["Name"] == "spotter" and configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 10 << 30
    result = configuration["ResultConfiguration"]
    assert result["OutputLocation"] == "s3://ResultsBucket/athena/"
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    rules = {rule["Id"]: rule for rule in stack["ResultsBucket"]["LifecycleConfiguration"]["Rules"]}
    assert (rules["expire-query-results"]["Prefix"], rules["expire-query-results"]["ExpirationInDays"]) == ("athena/", 30)


def queries():
    sys.path.insert(0, str(QUERIES))
    try:
        import run
    finally:
        sys.path.remove(str(QUERIES))
    return run


def test_the_document_shows_the_answers(tables):
    support.require_assets()
    text = DOCUMENT.read_text()
    database = queries().connect(tables)
    for name in queries().names():
        shown = re.search(rf"^### {name}$.*?^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert shown, f"{DOCUMENT} does not show {name}"
        answer = queries().table(*queries().answer(database, name))
        assert same_words(shown[1].split(), answer.split()), f"{name} answers\n{answer}"


def same_words(shown, said):
    """Whether two texts are the same, but for the last digits of scores: machines differ there."""

    def same(a, b):
        return a == b or ("." in a and a[0].isdigit() and b[0].isdigit() and abs(float(a) - float(b)) < 0.02)

    return len(shown) == len(said) and all(map(same, shown, said))


def test_json_lines_and_parquet_answer_alike(tables):
    """What DuckDB reads from the lines themselves, with repeats dropped, is what it reads from the tables."""
    database = duckdb.connect()
    lines = tables.parent / "results" / "**" / "*.jsonl"
    database.execute(
        f"CREATE VIEW lines AS SELECT DISTINCT ON (source.bucket, source.key, source.etag, model.sha256) * FROM read_json('{lines}', format = 'newline_delimited')"
    )
    asked = "SELECT source.key, model.name, found.label, found.score, found.box FROM {} CROSS JOIN UNNEST(detections) AS unnested (found) ORDER BY ALL"
    expected = database.execute(asked.format("lines")).fetchall()
    assert expected == queries().connect(tables).execute(asked.format("results")).fetchall() and len(expected) > 5
    failed = "SELECT source.key, model.name, error.code, error.message FROM {} WHERE error IS NOT NULL ORDER BY ALL"
    assert database.execute(failed.format("lines")).fetchall() == queries().connect(tables).execute(failed.format("results")).fetchall()
