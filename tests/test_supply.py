"""What Spotter is built of: told completely, fetched by pinned versions only."""

import hashlib
import json
import re
import subprocess
import tomllib

import pytest
import support

PROGRAMS = ("uploader", "detect-http", "detect-bulk")
LIBRARY = support.ROOT / ".tools" / "lib"


def tracked(*patterns):
    """Files of the tree."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=support.ROOT, capture_output=True, text=True, check=True)
    return [support.ROOT / line for line in listed.stdout.splitlines()]


def components(what, *options):
    command = [support.ROOT / "tools" / "components", what, *PROGRAMS, *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def sbom():
    return json.loads(components("sbom", "--library", LIBRARY, "--models", support.ROOT / "model"))


def test_the_sbom_has_every_crate_with_its_digest(sbom):
    crates = tomllib.loads((support.ROOT / "Cargo.lock").read_text())["package"]
    locked = {(crate["name"], crate["version"]): crate.get("checksum") for crate in crates}
    listed = {(part["name"], part["version"]): part for part in sbom["components"] if part["bom-ref"].count("@") and part["name"] != "onnxruntime"}
    # Directly wanted, wanted by others, and what only draws labels; none that only builds or tests.
    assert {"tokio", "ring", "zeno", "image", "aws-sdk-s3", "detector"} <= {name for name, _ in listed}
    assert not {"proptest", "cc", "s3s-fs"} & {name for name, _ in listed}
    for crate, part in listed.items():
        assert part["licenses"][0]["expression"] != "NOASSERTION", crate
        if locked[crate]:
            assert part["hashes"] == [{"alg": "SHA-256", "content": locked[crate]}]
    known = {part["bom-ref"] for part in sbom["components"]} | {"spotter"}
    for entry in sbom["dependencies"]:
        assert {entry["ref"], *entry["dependsOn"]} <= known


def test_the_sbom_is_what_cyclonedx_asks_for(sbom):
    check = "import sys; from cyclonedx.schema import SchemaVersion; from cyclonedx.validation.json import JsonStrictValidator as V; print(V(SchemaVersion.V1_6).validate_str(sys.stdin.read()))"
    python = support.ROOT / ".tools" / "contract" / "bin" / "python"

    def said(document):
        return subprocess.run([python, "-c", check], input=json.dumps(document), capture_output=True, text=True, check=True, timeout=120).stdout.strip()

    assert said(sbom) == "None"
    assert said(sbom | {"components": [{"name": "no type"}]}) != "None", "the check finds what is wrong"


def test_the_sbom_has_what_lies_beside_the_programs(sbom):
    parts = {part["name"]: part for part in sbom["components"]}
    library = next(LIBRARY.glob("libonnxruntime.so.*.*"))
    for part, file in ((parts["onnxruntime"], library), (parts["spotter-nano"], support.ROOT / "model/spotter-nano/model.onnx")):
        assert part["hashes"][0]["content"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert library.name.endswith(parts["onnxruntime"]["version"])
    assert sbom["metadata"]["component"]["version"] == tomllib.loads((support.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def test_every_crate_has_its_licence_text(sbom):
    text = components("notices")
    head, _, texts = text.partition("\n" + "=" * 100)
    lines = {tuple(line.split()[:2]): line for line in head.splitlines() if line[:1].strip() and "  " in line}
    for part in sbom["components"]:
        if not part.get("purl", "").startswith("pkg:cargo/"):
            continue
        line = lines[part["name"], part["version"]]
        assert f"{part['name']} {part['version']}" in texts or "brings no text; authors: " in line, line
    assert "Permission is hereby granted" in texts and "Independent JPEG Group" in texts and str(support.ROOT) not in text


CARGO = re.compile(r"\bcargo (?:lambda )?(?:build|test|bench|clippy|check|run|fetch|install|tree|metadata|doc|deny)\b[^|&;#]*")


def test_every_call_of_cargo_keeps_to_the_lock_file():
    files = tracked("Makefile", ".ci", "tools", "infra", ".github")
    calls = []
    for file in files:
        for line in file.read_text(errors="replace").splitlines():
            if not line.lstrip().startswith("#"):
                calls += [(file.name, call) for call in CARGO.findall(line)]
    assert len(calls) > 8
    assert not [call for call in calls if "--locked" not in call[1]]


def test_everything_from_the_package_index_is_pinned_with_hashes():
    # PyTorch's set, 5 GB, is for `make test-training` alone, which is no part of any set-up.
    files = [file for file in tracked("tools/*.txt", "tests/requirements*.txt")]
    assert len(files) > 8
    for file in files:
        wanted = [line for line in file.read_text().splitlines() if line and not line.startswith(("#", " "))]
        for line in wanted:
            assert re.fullmatch(r"[\w.,\[\]-]+==[\w.+!]+( ;.*)? \\", line), f"{file.name}: {line} has no version, or no hash"
    assert "--require-hashes" in (support.ROOT / "tools" / "setup").read_text()
