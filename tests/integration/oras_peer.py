# SPDX-License-Identifier: MIT
"""The real oras, built once into the test cache from its public Go module."""
from peer import GoProgram, Rejected, Skip

PROGRAM = GoProgram("oras", "oras.land/oras", "v1.3.6", "/cmd/oras", ("-p", "1"))


def prepare():
    """The program, or None with a word why."""
    try:
        return PROGRAM.build(lambda go, folder: {"GOFLAGS": ""}), None
    except (Skip, Rejected) as why:
        return None, str(why)
