"""Commands of the documents, and a terminal to run them in as they are written there."""

import contextlib
import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
import time

import support

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PROMPT = re.compile(r"<<exit (\d+)>>")


def commands(document):
    """The commands of a document's `sh` blocks in order, without their comments, continued lines as one."""
    found = []
    for block in blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s\s)#.*", "", line).strip()
            if command:
                found.append(re.sub(r"\s+", " ", command))
    return found


def blocks(document, language=""):
    """The blocks of a document in a language; those without one show what is printed."""
    return [text for kind, text in BLOCK.findall(document.read_text()) if kind == language]


def copy_of_the_tree(folder):
    """The tree as it is here, ignored files apart, with what is built and set up already, so that nothing is made again."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=support.ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (support.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(support.ROOT / name, folder / name)
    (folder / "target" / "release").mkdir(parents=True)
    for name in ("uploader", "detect-http", "detect-bulk"):
        shutil.copy(support.binary(name), folder / "target" / "release" / name)
    (folder / "target" / "release" / "whole").touch()
    (folder / ".tools").mkdir()
    for part in (support.ROOT / ".tools").iterdir():
        if part.is_dir():
            (folder / ".tools" / part.name).symlink_to(part)
    # What tools/setup compares with: the path is part of it.
    for part, inputs in (("lib", "tools/wheels.txt"), ("venv", "tools/emulator.txt"), ("moto", "tools/moto.txt")):
        stamp = f"{{ cat {inputs} tools/setup; pwd; python3 -VV; }} | cksum >.tools/{part}.stamp"
        subprocess.run(["bash", "-c", stamp], cwd=folder, check=True)


def isolated(command):
    """The command without a network but its own loopback, where the machine allows that; else as it is."""
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*alone, "true"], capture_output=True).returncode == 0:
            return [*alone, *command]
    return command


class Terminal:
    """An interactive bash in a pseudo-terminal."""

    def __init__(self, folder, **environment):
        self.fd, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, b"\x28\x00\x78\x00\x00\x00\x00\x00")  # 40 lines of 120
        attributes = termios.tcgetattr(side)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(side, termios.TCSANOW, attributes)
        self.process = subprocess.Popen(
            isolated(["bash", "--norc", "--noprofile", "--noediting", "-i"]),
            stdin=side, stdout=side, stderr=side, cwd=folder, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**environment, "PS1": "<<exit $?>>", "TERM": "xterm", "LANG": "C.UTF-8"},
        )  # fmt: skip
        os.close(side)
        os.set_blocking(self.fd, False)
        self.text = ""
        self._until(PROMPT, 20)

    def run(self, command, seconds=90):
        """Types a command; its exit status and what appears until the next prompt."""
        self.type(command)
        return self.prompt(seconds)

    def type(self, command):
        self.text = ""
        os.write(self.fd, command.encode() + b"\n")

    def prompt(self, seconds=90):
        found = self._until(PROMPT, seconds)
        return int(found[1]), ESCAPE.sub("", self.text[: found.start()]).replace("\r\n", "\n").replace("\r", "\n")

    def wait(self, text, seconds=90):
        """Waits until a text appears."""
        self._until(re.compile(re.escape(text)), seconds)

    def interrupt(self):
        """Ctrl-C."""
        os.write(self.fd, b"\x03")

    def close(self):
        """Hangs up; what is still running is ended with it."""
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self.process.send_signal(signal.SIGHUP)
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.fd)

    def _until(self, pattern, seconds):
        deadline = time.monotonic() + seconds
        while not (found := pattern.search(self.text)):
            assert time.monotonic() < deadline, f"nothing like {pattern.pattern!r} within {seconds} s:\n{self.text[-3000:]}"
            with contextlib.suppress(BlockingIOError):
                self.text += os.read(self.fd, 65536).decode(errors="replace")
                continue
            time.sleep(0.02)
        return found
