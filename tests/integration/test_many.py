"""A storm: 16 processes at once pull, remove, adopt, verify, list, link and collect garbage below one root; some are killed.

What an exit code of 0 promised must hold. A model is looked for in models.json all the time, and whether it is there must follow
from what was told: after a pull (or adopt) that ended with 0 it is there, after an rm that ended with 0 it is not, unless the
opposite was under way or came later. Every reading of models.json and ncmodel.lock must parse. Nothing waits for ever.

Seconds: NCM_STORM_SECONDS (default 15; 60 and more for a real storm). The seed is printed; NCM_STORM_SEED repeats the dice, not
the scheduler.
"""
import collections
import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from harness import Case, gguf

import selector_check  # isort: skip  (harness knows where it lies)

WORKERS = 16
PATIENCE = 120  # seconds for one command: far more than any needs, so only a deadlock takes that long
NEVER = float("inf")

# What each command may end with. Other codes have no place here: nothing is wrong with the network, the disk or the manifests.
# 2: the model is not installed (any more). 4: what was looked at went away meanwhile, or a file came before its entry.
CODES = {"pull": {0, 4}, "rm": {0, 2}, "adopt": {0, 4}, "verify": {0, 4}, "keep": {0}, "list": {0}, "gc": {0}, "link": {0},
         "unlink": {0}}
WEIGHTS = {"pull": 8, "rm": 6, "adopt": 4, "verify": 3, "keep": 3, "list": 3, "gc": 3, "link": 2, "unlink": 1}
KILLED_OF_100 = 10


class Deed:
    """A command that makes models be there, or not be there; from its start to its end."""

    def __init__(self, names, brings):
        self.names, self.brings, self.start, self.end, self.kept_word = names, brings, time.monotonic(), NEVER, False


class Book:
    """Who promised what. A model's name here is that of its file."""

    def __init__(self):
        self.lock, self.deeds = threading.Lock(), collections.defaultdict(list)

    def begin(self, deed):
        with self.lock:
            for name in deed.names:
                self.deeds[name].append(deed)
        return deed

    def end(self, deed, kept_word):
        with self.lock:
            deed.end, deed.kept_word = time.monotonic(), kept_word

    def wrong(self, name, there, since, until):
        """Why it cannot be that the model was (not) there at some moment between the two, or None."""
        with self.lock:
            deeds = list(self.deeds[name])
        against = [deed for deed in deeds if deed.brings == there and deed.start < until]
        for promise in deeds:
            if promise.brings != there and promise.kept_word and promise.end < since \
                    and not any(deed.end > promise.start for deed in against):
                return f"{name} is {'there' if there else 'lost'} {since - promise.end:.3f} s after a command told otherwise"
        return None


