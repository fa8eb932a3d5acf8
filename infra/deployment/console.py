"""What is said to people, on standard error, and how a script ends."""

import pathlib
import sys


class DeploymentError(Exception):
    """An error for people."""

    @property
    def lines(self):
        return [str(self)]


class Refusal(DeploymentError):
    """Why the script goes no further: what was wrong, and what to do, a line each."""

    lines = ()

    def __init__(self, *lines):
        super().__init__(*lines)
        self.lines = lines


def say(text):
    print(f"{pathlib.Path(sys.argv[0]).name}: {text}", file=sys.stderr, flush=True)


def run(main):
    """Runs a script; its exit status is 0, 2 with the reason, or that of the program which failed."""
    try:
        sys.exit(main())
    except DeploymentError as error:
        for line in error.lines:
            say(line)
        sys.exit(2)
    except KeyboardInterrupt:
        say("interrupted; run it again to go on")
        sys.exit(130)
