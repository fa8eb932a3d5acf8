"""The architecture of the tree: which crate and which module may use which, and how long a file may be.

Crates are read from `cargo metadata`. Modules are read from the sources: a module is what lies at the top of a crate's `src`,
with everything below it; it uses another where a path of its code (`crate::…`, `super::…`, or a name that the crate's root hands
on) leads there. Tests are left out: they may use everything."""

import json
import pathlib
import re
import subprocess

import pytest
from support import ROOT

# What each crate of the workspace may use of the others. Whatever comes after it in this list may use it.
CRATES = {
    "detector": set(),
    "prepare": {"detector"},
    "wire": {"detector"},
    "telemetry": {"wire"},
    "model-source": {"detector", "wire"},
    "detect-http": {"detector", "wire", "telemetry", "model-source"},
    "detect-bulk": {"detector", "wire", "telemetry", "model-source"},
    "functions": {"detect-http", "detect-bulk"},
    "evaluation": set(),
    "exports": {"detector", "wire"},
    "tables": {"wire"},
    "uploader": {"detector", "prepare", "wire", "evaluation", "exports", "tables"},
    "fuzz-targets": {"detector", "prepare", "wire", "detect-http", "detect-bulk", "exports", "uploader"},
}

# Crates from elsewhere that would break what DESIGN says of a crate: the detector knows no HTTP, no AWS and no JSON; what both sides
# speak knows no network; parts of the uploader stand on their own feet.
NETWORK = r"aws-.*|http|http-.*|hyper|hyper-.*|lambda.*|reqwest|rustls|tokio"
FORBIDDEN = {
    "detector": NETWORK + "|serde_json",
    "prepare": NETWORK + "|serde_json",
    "wire": NETWORK,
    "evaluation": NETWORK,
    "exports": NETWORK,
    "tables": NETWORK,
}

# Circles between modules that cannot be opened, and why: {(crate, module, module): reason}. There is none.
KNOWN_CIRCLES = {}

# Longer files, and why.
LONG = {"infra/template.yaml": "one CloudFormation template, which SAM reads from one file"}
LIMIT = 400
SOURCES = ("*.rs", "*.py", "*.js", "*.css", "*.sh", "*.html", "infra/*", "tools/*", ".ci/*", "Makefile")
# Data, pages to read, and lists of hashes that a program wrote.
DATA = (".txt", ".md", ".lock", ".json", ".jsonl", ".sql", ".png", ".jpg", ".toml")


