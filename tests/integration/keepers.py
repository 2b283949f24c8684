#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Proves with the real applications that ncmodel understands their stores and keeps them.

  keepers.py [ollama|hf|hub|accounts] [--no-build] [-k WORD]

A real Ollama server and the real huggingface_hub make the stores, from services on loopback; ncmodel verifies, repairs, adopts,
links and removes; the applications then say whether they still list, open and run what is left.
Exit: 0 proved, 1 not, 77 skipped (an application that cannot be had here). --no-build: skip what is not built yet.
NCMODEL names another binary than build-plain/cmd/ncmodel.
"""
import argparse
import os
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import hf_peer  # noqa: E402
import keepers_case  # noqa: E402
import ollama_peer  # noqa: E402
from harness import BINARY  # noqa: E402

APPLICATIONS = {"ollama": (ollama_peer, "keepers_ollama"), "hf": (hf_peer, "keepers_hf"), "hub": (hf_peer, "keepers_hub"),
                "accounts": (ollama_peer, "keepers_accounts")}
CONFINED = "NCMODEL_TEST_CONFINED"


def obey_permissions():
    """Root reads and writes whatever it likes. Without these capabilities a read-only file is one for root, too."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0 and setpriv and not os.environ.get(CONFINED):
        os.environ[CONFINED] = "1"
        os.execv(setpriv, [setpriv, "--bounding-set=-dac_override,-dac_read_search", sys.executable, *sys.argv])


class Result(unittest.TextTestResult):
    """Says what each test proves."""

    def getDescription(self, test):
        return test.shortDescription() or str(test)


def main():
    parser = argparse.ArgumentParser(description="Proves with the real applications that ncmodel keeps their stores")
    parser.add_argument("application", nargs="?", choices=sorted(APPLICATIONS))
    parser.add_argument("--no-build", action="store_true", help="skip (77) an application that is not built yet")
    parser.add_argument("-k", metavar="WORD", action="append", help="only the proofs whose name has this in it")
    options = parser.parse_args()
    # that one is of a root who may do all that root may
    chosen = [options.application] if options.application else sorted(set(APPLICATIONS) - {"accounts"})
    modules = []
    for name in chosen:
        peer, module = APPLICATIONS[name]
        try:
            if options.no_build and not peer.find():
                raise ollama_peer.Skip("%s is not built" % name)
            peer.build()
            modules.append(module)
        except ollama_peer.Skip as reason:
            print("SKIP: %s" % reason)
        except ollama_peer.Rejected as reason:
            print("%s: %s" % (name, reason), file=sys.stderr)
            return 1
    if not modules:
        return ollama_peer.SKIP
    if options.application != "accounts":
        obey_permissions()
    if not os.access(BINARY, os.X_OK):
        print("keepers: there is no %s; build it first" % BINARY, file=sys.stderr)
        return 1
    loader = unittest.TestLoader()
    loader.testNamePatterns = ["*%s*" % word for word in options.k] if options.k else None
    folder = tempfile.mkdtemp(prefix="keepers-")
    try:
        stop = keepers_case.start_servers(folder)
        try:
            result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result).run(loader.loadTestsFromNames(modules))
        finally:
            stop()
    except keepers_case.loopback.Failed as reason:
        print("SKIP: %s" % reason)
        return ollama_peer.SKIP
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
