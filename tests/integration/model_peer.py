# SPDX-License-Identifier: MIT
"""The packages that write and read model files, gguf and safetensors, in a virtual environment in the test cache."""
import os
import subprocess
import sys

from peer import cache, locked

PACKAGES = ["gguf==0.19.0", "safetensors==0.8.0", "numpy"]


def prepare():
    """The Python of an environment that has the packages, or None with a word why."""
    home = os.path.join(cache(), "python-" + "-".join(p.replace("==", "-") for p in PACKAGES))
    python = os.path.join(home, "bin", "python")
    done = os.path.join(home, "complete")
    with locked():
        if not os.path.exists(done):
            steps = [[sys.executable, "-m", "venv", "--clear", home],
                     [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]]
            for step in steps:
                made = subprocess.run(step, capture_output=True, text=True, check=False)
                if made.returncode:
                    return None, "%s: %s" % (" ".join(step[1:4]), (made.stdout + made.stderr).strip()[-300:])
            with open(done, "w", encoding="utf-8"):
                pass
    return python, None
