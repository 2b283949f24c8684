"""kill -9 at random moments of a pull, over and over, then once to the end.

Rounds: NCM_KILL_ROUNDS (default 200). The seed is printed; NCM_KILL_SEED repeats a run.
"""
import json
import os
import random
import shutil
import signal
import unittest

from harness import Case, gguf, sha256


class KillTest(Case):
    def test_kill_at_any_moment_loses_nothing(self):
        rounds = int(os.environ.get("NCM_KILL_ROUNDS", "200"))
        seed = int(os.environ.get("NCM_KILL_SEED", str(random.randrange(1 << 30))))
        print(f"seed {seed}, {rounds} kills", flush=True)
        dice, m, hub = random.Random(seed), self.machine, self.hub
        hub.rate = 3_000_000
        kills = finished = 0
        while kills < rounds:
            files = {f"m{i}.gguf": gguf(f"{kills}/{i}", dice.randrange(50_000, 600_000)) for i in range(3)}
            layers = [("model", gguf(f"o{kills}", 300_000)), ("template", b"{{ .Prompt }}")]
            hub.ollama("library/tiny", layers)
            m.manifest([m.simple(name, data) for name, data in files.items()] +
                       [{"id": "tiny", "files": [{"from": ["ollama:tiny"]}]}])
            sizes = sum(map(len, files.values())) + 300_000
            hub.forget()
            while True:
                process = m.start("pull", "-y")
                try:
                    process.communicate(timeout=dice.uniform(0.005, 0.35))
                    finished += 1
                    self.assertEqual(process.returncode, 0)
                    break
                except Exception as stop:
                    if type(stop).__name__ != "TimeoutExpired":
                        raise
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    kills += 1
                self.look()
            self.look()
            disk = m.snapshot()
            for name, data in files.items():
                self.assertEqual(disk["server/ai/llama-cpp/models/" + name], sha256(data))
            self.assertEqual(disk[".ollama/models/blobs/sha256-" + sha256(layers[0][1])], sha256(layers[0][1]))
            self.check_registry()
            # What a kill can cost: what the server had sent and the process had not yet written.
            sent = sum(r["sent"] for r in hub.asked() if r["path"].startswith(("/files/", "/blob/")))
            tries = len([r for r in hub.asked() if r["sent"] > 0])
            self.assertLess(sent, sizes + tries * 600_000)
            for store in (m.store(), os.path.join(m.root, ".ollama")):
                shutil.rmtree(store)
        print(f"{kills} kills, {finished} pulls ended right", flush=True)

    def look(self):
        """After any kill: models.json is old or new, and nothing wrong has a final name."""
        path = self.machine.store("models.json")
        if os.path.exists(path):
            with open(path) as file:
                json.load(file)
        for name, digest in self.machine.snapshot().items():
            base = os.path.basename(name)
            if base.startswith("sha256-"):
                self.assertEqual("sha256-" + digest, base)


if __name__ == "__main__":
    unittest.main()
