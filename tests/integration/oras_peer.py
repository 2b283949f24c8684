# SPDX-License-Identifier: MIT
"""The real oras, built once into the test cache from its public Go module."""
import subprocess

from peer import GoProgram, Rejected, Skip

PROGRAM = GoProgram("oras", "oras.land/oras", "v1.3.6", "/cmd/oras", ("-p", "1"))


def run(binary, folder, *arguments):
    """Runs it in a folder, against a registry without TLS; what it printed."""
    ran = subprocess.run([binary, *arguments, "--plain-http"], cwd=folder, env={"PATH": "/usr/bin:/bin", "HOME": folder},
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if ran.returncode != 0:
        raise AssertionError(ran.stdout + ran.stderr)
    return ran.stdout


def prepare():
    """The program, or None with a word why."""
    try:
        return PROGRAM.build(lambda go, folder: {"GOFLAGS": ""}), None
    except (Skip, Rejected) as why:
        return None, str(why)
