"""What was counted and measured, and what of it must not be."""

import collections
import statistics
import threading


class Figures:
    """Counts, samples and failures of one part, from many threads."""

    def __init__(self, part):
        self.part, self.lock = part, threading.Lock()
        self.answers = collections.defaultdict(collections.Counter)
        self.values, self.failures = {}, []

    def answer(self, kind, outcome):
        """An answer: its status, or what came instead of one."""
        with self.lock:
            self.answers[kind][outcome] += 1

    def add(self, name, number=1):
        with self.lock:
            self.values[name] = self.values.get(name, 0) + number

    def set(self, name, value):
        with self.lock:
            self.values[name] = value

    def peak(self, name, value):
        with self.lock:
            self.values[name] = max(self.values.get(name, value), value)

    def fail(self, text):
        """Something that must not be. The first hundred are kept."""
        with self.lock:
            self.values["failures"] = self.values.get("failures", 0) + 1
            if len(self.failures) < 100:
                self.failures.append(text)

    def expect(self, holds, text):
        if not holds:
            self.fail(text)

    def bound(self, name, most):
        """Fails where a value is above its bound."""
        value = self.values.get(name, 0)
        self.expect(value <= most, f"{name} is {value:g}, more than {most:g}")

    def quarters(self, name, samples):
        """The medians of the first and the last quarter of the samples, and their ratio."""
        quarter = max(1, len(samples) // 4)
        first, last = statistics.median(samples[:quarter]), statistics.median(samples[-quarter:])
        self.set(f"{name}_first_quarter", first)
        self.set(f"{name}_last_quarter", last)
        self.set(f"{name}_last/first", last / first)

    def lines(self):
        """The `name value` lines."""
        for kind, outcomes in sorted(self.answers.items()):
            for outcome, number in sorted(outcomes.items(), key=lambda item: str(item[0])):
                yield f"{self.part}/{kind}/{outcome} {number}"
        for name, value in self.values.items():
            yield f"{self.part}/{name} {value:.4g}" if isinstance(value, float) else f"{self.part}/{name} {value}"

    def table(self):
        """Answers by kind and outcome, for people."""
        outcomes = sorted({outcome for told in self.answers.values() for outcome in told}, key=str)
        if not outcomes:
            return
        widths = [max(len(str(outcome)), 7) for outcome in outcomes]
        yield f"{self.part:24}" + "".join(f"{outcome!s:>{width + 1}}" for outcome, width in zip(outcomes, widths))
        for kind, told in sorted(self.answers.items()):
            cells = (f"{told[outcome] or '':>{width + 1}}" for outcome, width in zip(outcomes, widths))
            yield f"{kind:24}" + "".join(cells)
