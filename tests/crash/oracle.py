# SPDX-License-Identifier: MIT
"""What must hold of a folder after a crash, and after the next run. Shares no code with the program."""
import hashlib
import json
import os
import re
import struct


TEMPORARY = re.compile(r"\.(models\.json|ncmodel\.lock|[0-9a-f]{64})\.[0-9a-f]{16}\.tmp")
NEEDED = re.compile(r"/\.ncmodel/(([a-z-]+\.)?lock|checkpoints/[0-9a-f]{64})$")
MODELS = "server/ai/llama-cpp/models"
REGISTRY, LOCK = MODELS + "/models.json", MODELS + "/ncmodel.lock"


def is_own(path):
    return ".ncmodel" in path.split("/")


def read_journal(journal, same_boot):
    """(ETag, ranges that are vouched for), as src/transfer/journal.h says it."""
    lines = journal.split(b"\n")
    if lines[0] != b"ncmodel partial 1" or len(lines) < 3:
        return None, []
    try:
        etag = json.loads(lines[1]).get("etag")
    except ValueError:
        return None, []
    ranges, synced = [], 0
    for line in lines[2:-1]:
        if match := re.fullmatch(rb"\+ (\d+) (\d+)", line):
            ranges.append((int(match[1]), int(match[2])))
        elif (match := re.fullmatch(rb"= (\d+)", line)) and int(match[1]) <= len(ranges):
            synced = int(match[1])
        else:
            break
    return etag, ranges if same_boot else ranges[:synced]


def joined(ranges):
    result = []
    for start, end in sorted(ranges):
        if result and start <= result[-1][1]:
            result[-1][1] = max(end, result[-1][1])
        else:
            result.append([start, end])
    return result


def common(a, b):
    """How many bytes two lists of joined ranges share."""
    return sum(max(0, min(x[1], y[1]) - max(x[0], y[0])) for x in a for y in b)


def length(ranges):
    return sum(end - start for start, end in ranges)


