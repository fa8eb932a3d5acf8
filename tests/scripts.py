"""infra/deploy and infra/undeploy under test, against an emulated AWS: see emulated_aws.py."""

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys

import support

MOTO_PYTHON = support.ROOT / ".tools" / "moto" / "bin" / "python"
BUCKETS = ["spotter-input-123456789012-eu-central-1", "spotter-results-123456789012-eu-central-1"]
STUB = """#!{python} -IS
import json, os, socket, sys
near = socket.socket(socket.AF_UNIX)
near.connect({address!r})
asked = {{"argv": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "environment": dict(os.environ)}}
near.sendall(json.dumps(asked).encode() + b"\\n")
answer = json.loads(near.makefile().read())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""


@contextlib.contextmanager
def emulated_aws(folder):
    """The socket of an emulated AWS."""
    address = str(folder / "socket")
    with subprocess.Popen([MOTO_PYTHON, "-B", support.ROOT / "tests" / "emulated_aws.py", address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield address
        process.kill()


class Place:
    """A copy of the scripts among stubs."""

    def __init__(self, folder, address):
        self.tree, self.address, self.said, self.printed = folder / "tree", address, "", ""
        shutil.copytree(support.ROOT / "infra", self.tree / "infra", ignore=shutil.ignore_patterns("__pycache__", "base"))
        self.bin = folder / "bin"
        self.bin.mkdir()
        uploader = self.tree / "target" / "release" / "uploader"
        uploader.parent.mkdir(parents=True)
        for stub in [self.bin / name for name in ("aws", "sam", "docker", "make")] + [uploader]:
            stub.write_text(STUB.format(python=sys.executable, address=address))
            stub.chmod(0o755)
        (self.bin / "python3").symlink_to(sys.executable)
        # What the scripts wait for comes after so many questions, not after so much time.
        self.site = folder / "site"
        self.site.mkdir()
        (self.site / "sitecustomize.py").write_text("import time\ntime.sleep = lambda seconds: None\n")

    def ask(self, **asked):
        with socket.socket(socket.AF_UNIX) as near:
            near.connect(self.address)
            near.sendall(json.dumps(asked).encode() + b"\n")
            return json.loads(near.makefile().read())

    def scene(self, **scene):
        self.ask(scene=scene)

    def world(self, expression):
        return self.ask(python=expression).get("value")

    @property
    def calls(self):
        return self.world("world.calls")

    def made(self):
        """The calls that make, change or remove something."""
        change = re.compile(r"(aws \S+ (create|put|delete|batch-delete|continue|rollback|abort)-|docker (push|login|tag)|sam |make )")
        return [call for call in self.calls if change.match(call)]

    def run(self, script, **environment):
        given = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.tree), "AWS_REGION": "eu-central-1", "LANG": "C.UTF-8"}
        given |= {"PYTHONPATH": str(self.site)} | environment
        done = subprocess.run(
            [sys.executable, self.tree / "infra" / script], env={k: v for k, v in given.items() if v is not None},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        self.said, self.printed = done.stderr, done.stdout
        assert "Traceback" not in done.stderr and "emulated AWS failed" not in done.stderr, done.stderr
        return done.returncode

    def status(self, name="spotter"):
        return self.world(f"world.stacks.get({name!r}, {{}}).get('StackStatus')")

    def put(self, bucket, key):
        self.world(f"world.client('s3').put_object(Bucket={bucket!r}, Key={key!r}, Body=b'photo') and None")

    def buckets(self):
        return self.world("[b['Name'] for b in world.client('s3').list_buckets()['Buckets']]")


def refused(place, script, *words, **environment):
    """Asserts that a script says all of these, with exit code 2, and has changed nothing."""
    code = place.run(script, **environment)
    assert code == 2, (code, place.said)
    assert place.made() == [], place.made()
    for word in words:
        assert word in place.said, place.said
