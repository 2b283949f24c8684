#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every source that is understood prints to a spelling that means the same, and a page means what it was made of.

NCM_SOURCE_FACTS names tests/unit/source_facts.c, built.
"""
import json
import os
import subprocess
import sys
import unittest
import urllib.parse

try:
    from hypothesis import HealthCheck, assume, given, settings
    from hypothesis import strategies as st
except ImportError:
    print("python3-hypothesis is not installed (scripts/setup --test)")
    sys.exit(77)

settings.register_profile("spellings", max_examples=400, deadline=None, derandomize=True, database=None,
                          suppress_health_check=list(HealthCheck))
settings.load_profile("spellings")
PROGRAM = subprocess.Popen([os.environ["NCM_SOURCE_FACTS"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def facts(uri):
    """What a source means; {} if it is refused."""
    PROGRAM.stdin.write(uri.encode("utf-8", "surrogateescape") + b"\n")
    PROGRAM.stdin.flush()
    return json.loads(PROGRAM.stdout.readline())


WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
part = st.text(WORD + "-.", min_size=1, max_size=12).filter(
    lambda t: t[0] in WORD and t[-1] in WORD and "--" not in t and ".." not in t and not t.lower().endswith(".git")
    and t not in ("datasets", "spaces", "kernels", "buckets", "api", "docs", "blog", "papers", "collections", "models", "settings",
                  "blob", "resolve", "raw", "blame", "tree"))
repo = st.one_of(part, st.tuples(part, part).map("/".join))
endings = st.sampled_from(["", ".gguf", ".json", ".safetensors", ".png", "@2x.png", "@v1", ".part1of2", ".v1"])
component = st.tuples(st.text(WORD + "-. @#?%&=+:,()[]*\u00e4\u4e2d", min_size=1, max_size=10), endings).map("".join).filter(
    lambda t: t not in (".", ".."))
path = st.lists(component, min_size=1, max_size=3).map("/".join)
revision = st.one_of(
    st.just("main"), st.just("c" * 40), st.sampled_from(["refs/pr/1", "refs/convert/parquet", "feature/x", "release/v1.5", "v1.json", "a b"]),
    st.text(WORD + "-./+=@,() \u00e4", min_size=1, max_size=12).filter(
        lambda t: t[0] not in "-./ " and t[-1] not in "./ " and ".." not in t and "//" not in t))
glob = st.text(WORD + "-./*?[]!&=@#% \u00e4+", min_size=1, max_size=10)
HOSTS = ["https://huggingface.co/", "http://huggingface.co/", "huggingface.co/", "https://hf.co/", "https://www.huggingface.co/"]


class SpellingTest(unittest.TestCase):
    def same(self, uri):
        """The canonical spelling is its own, and the same thing."""
        found = facts(uri)
        if found:
            again = facts(found["canonical"])
            self.assertEqual(again, found, uri)
            if "key" in found:
                self.assertEqual(facts(found["key"]).get("key", found["key"]), found["key"], uri)
            if "stem" in found:
                self.assertEqual(facts(found["key"]).get("stem"), found["stem"], uri)
        return found

    @given(st.sampled_from(HOSTS), repo, st.sampled_from(["blob", "resolve", "raw", "blame"]), revision, path,
           st.sampled_from(["", "?download=true", "#L3", "?x=1#y"]))
    def test_pages_of_files(self, host, repo, route, revision, path, tail):
        address = f"{host}{repo}/{route}/{urllib.parse.quote(revision, safe='')}/{urllib.parse.quote(path)}{tail}"
        found = self.same(address)
        self.assertEqual({name: found.get(name) for name in ("repo", "revision", "path", "tag")},
                         {"repo": repo, "revision": revision, "path": path, "tag": None}, (address, found))

    @given(st.sampled_from(HOSTS), repo, revision, st.one_of(st.just(""), path))
    def test_pages_of_folders(self, host, repo, revision, folder):
        address = f"{host}{repo}/tree/{urllib.parse.quote(revision, safe='')}/{urllib.parse.quote(folder)}"
        found = self.same(address)
        self.assertEqual((found.get("repo"), found.get("revision"), found.get("path")), (repo, revision, f"{folder}/*" if folder else None))

    @given(repo, st.one_of(st.none(), revision), st.lists(glob, max_size=3), st.lists(glob, max_size=3))
    def test_choices(self, repo, revision, include, exclude):
        choice = "&".join([*(f"include={urllib.parse.quote(g)}" for g in include), *(f"exclude={urllib.parse.quote(g)}" for g in exclude)])
        at = f"@{urllib.parse.quote(revision, safe='')}" if revision else ""
        found = self.same(f"hf:{repo}{at}?{choice}" if choice else f"hf:{repo}{at}")
        order = lambda globs: sorted(set(globs), key=lambda g: g.encode())  # noqa: E731
        self.assertEqual((found.get("repo"), found.get("revision"), found.get("include"), found.get("exclude")),
                         (repo, revision or "main", order(include), order(exclude)))
        self.assertEqual(found["key"], f"hf:{repo}")

    @given(repo, st.text(WORD + "-.", min_size=1, max_size=9), st.one_of(st.none(), revision))
    def test_quantizations(self, repo, tag, revision):
        assume(tag[0] in WORD)
        found = self.same(f"hf:{repo}:{tag}" + (f"@{urllib.parse.quote(revision, safe='')}" if revision else ""))
        self.assertEqual((found.get("repo"), found.get("tag"), found.get("revision"), found.get("path")), (repo, tag, revision or "main", None))

    @given(st.lists(st.one_of(st.sampled_from(["hf:", "hf://", "/", "@", ":", "?include=", "&exclude=", "%2F", "%20", "#", "main", "refs/pr/1", ".gguf",
                                              "huggingface.co/", "https://", "tree/", "blob/", "gpt2", "org", "*", "ollama:", "ollama.com/",
                                              "library/", "civitai:", "1", "latest", "fileId=1"]), component), min_size=1, max_size=9).map("".join))
    def test_anything(self, text):
        assume("\n" not in text)
        self.same(text)
        self.same("hf:" + text)


if __name__ == "__main__":
    unittest.main()
