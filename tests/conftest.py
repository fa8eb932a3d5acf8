"""What the end-to-end tests talk to: functions with a fixture model and with a real one, and the container image."""

import os
import subprocess

import pytest
import scripts
import support

# Small enough to be exceeded by small requests.
MAX_IMAGE_BYTES, MAX_PIXELS = 300_000, 2_000_000


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
    """The function as it is by default: the real model, the real limits."""
    local = support.Local(tmp_path_factory.mktemp("real") / "log")
    yield local
    local.close()


@pytest.fixture(scope="session")
def image():
    """The container image's name: IMAGE, else what `make image` makes. Skips where it is missing; in CI it must be there."""
    try:
        done = subprocess.run(["docker", "image", "inspect", support.IMAGE], capture_output=True, text=True, timeout=60)
        reason = done.stderr.strip() or "docker does not say why" if done.returncode else None
    except FileNotFoundError:
        reason = "docker is not on the PATH"
    if reason:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"no image {support.IMAGE} ({reason.splitlines()[-1]}): `make image` first, or set IMAGE")
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
