# SPDX-License-Identifier: MIT
"""Which request meets which fault: rules, counted over all connections, some of them with dice.

A rule is a dict. "match" is a regular expression over path?query; the first rule with a fault for a request wins.

  {"match": "^/f/a", "fault": "close", "at": "1000", "times": "1"}         one fault, for the first request
  {"match": "^/f/a", "nth": {"0": {"fault": "drop"}, "3": {"fault": "416"}}}
      the first request and the fourth
  {"match": "^/f/a", "faults": [{...}, {...}], "chance": 0.4, "seed": 7, "most": 5}
      dice: four requests in ten meet one of these, but no more than five do: from then on the server behaves

Requests of a rule are counted as they arrive, whatever connection they come on. The dice of the n-th depend on seed and n
alone, so that a seed repeats a schedule; with requests side by side it is chance which of them is the n-th.
"burst" in a fault of the dice: so many requests in a row meet it. "most" goes with every kind of rule.
"""
import random
import re
import threading


class Parameters:
    """A fault and its settings, from a query or from a rule; every value is text. `dice` are for "at": "random"."""

    def __init__(self, values, dice=None):
        self.values = {k: v if isinstance(v, list) else [str(v)] for k, v in values.items()}
        self.dice = dice or random

    def text(self, name, default=None):
        return self.values.get(name, [default])[0]

    def number(self, name, default=0):
        return float(self.text(name, default))

    def whole(self, name, default=0):
        return int(self.text(name, default))

    def place(self, name, size, default):
        """A place in `size` bytes; "random" leaves it to the dice."""
        if self.text(name) == "random":
            return self.dice.randrange(max(1, size))
        return self.whole(name, default)

    def all(self, name):
        return self.values.get(name, [])


def applies(request, only):
    """only=get|head|range|full, or several of them with commas: all must hold."""
    ranged = request.header("Range") is not None
    holds = {"range": ranged, "full": not ranged, "get": request.method == "GET", "head": request.method == "HEAD"}
    return all(holds[word] for word in only.split(",")) if only else True


class Rule:
    def __init__(self, values):
        self._values = {k: v for k, v in values.items() if k != "match"}
        self._pattern = re.compile(values["match"])
        self._only, self._most = values.get("only"), int(values.get("most", 1 << 30))
        self._seen = self._met = self._burst = 0
        self._last = None

    def choose(self, request):
        """Counts the request if the rule is about it. Its fault, or None."""
        address = request.path + ("?" + request.query if request.query else "")
        if not self._pattern.search(address) or not applies(request, self._only):
            return None
        n, self._seen = self._seen, self._seen + 1
        dice = random.Random("%s/%d" % (self._values.get("seed", 0), n))
        values = self._fault_of(n, request, dice) if self._met < self._most else None
        if values is None:
            return None
        self._met += 1
        return Parameters(values, dice)

    def _fault_of(self, n, request, dice):
        if "nth" in self._values:
            return self._values["nth"].get(str(n))
        if "faults" in self._values:
            return self._throw(request, dice)
        first = int(self._values.get("skip", 0))
        return self._values if first <= n < first + int(self._values.get("times", 1 << 30)) else None

    def _throw(self, request, dice):
        if self._burst > 0 and applies(request, self._last.get("only")):
            self._burst -= 1
            return self._last
        fitting = [fault for fault in self._values["faults"] if applies(request, fault.get("only"))]
        if not fitting or dice.random() >= float(self._values.get("chance", 1)):
            return None
        self._last = dice.choice(fitting)
        self._burst = int(self._last.get("burst", 1)) - 1
        return self._last


class Schedule:
    """All rules of a server, and the faults that addresses ask for themselves."""

    def __init__(self):
        self._lock, self._rules, self._asked = threading.Lock(), [], {}

    def set(self, rules):
        made = [Rule(values) for values in rules]
        with self._lock:
            self._rules = made

    def reset(self):
        with self._lock:
            self._rules, self._asked = [], {}

    def choose(self, request):
        with self._lock:
            for rule in self._rules:
                chosen = rule.choose(request)
                if chosen:
                    return chosen
            asked = Parameters(request.arguments)
            if applies(request, asked.text("only")) and self._due(asked.text("key", request.target), asked):
                return asked
        # over: the same address is good now, and its seeded bytes are the same
        return Parameters({k: v for k, v in asked.values.items() if k in ("size", "rate", "lfs")})

    def _due(self, key, asked):
        seen = self._asked.get(key, 0)
        self._asked[key] = seen + 1
        return 0 <= seen - asked.whole("skip", 0) < asked.whole("times", 1 << 30)
