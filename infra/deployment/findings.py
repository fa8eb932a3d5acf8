"""What the checks before a deployment have found."""

from .console import Refusal, say


class Findings:
    """Gathered, so that everything is told at once."""

    def __init__(self):
        self.certain, self.doubtful = [], []

    def refuse(self, wrong, do):
        """What cannot succeed."""
        self.certain.append((wrong, do))

    def doubt(self, wrong, do):
        """What is probably not wanted; FORCE=yes goes on."""
        self.doubtful.append((wrong, do))

    def notice(self, text):
        """What is worth knowing, and no reason to stop."""
        say(f"note: {text}")

    def settle(self, force):
        """Raises `Refusal` unless there is nothing to stop for."""
        if force:
            for wrong, _ in self.doubtful:
                say(f"FORCE=yes, in spite of: {wrong}")
        lines = [line for wrong, do in self.certain for line in (f"  - {wrong}", f"    {do}")]
        if not force:
            lines += [line for wrong, do in self.doubtful for line in (f"  - {wrong}", f"    {do} FORCE=yes deploys all the same.")]
        if lines:
            raise Refusal("nothing was made:", *lines)
