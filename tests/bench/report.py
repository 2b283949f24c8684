# SPDX-License-Identifier: MIT
"""Cases with their bars, as one table and as JSON."""
from meter import ratio


def human(size):
    return "%.3g GiB" % (size / (1 << 30)) if size >= 1 << 29 else "%.3g MiB" % (size / (1 << 20))


class Bar:
    """What is to be reached: `value` at most `limit`. `text` says it in words; value None: it could not be measured."""

    def __init__(self, text, value, limit, unit="×"):
        self.text, self.value, self.limit, self.unit = text, value, limit, unit

    def met(self):
        return None if self.value is None else self.value <= self.limit

    def word(self):
        return {None: "not measured", True: "met", False: "**not met**"}[self.met()]

    def shown(self):
        if self.value is None:
            return "–"
        return "%s %s" % (("%d" if isinstance(self.value, int) else "%.3f" if self.value < 1 else "%.2f") % self.value, self.unit)

    def facts(self):
        return {"bar": self.text, "value": self.value, "limit": self.limit, "unit": self.unit, "met": self.met()}


class Case:
    def __init__(self, key, title, ours):
        self.key, self.title, self.ours = key, title, ours
        self.runners, self.bars, self.notes = [ours], {}, []
        self.others = []  # bars that are not a row's wall clock
        self.holds_all = False  # in memory, as it must: no case for the bar on memory

    def add(self, runner, limit=None, text=None):
        """A competitor; with `limit` a bar: our wall clock divided by its."""
        self.runners.append(runner)
        if limit is not None:
            self.bars[runner.name] = (limit, text or "≤ %.2f ×" % limit)
        return runner

    def bar(self, bar):
        self.others.append(bar)

    def bar_of(self, runner):
        if runner.name not in self.bars:
            return None
        limit, text = self.bars[runner.name]
        return Bar(text, ratio(self.ours, runner), limit)

    def note(self, text):
        self.notes.append(text)

    def all_bars(self):
        return [b for b in map(self.bar_of, self.runners) if b] + self.others

    def facts(self):
        def row(runner):
            bar = self.bar_of(runner)
            facts = {"name": runner.name, "runs": [cost.facts() for cost in runner.costs]}
            if runner.ran():
                facts.update(wall_s=runner.median("wall"), cpu_s=runner.median("cpu"), peak_rss_mib=runner.peak())
            if runner is not self.ours:
                facts["ncmodel_wall_ratio"], facts["ncmodel_cpu_ratio"] = ratio(self.ours, runner), ratio(self.ours, runner, "cpu")
            facts.update({"skipped": runner.missing} if runner.missing else {}, **({"failed": runner.failure} if runner.failure else {}))
            return {**facts, **({"bar": bar.facts()} if bar else {})}

        return {"case": self.key, "title": self.title, "rows": [row(r) for r in self.runners],
                "bars": [bar.facts() for bar in self.others], "notes": self.notes}


def _row(*cells):
    return "| %s |" % " | ".join(str(cell) for cell in cells)


def table(cases):
    lines = [_row("case", "what ran", "wall s", "CPU s", "peak RSS MiB", "ncmodel ÷ it", "bar", ""), "|---|---|---|---|---|---|---|---|"]
    for case in cases:
        for runner in case.runners:
            key = "**%s** %s" % (case.key, case.title) if runner is case.ours else ""
            if not runner.ran():
                why = "skipped: " + runner.missing if runner.missing else "**FAILED**" if runner.failure else ""
                lines.append(_row(key, runner.name, "–", "–", "–", "–", "", why))
                continue
            bar = case.bar_of(runner)
            times = "" if runner is case.ours else "%.2f" % ratio(case.ours, runner) if case.ours.ran() else "–"
            lines.append(_row(key, runner.name, "%.3f" % runner.median("wall"), "%.3f" % runner.median("cpu"), "%.1f" % runner.peak(),
                              times, bar.text if bar else "", bar.word() if bar else ""))
        for bar in case.others:
            lines.append(_row("", "", "", "", "", bar.shown(), bar.text, bar.word()))
    return "\n".join(lines)


def notes(cases):
    """What the table has no room for."""
    lines = []
    for case in cases:
        lines += ["- %s: %s" % (case.key, note) for note in case.notes]
        lines += ["- %s: %s failed: %s" % (case.key, r.name, r.failure) for r in case.runners if r.failure]
    return "\n".join(lines)


def summary(cases):
    bars = [bar for case in cases for bar in case.all_bars()]
    return "%d bars met, %d not met, %d not measured" % tuple(sum(bar.met() is state for bar in bars) for state in (True, False, None))