def members():
    """The workspace's crates, by name."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1", "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {package["name"]: package for package in json.loads(done.stdout)["packages"]}


def used(package):
    """Names of the crates that a crate needs to be built for others: neither its tests nor its build script count."""
    return {dependency["name"] for dependency in package["dependencies"] if dependency["kind"] is None}


def test_crates_use_what_lies_below_them():
    crates = members()
    assert crates.keys() == CRATES.keys(), "a crate came or went: say here what it may use"
    for name, package in crates.items():
        assert used(package) & CRATES.keys() <= CRATES[name], f"{name} uses {used(package) & CRATES.keys() - CRATES[name]}"
    for place, name in enumerate(CRATES):
        above = set(list(CRATES)[place:])
        assert not CRATES[name] & above, f"{name} may use {CRATES[name] & above}, which come after it: a circle"


def test_crates_know_nothing_of_what_they_shall_not():
    crates = members()
    for name, pattern in FORBIDDEN.items():
        known = sorted(other for other in used(crates[name]) if re.fullmatch(pattern, other))
        assert not known, f"{name} uses {', '.join(known)}"


# Comments, characters and strings: whichever begins first. They are replaced by nothing, so that braces and paths in them do not count.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|\bb?r(\#*)".*?"\1|b?"(?:[^"\\]|\\.)*"|b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'\n])'""", re.DOTALL
)
TESTS = re.compile(r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:mod|fn|use|impl|struct|const)\b")
USE = re.compile(r"(?<!\w)((?:pub(?:\([^)]*\))?\s+)?)use\s+([^;]+);")
PATH = re.compile(r"(?<![\w:])((?:crate|super|self)(?:\s*::\s*\w+)+)")
MODULE = re.compile(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;")


def code_of(text):
    """A source without comments, strings and tests."""
    text = NO_CODE.sub(lambda found: "''" if found[0][0] not in "/" else " ", text)
    while found := TESTS.search(text):
        end = found.end()
        semicolon, brace = text.find(";", end), text.find("{", end)
        if brace == -1 or -1 < semicolon < brace:
            text = text[: found.start()] + text[semicolon + 1 :]
            continue
        depth, at = 1, brace + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        text = text[: found.start()] + text[at:]
    return text


def leaves(tree):
    """The paths of a `use`, each whole: `a::{b, c::{d, e as f}}` is a::b, a::c::d and a::c::e."""
    tree = re.sub(r"\bas\s+\w+", "", tree)
    paths, prefix, word = [], [], []
    for token in re.findall(r"\w+|::|\*|[{},]", tree):
        if token == "{":
            prefix.append(word)
            word = []
        elif token in ",}":
            if word:
                paths.append([name for part in prefix for name in part] + word)
            word = []
            if token == "}":
                prefix.pop()
        elif token != "::":
            word.append(token)
    return paths + [word] if word else paths


def absolute(path, module):
    """A path from the crate's root, as it is meant in a module; `None` for one that leads elsewhere."""
    module = list(module)
    if path[0] not in ("crate", "self", "super"):
        return None
    if path[0] == "crate":
        module = []
    while path and path[0] in ("crate", "self", "super"):
        if path[0] == "super":
            module = module[:-1]
        path = path[1:]
    return module + path


class Crate:
    """The modules at the top of a crate, and which uses which."""

    def __init__(self, root):
        # A program beside a library is a few lines that use the library as others do.
        program = root / "main.rs" if (root / "lib.rs").exists() else None
        paths = [path for path in root.rglob("*.rs") if path != program]
        self.files = {self.module_of(path.relative_to(root)): code_of(path.read_text()) for path in paths}
        self.modules = set(MODULE.findall(self.files[()]))
        # What the root hands on, by its name, and the module that it comes from.
        self.handed_on = {}
        for module, code in self.files.items():
            for visible, tree in USE.findall(code) if not module else ():
                for path in leaves(tree) if visible else ():
                    path = absolute(path, module) or path
                    if path[0] in self.modules:
                        self.handed_on[path[-1]] = path[0]

    @staticmethod
    def module_of(path):
        names = list(path.with_suffix("").parts)
        return tuple(names[:-1] if names[-1] in ("lib", "main", "mod") else names)

    def arrows(self):
        """Pairs of modules, the first of which uses the second; the root's own items are the module `crate`."""
        found = set()
        for module, code in self.files.items():
            paths = [path for visible, tree in USE.findall(code) if module or not visible for path in leaves(tree)]
            paths += [re.split(r"\s*::\s*", path) for path in PATH.findall(USE.sub("", code))]
            if not module:
                # The root's own items reach its modules, and what it hands on, by their bare names.
                paths = [["crate", *path] if path[0] in self.modules else path for path in paths]
                words = set(re.findall(r"\w+", MODULE.sub("", USE.sub("", code))))
                paths += [["crate", word] for word in words & (self.modules | self.handed_on.keys())]
            for path in paths:
                if (path := absolute(path, module)) is None:
                    continue
                here = module[0] if module else "crate"
                name = path[0] if path else "crate"
                there = name if name in self.modules else self.handed_on.get(name, "crate")
                if here != there:
                    found.add((here, there))
        return found


def circles(arrows):
    """The groups of modules in which each can be reached from each."""
    after = {}
    for here, there in arrows:
        after.setdefault(here, set()).add(there)

    def reached(start):
        seen, open_ = set(), [start]
        while open_:
            for there in after.get(open_.pop(), ()):
                if there not in seen:
                    seen.add(there)
                    open_.append(there)
        return seen

    reach = {name: reached(name) for name in {name for arrow in arrows for name in arrow}}
    return sorted({tuple(sorted(other for other in reach[name] if name in reach[other])) for name in reach if name in reach[name]})


def sources(package):
    return pathlib.Path(package["manifest_path"]).parent / "src"


@pytest.mark.parametrize("name", CRATES)
def test_modules_form_no_circle(name):
    crate = Crate(sources(members()[name]))
    arrows = crate.arrows()
    for circle in circles(arrows):
        if (name, *circle) not in KNOWN_CIRCLES:
            inside = sorted(f"{here} -> {there}" for here, there in arrows if {here, there} <= set(circle))
            pytest.fail(f"{name}: {', '.join(circle)} form a circle: {'; '.join(inside)}")


def test_circles_and_paths_are_seen(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "lib.rs").write_text('mod a;\nmod b;\nmod c;\nmod d;\npub use b::Thing;\npub use crate::c::deep::{Other as Renamed, Last};\n')
    (tmp_path / "a.rs").write_text('use crate::{c::X, Thing};\n// crate::d\nconst TEXT: &str = "crate::d {";\n#[cfg(test)]\nmod tests {\n    use crate::d;\n}\n')
    (tmp_path / "b.rs").write_text("mod inner;\nfn f() { super::c::g(crate::Last) }\n")
    (tmp_path / "b" / "inner.rs").write_text("use super::super::a;\nuse super::own;\nuse self::own;\n")
    (tmp_path / "c.rs").write_text("fn g() {}\n#[cfg(test)]\nuse crate::a;\n")
    (tmp_path / "d.rs").write_text("use std::{io, crate_like::a};\nfn h() -> crate::Missing { 'c' }\n")
    arrows = Crate(tmp_path).arrows()
    assert arrows == {("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("d", "crate")}
    assert circles(arrows) == [("a", "b")]


def test_no_file_is_too_long():
    listed = subprocess.run(["git", "ls-files", "-z", *SOURCES], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    long = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in DATA or not path.is_file():
            continue
        lines = path.read_text().count("\n")
        if lines > LIMIT and name not in LONG:
            long[name] = lines
    assert not long, f"longer than {LIMIT} lines, so that each should become two things: {long}"
