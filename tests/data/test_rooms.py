#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of rooms in ARCHITECTURE.md: every room is in it, includes nobody but whom it knows (and whom these know), and
nobody knows himself by a detour. The tool knows the public headers alone."""
import glob
import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table():
    """What each room knows by its row."""
    text = read(os.path.join(ROOT, "ARCHITECTURE.md")).split("## The rooms")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z]+)` \|.*\| ([^|]*) \|$", text, flags=re.M))
    return {room: {word for word in re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", knows)) if word in rows}
            for room, knows in rows.items()}


def closure(knows, room, seen=None):
    seen = set() if seen is None else seen
    for other in knows[room] - seen:
        seen.add(other)
        closure(knows, other, seen)
    return seen


def sources(folder):
    return [path for ending in ("c", "h") for path in glob.glob(os.path.join(ROOT, folder, "**", "*." + ending), recursive=True)]


# Where a word that is a source's scheme means something else, or is an example in a draft.
NAMESAKES = {
    "src/adopt/entry.c": {"ollama"},  # a store
    "src/author/import.c": {"ollama"},  # a format of lists
    "src/author/import_ollama.c": {"ollama"},  # a program
    "src/author/model_json.c": {"ollama"},  # a format of models
    "src/manifest/parse.c": {"ollama"},  # a format of models
    "src/author/starter.c": {"ollama", "ollama:llama3.2:3b"},  # the first example
    "src/move/busy.c": {"ollama"},  # a program
    "src/survey/sidecar_kinds.c": {"civitai"},  # a key of somebody's JSON
    "cmd/cut_off.c": {"https://", "http://"},  # addresses in messages
    "cmd/verify_store_view.c": {"ollama"},  # a kind of store
}


class RoomsTest(unittest.TestCase):
    def test_every_room_has_a_row(self):
        rooms = {os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0] for path in sources("src")}
        self.assertEqual(rooms, set(table()))

    def test_arrows_point_down_only(self):
        knows = table()
        for room in knows:
            self.assertNotIn(room, closure(knows, room))

    def test_rooms_include_whom_they_know(self):
        knows = table()
        for path in sources("src"):
            room = os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0]
            others = set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M)) - {room}
            self.assertLessEqual(others, closure(knows, room), os.path.relpath(path, ROOT))

    def test_one_file_makes_files_and_folders(self):
        """Owners and modes are base/own.c's to say."""
        makes = re.compile(r"O_CREAT|O_TMPFILE|\b(mkdir|mkdirat|umask|creat|symlink|symlinkat|mkstemp|fchownat|chown|lchown|chmod)\(")
        for path in sources("src"):
            name = os.path.relpath(path, os.path.join(ROOT, "src"))
            if name != "base/own.c":
                found = [line for line in read(path).splitlines() if makes.search(line) and not re.match(r"\s*(/?\*|how\.|\.mode)", line)]
                self.assertEqual(found, [], name)

    def test_sources_are_asked_and_not_named(self):
        """What a source is like its struct tells (source/source.h); who compares names has to learn each new one. What is
        called like a source and is none has its place in NAMESAKES."""
        inside = "".join(read(path) for path in sources("src/source"))
        words = set(re.findall(r'\.scheme = "([a-z]+)"', inside)) | {"http"}
        for list_of in re.findall(r"aliases\[\] = {([^}]*)}", inside):
            words |= set(re.findall(r'"([a-z-]+)"', list_of)) - {"url"}  # a word of its own
        self.assertLess({"ollama", "hf", "huggingface", "civitai", "https"}, words)
        named = re.compile('"((?:%s)(?::[^" ]*)?)"' % "|".join(sorted(words)))
        knows = table()
        for path in sources("src") + sources("cmd"):
            name = os.path.relpath(path, ROOT)
            room = name.split(os.sep)[1] if name.startswith("src") else "cmd"
            if room != "cmd" and "source" not in closure(knows, room):
                continue
            code = re.sub(r"/\*.*?\*/|^#include.*?$", "", read(path), flags=re.S | re.M)
            self.assertEqual(set(named.findall(code)) - NAMESAKES.get(name, set()), set(), name)

    def test_the_tool_knows_the_public_headers(self):
        for path in sources("cmd"):
            others = set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M))
            self.assertLessEqual(others, {"ui"}, os.path.relpath(path, ROOT))


if __name__ == "__main__":
    unittest.main()
