#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which models a ComfyUI workflow needs, in every form that it comes in, and of ComfyUI's own templates.

NCM_WORKFLOW_FACTS names tests/unit/workflow_facts.c, built. The oracles are the generator's own word (workflows.py) and, for
the templates, a reading of them in Python.
"""
import json
import os
import random
import resource
import struct
import subprocess
import tempfile
import time
import unittest

import templates_peer
from workflows import CASES, REFUSED, packed_chunk, png, webp

FACTS = os.environ["NCM_WORKFLOW_FACTS"]


def facts(*paths):
    """What the library reads from each file; a sanitizer's finding is a failure."""
    told = subprocess.run([FACTS, *paths], capture_output=True, text=True, check=False, timeout=300)
    assert told.returncode == 0 and not told.stderr, told.stderr[-2000:]
    return [json.loads(line) for line in told.stdout.splitlines()]


def models(fact):
    return sorted(((m.get("folder"), m["name"], m.get("url")) for m in fact["models"]), key=str)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ncmodel-workflows-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def facts_of(self, contents):
        """By name."""
        return dict(zip(contents, facts(*[self.write(str(i), content) for i, content in enumerate(contents.values())])))


class CorpusTest(Files):
    def test_each_gives_its_models(self):
        self.assertGreaterEqual(len(CASES), 40)
        for name, fact in self.facts_of({name: content for name, (content, _) in CASES.items()}).items():
            with self.subTest(workflow=name):
                self.assertNotIn("error", fact)
                self.assertTrue(fact["is"])
                self.assertEqual(models(fact), CASES[name][1])

    def test_what_is_none_or_means_harm_is_refused(self):
        for name, (content, reason) in REFUSED.items():
            with self.subTest(workflow=name):
                before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                fact = facts(self.write("one", content))[0]
                self.assertIn(reason, fact.get("error", ""))
                self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 10)

    def test_small_files_make_no_long_work(self):
        """Texts that lie in one another, that unpack to gigabytes, and names times offers."""
        text, count = b'comment:{"a":"' + b"x" * 2_000_000 + b'"}', 20_000
        lying = b"II*\0" + struct.pack("<IH", 8, count) + b"".join(
            struct.pack("<HHII", 0x10f, 2, len(text), 10 + 12 * count) for _ in range(count)) + text
        offers = b'{"nodes":[{"type":"VAELoader","widgets_values":[%s],"properties":{"models":[%s]}}]}' % (
            b",".join([b'"a.pt"'] * 150_000), b",".join([b"{}"] * 1_000_000))
        packed = [packed_chunk(b"prompt", b" " * 20_000_000)] * 400
        for content in (webp(lying), png(*packed), offers):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            facts(self.write("one", content))
            self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 20)

    def test_other_texts_are_no_workflows(self):
        for name in ("other-json", "list", "text", "nothing", "broken"):
            self.assertFalse(facts(self.write("one", REFUSED[name][0]))[0]["is"], name)

    def test_what_else_is_told(self):
        fact = self.facts_of({
            "noted": CASES["notes"][0],
            "hashed": json.dumps({"nodes": [
                {"type": "VAELoader", "widgets_values": ["v.pt"], "properties": {"cnr_id": "comfy-core", "ver": "0.3", "models": [
                    {"name": "v.pt", "directory": "vae", "url": "u", "hash": "AB" * 32, "hash_type": "SHA256"}]}},
                {"type": "X", "properties": {"cnr_id": "pack", "ver": "1.2.3"}},
                {"type": "X", "properties": {"aux_id": "owner/name", "ver": "f" * 40}},
                {"type": "X", "properties": {"cnr_id": "pack", "ver": "1.2.3"}},
                {"type": "X", "mode": 4, "properties": {"cnr_id": "muted"}}]}).encode()})
        self.assertEqual(fact["noted"]["models"][0]["noted"], "https://example.com/x/noted.safetensors?download=true")
        self.assertEqual(fact["hashed"]["models"][0]["sha256"], "ab" * 32)
        self.assertEqual(fact["hashed"]["packs"], [
            {"id": "pack", "version": "1.2.3", "source": "comfy:pack@1.2.3"},
            {"version": "f" * 40, "repository": "owner/name", "source": f"https://github.com/owner/name/archive/{'f' * 40}.zip"}])

    def test_damage_is_no_crash(self):
        """Whatever bytes are lost or changed, there is an answer."""
        chance = random.Random(17)
        names = [name for name in CASES if name.startswith(("png", "webp", "jpeg", "webm", "mp4", "subgraph", "shown"))]
        paths = []
        for i in range(1500):
            content = bytearray(CASES[chance.choice(names)][0])
            for _ in range(chance.randint(1, 4)):
                if chance.random() < 0.3:
                    del content[chance.randrange(len(content)):]
                    content += b"x"
                else:
                    content[chance.randrange(min(len(content), chance.choice([60, 10000])))] = chance.randrange(256)
            paths.append(self.write(f"damaged-{i}", bytes(content)))
        self.assertEqual(len(facts(*paths)), len(paths))


class TemplatesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.documents, reason = templates_peer.read()
        if not cls.documents:
            raise unittest.SkipTest("no templates of ComfyUI here: " + reason)

    def test_each_gives_the_models_of_its_active_nodes(self):
        started = time.monotonic()
        told = dict(zip(self.documents, facts(*self.documents)))
        print("%d templates in %.2f s" % (len(told), time.monotonic() - started))
        named = distinct = 0
        for path, document in self.documents.items():
            wanted = templates_peer.models_of(document)
            named += bool(wanted)
            with self.subTest(template=os.path.basename(path)):
                self.assertNotIn("error", told[path])
                self.assertEqual({tuple(model) for model in models(told[path])}, wanted)
        entries = [entry for document in self.documents.values() for entry in templates_peer.entries_of(document)]
        distinct = {model for _, model in entries}
        self.assertEqual((len(self.documents), named, len(distinct), len({folder for folder, _, _ in distinct})), (644, 261, 391, 18))
        self.assertEqual(sum(idle for idle, _ in entries), 63)


if __name__ == "__main__":
    unittest.main()
