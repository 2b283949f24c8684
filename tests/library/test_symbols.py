#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the shared library exports: the public functions, all of them with a version, and nothing else.
test_symbols.py LIBRARY INCLUDES"""
import glob
import os
import re
import subprocess
import sys
import unittest

LIBRARY, INCLUDES = sys.argv[1:3]


def exported():
    lines = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", LIBRARY], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return [fields[2] for fields in map(str.split, lines) if fields[1] != "A"]


def headers():
    """The public headers without their comments, by name."""
    texts = {}
    for header in glob.glob(os.path.join(INCLUDES, "ncmodel", "*.h")):
        with open(header, encoding="utf-8") as file:
            texts[os.path.basename(header)] = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return texts


def declared():
    """The functions of the public headers: names before a bracket."""
    return {name for text in headers().values() for name in re.findall(r"\b(ncm_\w+)\(", text)}


class SymbolsTest(unittest.TestCase):
    def test_every_public_function_and_nothing_else(self):
        names = [symbol.split("@")[0] for symbol in exported()]
        self.assertEqual(sorted(names), sorted(declared()))

    def test_every_header_with_functions_says_that_they_are_c(self):
        for name, text in sorted(headers().items()):
            if re.search(r"\bncm_\w+\(", text):
                with self.subTest(header=name):
                    self.assertIn('extern "C" {', text)

    def test_every_symbol_has_a_version(self):
        for symbol in exported():
            self.assertRegex(symbol, r"^ncm_\w+@@NCMODEL_[0-9]+$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