class Storm(Case):
    def setUp(self):
        super().setUp()
        self.seconds = float(os.environ.get("NCM_STORM_SECONDS", "15"))
        self.seed = int(os.environ.get("NCM_STORM_SEED", str(random.randrange(1 << 30))))
        self.book, self.faults, self.codes = Book(), [], collections.Counter()
        self.over = threading.Event()
        m = self.machine
        self.kept = [m.simple(f"k{i}.gguf", gguf(f"k{i}", 20_000 + i)) for i in range(4)]
        self.moving = [m.simple(f"m{i}.gguf", gguf(f"m{i}", 5_000 + 7_000 * i)) for i in range(6)]
        shared = gguf("shared", 40_000)
        self.moving.append(m.simple("one.gguf", shared))
        self.moving.append(m.simple("other.gguf", shared, to=[{"store": "comfyui", "folder": "unet", "name": "other.gguf"}]))
        self.hub.ollama("library/tiny", [("model", gguf("tiny", 30_000)), ("template", b"{{ .Prompt }}")])
        tiny = {"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}
        m.manifest(self.kept + self.moving + [tiny])
        self.ids = {model["id"]: model["id"] + ".gguf" for model in self.kept + self.moving}
        self.ids["tiny"] = "tiny"
        self.found = {f"f{i}.gguf": gguf(f"found {i}", 9_000 + i) for i in range(4)}

    # what is there

    def names_in(self, document):
        names = {os.path.basename(file["path"]) for model in document["models"] for file in model["files"]}
        return names | {model["name"] for model in document["models"]}

    def look(self, check_contract=False):
        """Reads both files once, and holds what is there against the book."""
        since = time.monotonic()
        with open(self.machine.store("models.json"), encoding="utf-8") as file:
            text = file.read()
        until = time.monotonic()
        there = self.names_in(json.loads(text))
        with open(self.lock_path, encoding="utf-8") as file:
            json.load(file)
        for name in list(self.ids.values()) + list(self.found):
            wrong = self.book.wrong(name, name in there, since, until)
            if wrong:
                self.faults.append(wrong)
        if check_contract:
            self.faults += [f"models.json: {fault}" for fault in selector_check.check(text)]

    def watch(self):
        rounds = 0
        while not self.over.is_set():
            try:
                self.look(check_contract=rounds % 50 == 0)
            except (OSError, ValueError, KeyError) as error:
                self.faults.append(f"torn: {error!r}")
            rounds += 1
            time.sleep(0.01)
        self.readings = rounds

    # who does what

    def put_found(self, name):
        """Another tool's download: complete when it gets its name."""
        path = self.machine.store(name)
        part = f"{path}.{threading.get_ident()}.part"
        with open(part, "wb") as out:
            out.write(self.found[name])
        try:
            os.link(part, path)
        except FileExistsError:
            pass
        os.unlink(part)

    def command(self, kind, dice):
        """The words of a command, the models that it brings or takes, and whether it brings them."""
        if kind == "pull":
            ids = dice.sample(list(self.ids), dice.choice([1, 1, 2, 3])) if dice.random() < 0.9 else list(self.ids)
            return ["pull", "-y", *ids], [self.ids[i] for i in ids], True
        if kind == "rm":
            name = dice.choice([model["id"] for model in self.moving] + ["tiny"] + list(self.found))
            return ["rm", "-y", name], [self.ids.get(name, name)], False
        if kind == "adopt":
            name = dice.choice(list(self.found))
            return ["adopt"], [name], True
        return {"verify": ["verify"], "keep": ["verify", *[model["id"] for model in self.kept]],
                "list": ["list", "--json"], "gc": ["gc", "-y", "--min-age", "0", "--all"],
                "link": ["link", "--least", "1k"], "unlink": ["link", "--unlink", "--least", "1k"]}[kind], [], False

    def act(self, kind, dice):
        words, names, brings = self.command(kind, dice)
        doomed = dice.randrange(100) < KILLED_OF_100
        deed = self.book.begin(Deed(names, brings))
        # It may bring whatever lies on disk without an entry; it promises the one file that is put there for it.
        bystander = self.book.begin(Deed(list(self.ids.values()) + list(self.found), True)) if kind == "adopt" else None
        if kind == "adopt":
            self.put_found(names[0])
        process = self.machine.start(*words)
        try:
            out, err = process.communicate(timeout=dice.uniform(0.01, 0.6) if doomed else PATIENCE)
        except subprocess.TimeoutExpired:
            if not doomed:
                self.faults.append(f"{' '.join(words)}: still at it after {PATIENCE} s")
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
        code = process.returncode
        self.book.end(deed, code == 0)
        if bystander:
            self.book.end(bystander, False)
        self.codes[kind, code] += 1
        if "Sanitizer" in err or "runtime error:" in err:
            self.faults.append(err)
        elif code == 1 and kind == "pull" and " was here and is gone now" in err:
            pass  # an rm took a blob of a model that the lock pins without its URL, between the plan and its turn; it says so
        elif code not in CODES[kind] and not (doomed and code == -signal.SIGKILL):
            self.faults.append(f"{' '.join(words)}: ended with {code}: {err.strip() or out.strip()[-500:]}")

    def work(self, number):
        dice = random.Random(f"{self.seed}/{number}")
        while not self.over.is_set() and not self.faults:
            self.act(dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0], dice)

    def test_nothing_is_lost_and_nothing_is_torn(self):
        print(f"seed {self.seed}, {self.seconds:g} s", flush=True)
        deed = self.book.begin(Deed(list(self.ids.values()), True))
        self.pull()
        self.book.end(deed, True)
        self.lock_path = next(path for path in (os.path.join(folder, "ncmodel.lock") for folder, _, _ in os.walk(self.machine.home))
                              if os.path.exists(path))
        watcher = threading.Thread(target=self.watch)
        workers = [threading.Thread(target=self.work, args=(number,)) for number in range(WORKERS)]
        for thread in [watcher, *workers]:
            thread.start()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and not self.faults:
            time.sleep(0.1)
        self.over.set()
        for thread in [watcher, *workers]:
            thread.join(2 * PATIENCE)
            self.assertFalse(thread.is_alive(), "a command does not end")
        told = ", ".join(f"{kind} {code}: {count}" for (kind, code), count in sorted(self.codes.items()))
        print(f"{sum(self.codes.values())} commands ({told}), {self.readings} readings", flush=True)
        self.assertEqual(self.faults[:5], [])
        self.calm()
        self.assertEqual(self.faults[:5], [])

    def calm(self):
        """After the storm: all that is registered is true, and one pull puts back what is missing."""
        self.look(check_contract=True)
        self.check_registry()
        deed = self.book.begin(Deed(list(self.ids.values()), True))
        self.pull()
        self.book.end(deed, True)
        self.look(check_contract=True)
        self.check_registry()
        for words in (["verify"], ["gc", "-y", "--min-age", "0"], ["verify"]):
            result = self.machine.run(*words)
            self.assertEqual(result.returncode, 0, result.err + result.out)
        for kind in WEIGHTS:
            self.assertGreater(sum(count for (name, _), count in self.codes.items() if name == kind), 0, kind)


if __name__ == "__main__":
    unittest.main()