class Oracle:
    """case: see cases.py."""

    def __init__(self, case):
        self.case = case

    # before the next run

    def look(self, left):
        """Everything that is wrong with what a crash left."""
        wrong = []
        for path, (_, content, _, _) in left.paths.items():
            if content is None:
                continue
            if path.endswith(".part.journal"):
                wrong += self.look_at_journal(left, path)
            elif not is_own(path) and path not in (REGISTRY, LOCK) and not TEMPORARY.fullmatch(os.path.basename(path)):
                wrong += self.look_at_file(path, content)
            elif "/.ncmodel/checkpoints/" in path and not TEMPORARY.fullmatch(os.path.basename(path)):
                wrong += look_at_checkpoints(path, content)
        for path in (REGISTRY, LOCK):
            wrong += self.look_at_json(left, path)
        for path, blobs in self.case.references.items():
            if path in left.paths:
                wrong += [f"{path} names {blob}, which is not there" for blob in blobs if blob not in left.paths]
        return wrong

    def look_at_file(self, path, content):
        right = self.case.right(path)
        if not right:
            return [f"{path} has a final name and is none of ours"]
        if any(content.differs(data) is None for data in right):
            return []
        if self.case.mended(path, content):
            return []
        return [f"{path} has its final name and wrong content from byte {content.differs(right[0])} on"]

    def look_at_json(self, left, path):
        if path not in left.paths:
            return []
        try:
            document = json.loads(left.bytes(path))
        except ValueError as error:
            return [f"{path}: {error}"]
        wrong = []
        for model in document["models"] if path == REGISTRY else ():
            for file in model["files"]:
                wrong += self.look_at_entry(left, model["name"], file)
        return wrong

    def look_at_entry(self, left, model, file):
        path = self.case.relative(file["path"])
        if path not in left.paths:
            gone = path in self.case.gone
            return [] if gone else [f"models.json names {path} of {model}, which is not there"]
        # With what it has, look_at_file is content. Which of several right contents it is, the next run finds out.
        if len(self.case.right(path)) == 1 and file["sha256"] != self.case.sha(self.case.right(path)[0]):
            return [f"models.json has another digest of {path}"]
        return []

    def vouched(self, left, path):
        """(ETag, the ranges that the journal at this path says are there, and the file's length leaves)."""
        partial = left.paths.get(path.removesuffix(".journal"))
        if not partial:
            return None, []
        etag, ranges = read_journal(left.bytes(path), left.same_boot)
        return etag, joined((start, min(end, partial[1].size)) for start, end in ranges if start < partial[1].size)

    def look_at_journal(self, left, path):
        etag, ranges = self.vouched(left, path)
        expected = self.case.fetched(os.path.basename(path).removesuffix(".journal"), etag)
        if expected is None:
            return [f"{path} is of no file that is fetched"]
        wrong = []
        for start, end in ranges:
            at = left.paths[path.removesuffix(".journal")][1].differs(expected, start, end)
            if at is not None:
                wrong.append(f"{path} vouches for {start}-{end}, which is wrong from {at} on")
        return wrong

    def proved(self, left):
        """{URL path: ranges that need not be sent again}."""
        proved = {}
        for url, data in self.case.served.items():
            paths = [path for path in self.case.places(url) if path in left.paths and
                     left.paths[path][1].differs(data) is None]
            proved[url] = [[0, len(data)]] if paths else self.case.right_parts(url, left)
        for path in left.paths:
            if not path.endswith(".part.journal"):
                continue
            etag, ranges = self.vouched(left, path)
            for url in self.case.urls_of(os.path.basename(path).removesuffix(".journal"), etag):
                proved[url] = joined(map(tuple, proved[url] + ranges))
        return proved

    # after it

    def compare_sent(self, proved, sent):
        wrong = []
        for url, ranges in sent.items():
            if url not in self.case.served:
                continue
            again = common(proved[url], joined(ranges))
            if again > self.case.asked_again:
                wrong.append(f"{again} bytes of {url} were sent again, of {length(proved[url])} that were on disk for sure")
        return wrong

    def compare_folder(self, root, selector_check):
        """After a run that ended well: what is wrong, and what nobody needs any more."""
        wrong, rest, seen = [], [], set()
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), root)
                seen.add(path)
                if path in self.case.final:
                    with open(os.path.join(folder, name), "rb") as file:
                        if file.read() != self.case.final[path]:
                            wrong.append(f"{path} is wrong after all")
                elif TEMPORARY.fullmatch(name) or (is_own(path) and not NEEDED.search(path)):
                    rest.append((path, os.path.getsize(os.path.join(folder, name))))
                elif not is_own(path) and path not in (REGISTRY, LOCK):
                    wrong.append(f"{path} should not be there")
        wrong += [f"{path} is missing after all" for path in self.case.final if path not in seen]
        return wrong + self.compare_registry(root, selector_check), rest

    def compare_registry(self, root, selector_check):
        with open(os.path.join(root, REGISTRY), encoding="utf-8") as file:
            text = file.read()
        wrong = [f"models.json: {line}" for line in selector_check.check(text)]
        entries = {}
        for model in json.loads(text)["models"]:
            for file in model["files"]:
                entries[self.case.relative(file["path"], root)] = file
        for path, file in entries.items():
            data = self.case.final.get(path)
            if data is None or file["sha256"] != self.case.sha(data) or file["size"] != len(data):
                wrong.append(f"models.json is wrong about {path}")
        return wrong + [f"models.json does not name {path}" for path in self.case.final if path not in entries]


def look_at_checkpoints(path, content):
    data = content.bytes()
    if len(data) > 32 and hashlib.sha256(data[:-32]).digest() == data[-32:] and \
            data.startswith(b"NCMCHKPT" + struct.pack(">I", 1)):
        return []
    return [f"{path} has its final name and is damaged"]
