"""What the end-to-end tests talk to: functions with a fixture model and with a real one, and the container image."""

import os
import subprocess

import pytest
import scripts
import support

CI = os.environ.get("CI", "") not in ("", "0", "false")

# Small enough to be exceeded by small requests.
MAX_IMAGE_BYTES, MAX_PIXELS = 300_000, 2_000_000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Only what needs an engine, a browser, rights or photos that are nobody's to give away may be skipped, and says in its one
    line of the summary how to run it. In CI all of that is there."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if CI or support.TO_RUN_IT not in why:
            report.outcome, report.longrepr = "failed", f"{item.nodeid} must not be skipped{' in CI' if CI else ' so'}: {why}"
    return report


@pytest.fixture(scope="session")
def pictures():
    """The yolox fixture's cases: [(PNG bytes, expected detections)]."""
    return support.fixture("yolox")[1]


def started(kind, tmp_path_factory):
    """The function with the yolox fixture, which finds coloured rectangles, and low limits."""
    return kind(
        tmp_path_factory.mktemp("squares") / "log",
        model=support.fixture("yolox")[0],
        MAX_IMAGE_BYTES=str(MAX_IMAGE_BYTES),
        MAX_PIXELS=str(MAX_PIXELS),
    )


@pytest.fixture(scope="session")
def squares(tmp_path_factory):
    """That function over plain HTTP."""
    local = started(support.Local, tmp_path_factory)
    yield local
    local.close()


@pytest.fixture(scope="session")
def emulated_squares(tmp_path_factory):
    """The same under Lambda's emulator."""
    local = started(support.Emulator, tmp_path_factory)
    yield local
    local.close()


@pytest.fixture(scope="session", params=["squares", "emulated_squares"], ids=["plain", "emulator"])
def function(request):
    """A client of either: what one answers, the other does."""
    return request.getfixturevalue(request.param).client


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """The function with a real model, the one that every clone has, the real limits, and the confidence of most models."""
    local = support.Local(tmp_path_factory.mktemp("real") / "log", model=support.ROOT / "model" / "spotter-nano", CONFIDENCE="0.25")
    yield local
    local.close()


@pytest.fixture(scope="session")
def image():
    """The container image's name: IMAGE, else what `make image` makes. Skips where it is missing."""
    try:
        done = subprocess.run(["docker", "image", "inspect", support.IMAGE], capture_output=True, text=True, timeout=60)
        reason = done.stderr.strip() or "docker does not say why" if done.returncode else None
    except FileNotFoundError:
        reason = "docker is not on the PATH"
    if reason:
        support.skip(f"no image {support.IMAGE} ({reason.splitlines()[-1]})", "make image test-image, with a Docker engine; or set IMAGE")
    return support.IMAGE


@pytest.fixture(scope="session")
def emulated_aws(tmp_path_factory):
    """The address of an emulated AWS."""
    with scripts.emulated_aws(tmp_path_factory.mktemp("aws")) as address:
        yield address


@pytest.fixture
def place(tmp_path, emulated_aws):
    """infra/deploy and infra/undeploy in an account in which nothing is unusual."""
    place = scripts.Place(tmp_path, emulated_aws)
    place.scene()
    return place
