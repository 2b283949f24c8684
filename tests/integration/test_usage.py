"""Wrong command lines: each has a message to act on and the exit code that is documented; and hints that can be followed."""
import os
import re
import unittest

from harness import SOURCE, Case


def sources(*folders):
    for folder in folders:
        for place, _, names in os.walk(os.path.join(SOURCE, folder)):
            for name in names:
                if name.endswith((".c", ".h")):
                    path = os.path.join(place, name)
                    with open(path, encoding="utf-8") as file:
                        yield os.path.relpath(path, SOURCE), file.read()


class ExitCodeTest(Case):
    def classes(self):
        """Each class of error with its exit code."""
        with open(os.path.join(SOURCE, "src/base/error.c"), encoding="utf-8") as file:
            return {name: int(code) for name, code in re.findall(r"\[(NCM_E_\w+)\] = \{\"\w+\", (\d+),", file.read())}

    def produced(self):
        """The classes that something fails with: named, and not only compared with."""
        found = set()
        for path, text in sources("src", "cmd"):
            if path != "src/base/error.c":
                text = re.sub(r"(case|[=!]=) NCM_E_\w+", "", text)
                found.update(re.findall(r"NCM_E_\w+", text))
        return found

    def test_every_code_is_produced_or_reserved(self):
        table = self.machine.run("help", "exit-codes").out
        codes = dict(re.findall(r"(?m)^  (\d+) +(\S.*)$", table))
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        classes, produced = self.classes(), self.produced()
        self.assertEqual({str(code) for code in classes.values()} - {"130"}, set(codes) - {"0"})
        for code, text in codes.items():
            if code == "0":
                continue
            is_produced = any(name in produced for name, exit_code in classes.items() if str(exit_code) == code)
            self.assertEqual(text.startswith("Reserved"), not is_produced, f"{code} {text}")
            self.assertEqual(bool(re.search(rf"\| {code} \| reserved:", readme)), not is_produced, f"README: {code}")
            self.assertEqual("reserved" in "".join(re.findall(rf"(?m)^.*exit {code}\b.*$", self.header())), not is_produced, code)

    def header(self):
        with open(os.path.join(SOURCE, "include/ncmodel/error.h"), encoding="utf-8") as file:
            return file.read()


if __name__ == "__main__":
    unittest.main()
