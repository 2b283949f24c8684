#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The readers of what `ncmodel export` prints, where they can be had: Compose's own loader, Continue's own, LiteLLM's own router.

  export_peers.py build     fetches and builds them into the cache; prints those that are there

Cache: $NCMODEL_TEST_CACHE, default ${XDG_CACHE_HOME:-~/.cache}/ncmodel-test.
"""
import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from peer import cache  # noqa: E402

COMPOSE = """package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions([]string{os.Args[1]}, cli.WithName("check"), cli.WithProfiles([]string{"*"}))
	if err == nil {
		project, wrong := options.LoadProject(context.Background())
		if wrong == nil {
			err = json.NewEncoder(os.Stdout).Encode(project)
		} else {
			err = wrong
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
"""
CONTINUE = """import { parseConfigYaml } from "@continuedev/config-yaml";
import fs from "node:fs";
console.log(JSON.stringify(parseConfigYaml(fs.readFileSync(process.argv[2], "utf8"))));
"""
LITELLM = """import json, sys, yaml
from litellm import Router
router = Router(model_list=yaml.safe_load(open(sys.argv[1]))["model_list"])
json.dump([{"name": d["model_name"], **d["litellm_params"]} for d in router.model_list], sys.stdout, default=str)
"""


def folder(name):
    return os.path.join(cache(), "export-" + name)


def write(name, file, text):
    os.makedirs(folder(name), exist_ok=True)
    with open(os.path.join(folder(name), file), "w") as out:
        out.write(text)


def commands():
    """The command of each reader that is there; the file's path goes behind it."""
    python = os.path.join(folder("litellm"), "venv", "bin", "python3")
    found = {"compose": [os.path.join(folder("compose"), "check")], "litellm": [python, os.path.join(folder("litellm"), "check.py")],
             "continue": [shutil.which("node") or "", os.path.join(folder("continue"), "check.mjs")]}
    done = {name: os.path.exists(os.path.join(folder(name), "done")) for name in found}
    return {name: command for name, command in found.items() if done[name]}


def read(command, path):
    """What the reader makes of a file; its complaint is an AssertionError."""
    result = subprocess.run([*command, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


def build():
    write("compose", "main.go", COMPOSE)
    write("compose", "go.mod", "module check\n\ngo 1.24\n")
    write("continue", "check.mjs", CONTINUE)
    write("litellm", "check.py", LITELLM)
    venv = os.path.join(folder("litellm"), "venv")
    for name, steps in {"compose": [["go", "get", "github.com/compose-spec/compose-go/v2@v2.16.2"], ["go", "mod", "tidy"],
                                    ["go", "build", "-o", "check", "."]],
                        "continue": [["npm", "install", "--silent", "@continuedev/config-yaml@1.42.0"]],
                        "litellm": [[sys.executable, "-m", "venv", venv],
                                    [os.path.join(venv, "bin", "pip"), "install", "--quiet", "litellm"]]}.items():
        if all(shutil.which(step[0]) or step[0].startswith(venv) for step in steps) and \
                all(subprocess.run(step, cwd=folder(name), stdout=subprocess.DEVNULL).returncode == 0 for step in steps):
            write(name, "done", "")


if __name__ == "__main__":
    if sys.argv[1:] != ["build"]:
        sys.exit(__doc__)
    build()
    print("\n".join(sorted(commands())))
