#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arm64 kernel of SHA-256, compiled by a cross compiler and run under qemu, against Python's own hashes."""
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
COMPILER = shutil.which("aarch64-linux-gnu-gcc")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
STANDARD = [b"abc", b"\xd3", b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"]  # FIPS 180-4, CAVP


def padded(message):
    """FIPS 180-4, 5.1.1"""
    return message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8, "big")


def case(messages, split):
    blocks = [padded(message) for message in messages]
    assert len({len(b) for b in blocks}) == 1
    return bytes([len(messages), len(blocks[0]) // 64, split]) + b"".join(
        block + hashlib.sha256(message).digest() for message, block in zip(messages, blocks))


def cases(count, dice):
    for messages in [[m] * lanes for m in STANDARD for lanes in (1, 2, 3)]:
        yield case(messages, 0)
    for _ in range(count):
        blocks = dice.randint(1, 12)
        # All lengths that need so many blocks, padding included.
        sizes = [dice.randint(max(64 * blocks - 72, 0), 64 * blocks - 9) for _ in range(dice.randint(1, 3))]
        yield case([dice.randbytes(size) for size in sizes], dice.randint(0, blocks))


@unittest.skipUnless(COMPILER and EMULATOR, "no cross compiler for arm64, or no qemu")
class ArmTest(unittest.TestCase):
    def test_the_kernel_hashes_as_python_does(self):
        count = int(os.environ.get("NCM_TEST_CASES", "20000"))
        seed = int(os.environ.get("NCM_TEST_SEED", random.randrange(1 << 32)))
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "lanes")
            subprocess.run([COMPILER, "-std=gnu17", "-O2", "-static", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror",
                            "-I", os.path.join(SOURCE, "src"), "-I", os.path.join(SOURCE, "include"),
                            os.path.join(HERE, "lanes.c"), os.path.join(SOURCE, "src/digest/sha256_lanes.c"),
                            "-o", program], check=True)
            text = b"".join(cases(count, random.Random(seed)))
            result = subprocess.run([EMULATOR, program], input=text, capture_output=True)
        self.assertEqual(result.returncode, 0, f"seed {seed}: {result.stderr.decode()}")
        self.assertRegex(result.stdout.decode(), rf"^{count + 9} cases, arm64 SHA2$")
        print(result.stdout.decode().strip(), "seed", seed, file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
