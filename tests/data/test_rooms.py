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

    def test_nobody_asks_which_kind_a_store_is(self):
        """Rooms ask a store's kind what it can do (store/kind.h); what is theirs alone to do for one, a table has."""
        kinds = re.findall(r"KIND\(([a-z]+)\)", read(os.path.join(ROOT, "src/store/kind.h")).split("#define NCM_EACH_STORE_KIND")[1].split("\n\n")[0])
        self.assertIn("folders", kinds)
        asks = re.compile(r"\bNCM_STORE_(?!\w*_H\b)\w|[!=]=\s*&ncm_kind_|&ncm_kind_\w+\s*[!=]=|\w*cmp\([^;\"]*kind[^;\"]*\"(%s)\"" % "|".join(kinds))
        for path in sources("src") + sources("cmd"):
            if not os.path.relpath(path, ROOT).startswith("src/store/"):
                self.assertIsNone(asks.search(read(path)), os.path.relpath(path, ROOT))

    def test_one_file_names_what_is_left_on_disk(self):
        """What a run that is killed leaves is understood by others: store/staging.c makes and reads its names."""
        names = re.compile(r'"[^"]*(/staging|\.journal|removing-|moving-|placing-|\.ncmodel-|\.repair)[^"]*"|"(staging|replaced)"')
        known = {"store/staging.c", "store/staging.h",
                 "transfer/journal.c", "base/ability_ask.c"}  # of whom store knows, and not they it
        for path in sources("src"):
            name = os.path.relpath(path, os.path.join(ROOT, "src"))
            code = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
            lines = [line for line in code.splitlines() if not re.search(r"NCM_REMOVAL_|#include|error_|warn|undone|%s/%s", line)]
            if name not in known:
                self.assertEqual([line for line in lines if names.search(line)], [], name)

    def test_the_tool_knows_the_public_headers(self):
        for path in sources("cmd"):
            others = set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M))
            self.assertLessEqual(others, {"ui"}, os.path.relpath(path, ROOT))


if __name__ == "__main__":
    unittest.main()
