"""What a well-behaved client sends, and whether what comes back is right: each reply once, in order, unchanged."""

import json
import random


class Talker:
    """The lines of one client, and those that are still owed to it."""

    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.number = 0
        self.owed = []
        self.received = 0

    def line(self):
        """The next line: a record as the service's codec writes it."""
        size = self.random.choice([0, 5, 40, 125, 125, 125, 1000, 4000, 60_000 if self.random.random() < 0.1 else 300])
        record = {"client": self.name, "number": self.number, "fill": "x" * self.random.randint(size // 2, size)}
        self.number += 1
        line = json.dumps(record, separators=(",", ":"))
        self.owed.append(line)
        return line

    def messages(self):
        """Some messages: a line, several lines, or a line that is cut over two messages."""
        shape = self.random.random()
        if shape < 0.6:
            return [self.line() + "\n"]
        if shape < 0.8:
            return ["".join(self.line() + "\n" for _ in range(self.random.randint(2, 6)))]
        line = self.line() + "\n"
        cut = self.random.randint(1, len(line) - 1)
        return [line[:cut], line[cut:]]

    def reply(self, text):
        """Takes what came; gives what is wrong with it, or nothing."""
        if not self.owed:
            return f"{self.name}: nothing was owed, and {short(text)} came"
        expected = self.owed[0]
        if text != expected + "\n":
            return f"{self.name}: after {self.received} replies {short(expected)} was owed, and {short(text)} came"
        self.owed.pop(0)
        self.received += 1
        return None

    def end(self):
        """What is wrong when no more will come."""
        if self.owed:
            return f"{self.name}: {len(self.owed)} replies never came, the first {short(self.owed[0])}"
        return None


def short(text):
    return repr(text if len(text) <= 90 else text[:60] + "…" + text[-20:])


def flat(samples, allowance_kb):
    """Whether memory stays level: the last fifth against the second, by their medians. Gives what is wrong, or nothing."""
    if len(samples) < 10:
        return "memory was sampled less than ten times"
    fifth = len(samples) // 5
    median = lambda values: sorted(values)[len(values) // 2]
    early, late = median(samples[fifth : 2 * fifth]), median(samples[-fifth:])
    if late > early + allowance_kb:
        return f"memory grows: {early:,} kB early, {late:,} kB late, {allowance_kb:,} kB more are allowed"
    return None


def self_test():
    """Every mistake that is looked for is found when it is there."""

    def talked(replies):
        talker = Talker("t", 1)
        lines = [talker.line() + "\n" for _ in range(4)]
        problems = [problem for problem in map(talker.reply, replies(lines)) if problem]
        return problems + [problem for problem in [talker.end()] if problem]

    assert talked(lambda lines: lines) == []
    assert "never came" in talked(lambda lines: lines[:3])[0], "lost"
    assert "was owed" in talked(lambda lines: [lines[0], lines[0], *lines[1:]])[0], "doubled"
    assert "was owed" in talked(lambda lines: [lines[1], lines[0], *lines[2:]])[0], "out of order"
    assert "was owed" in talked(lambda lines: [lines[0].replace("t", "u"), *lines[1:]])[0], "another's"
    assert "nothing was owed" in talked(lambda lines: [*lines, lines[3]])[0], "one too many"
    level = [50_000 + (index * 7919) % 3000 for index in range(600)]
    assert flat(level, 6000) is None
    leak = [kb + index * 1024 // 60 for index, kb in enumerate(level)]
    assert "grows" in flat(leak, 6000), "a mebibyte a minute"
    assert "less than ten" in flat([1, 2], 6000)


if __name__ == "__main__":
    self_test()
    print("checker: every planted mistake was found")
