# SPDX-License-Identifier: MIT
"""The packages that write and read model files, gguf and safetensors, in a virtual environment in the test cache."""
import fcntl
import os
import subprocess
import sys

PACKAGES = ["gguf==0.19.0", "safetensors==0.8.0", "numpy"]


def prepare():
    """The Python of an environment that has the packages, or None with a word why."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = os.environ.get("NCMODEL_TEST_CACHE") or os.path.join(base, "ncmodel-test")
    home = os.path.join(cache, "python-" + "-".join(p.replace("==", "-") for p in PACKAGES))
    python = os.path.join(home, "bin", "python")
    done = os.path.join(home, "complete")
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs make it once
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
