#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The table of rooms in ARCHITECTURE.md: every room is in it, includes nobody but whom it knows (and whom these know), and
nobody knows himself by a detour. The tool knows the public headers alone."""
import glob
import os
import re
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# What only src/os may include and call.
SYSTEM_HEADERS = (r"fcntl\.h|dirent\.h|unistd\.h|poll\.h|signal\.h|spawn\.h|sched\.h|pwd\.h|grp\.h|termios\.h|linux/[^>]*|"
                  r"sys/(?:stat|ioctl|mman|file|statvfs|vfs|statfs|wait|random|syscall|prctl|resource|select)\.h")
SYSTEM_CALLS = (r"open|openat|openat2|close|dup|fcntl|ioctl|flock|read|write|pread|pwrite|lseek|ftruncate|truncate|fallocate|"
                r"stat|lstat|fstat|fstatat|access|faccessat|statvfs|fstatvfs|statfs|fstatfs|fsync|fdatasync|syncfs|sync_file_range|"
                r"posix_fadvise|mmap|munmap|madvise|mincore|unlink|unlinkat|rmdir|rename|renameat|renameat2|link|linkat|"
                r"readlink|readlinkat|realpath|getcwd|opendir|fdopendir|readdir|closedir|rewinddir|dirfd|fchmod|fchown|futimens|"
                r"geteuid|getuid|getpid|kill|isatty|poll|ppoll|select|pselect|pipe|pipe2|posix_spawn|waitpid|sysconf|syscall|"
                r"getpwuid|getpwuid_r|getpwnam|getpwnam_r|getgrgid_r|getgrouplist|getrandom|sched_getaffinity|prctl|setrlimit|"
                r"sigaction|sigprocmask|pthread_sigmask|strerrordesc_np|explicit_bzero|nanosleep|reallocarray")


def without_words(text):
    """C without its comments and strings."""
    return re.sub(r'/\*.*?\*/|"(\\.|[^"\\\n])*"', "", text, flags=re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table():
    """What each room knows by its row."""
    text = read(os.path.join(ROOT, "ARCHITECTURE.md")).split("## The rooms")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z]+)` \|.*\| ([^|]*) \|$", text, flags=re.M))
    return {room: {word for word in re.findall(r"[a-z]+", re.sub(r"\(.*?\)", "", knows)) if word in rows}
            for room, knows in rows.items()}


def strangers():
    """The rooms that each row says its room must not know."""
    text = read(os.path.join(ROOT, "ARCHITECTURE.md")).split("## The rooms")[1].split("\n## ")[0]
    return {room: set(re.findall(r"`([a-z]+)`", never))
            for room, never in re.findall(r"^\| `([a-z]+)` \|.*\| ([^|]*) \| [^|]* \|$", text, flags=re.M)}


def closure(knows, room, seen=None):
    seen = set() if seen is None else seen
    for other in knows[room] - seen:
        seen.add(other)
        closure(knows, other, seen)
    return seen


# Each library has one room; JSON's values are spoken of everywhere, so there it is the door that is one.
LIBRARIES = {
    r"curl/.*": "src/transfer/",
    r"archive.*": "src/archive/",
    r"openssl/.*": "src/digest/",
    r"yaml\.h": "src/yaml/",
    r"jansson\.h": ("src/base/json.h", "cmd/ui/json.h"),
}


def made_in(code):
    """The names of the functions and tables that C code (without_words) makes for others."""
    return set(re.findall(r"^(?!static\b|extern\b|typedef\b)\w[\w *]*?\b(\w+)(?:\([^;{}]*\)\s*^\{|(?:\[\w*\])* =)", code, flags=re.M))


def declared_in(code):
    """The names of the functions that a header declares."""
    return set(re.findall(r"^(?!static\b|typedef\b)\w[\w *]*?\b(\w+)\([^;{}]*\)[^;{}]*;", code, flags=re.M))


def in_circles(calls):
    """Of a graph (a set of others for each), those that come back to themselves."""
    return {start for start in calls if start in closure(calls, start)}


def room_of(path):
    return os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0]


def sources(folder):
    return [path for ending in ("c", "h") for path in glob.glob(os.path.join(ROOT, folder, "**", "*." + ending), recursive=True)]


# Where a word that is a source's scheme means something else, or is an example in a draft.
NAMESAKES = {
    "src/adopt/entry.c": {"ollama"},  # a store
    "src/author/import.c": {"hf"},  # a store
    "src/author/import_formats.c": {"ollama"},  # a format of lists
    "src/author/import_ollama.c": {"ollama"},  # a program
    "src/author/import_script.c": {"ollama"},  # the same
    "src/author/model_json.c": {"ollama"},  # a format of models
    "src/author/shell_command.c": {"hf", "comfy"},  # programs, and a store
    "src/manifest/parse.c": {"ollama", "https://"},  # a format of models; pages
    "src/author/starter.c": {"ollama", "ollama:llama3.2:3b"},  # the first example
    "src/doctor/runtimes.c": {"ollama", "http://127.0.0.1:1234", "http://127.0.0.1:8080"},  # a server, where others answer
    "src/export/clients.c": {"ollama", "http://127.0.0.1:8080/v1"},  # names of providers, addresses of servers
    "src/export/compose.c": {"ollama"},  # a program
    "src/export/boot.c": {"http://www.apple.com/DTDs/PropertyList-1.0.dtd\\", "http://schemas.microsoft.com/windows/2004/02/mit/task\\"},
    "src/export/routes.c": {"http://127.0.0.1:8080/v1/chat/completions", "http://127.0.0.1:7860/sdapi/v1/txt2img",
                            "http://127.0.0.1:8188/prompt", "http://127.0.0.1:8080/inference"},
    "src/export/gather.c": {"http://127.0.0.1:%u"},
    "src/runtime/ollama.c": {"ollama"},  # a program
    "src/move/busy.c": {"ollama"},  # a program
    "src/survey/sidecar_kinds.c": {"civitai"},  # a key of somebody's JSON
    "src/workflow/packs.c": {"https://github.com/%s/archive/%s.zip"},  # an address
    "src/workflow/notes.c": {"http"},  # how an address in a text begins
    "src/cache/multipart.c": {"http://s3.amazonaws.com/doc/2006-03-01/\\"},  # the name of S3's documents
    "src/carry/sidecars.c": {"civitai"},  # the same
    "cmd/cut_off.c": {"https://", "http://"},  # addresses in messages
    "cmd/verify_store_view.c": {"ollama"},  # a kind of store
}


class RoomsTest(unittest.TestCase):
    def test_every_room_has_a_row(self):
        rooms = {os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0] for path in sources("src")}
        self.assertEqual(rooms, set(table()))

    def test_arrows_point_down_only(self):
        knows = table()
        for room in knows:
            self.assertNotIn(room, closure(knows, room))

    def test_rooms_include_whom_they_know(self):
        knows = table()
        for path in sources("src"):
            room = os.path.relpath(path, os.path.join(ROOT, "src")).split(os.sep)[0]
            others = set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M)) - {room}
            self.assertLessEqual(others, closure(knows, room), os.path.relpath(path, ROOT))

    def test_a_header_declares_what_its_room_makes(self):
        """With the includes this leaves no circle between files of different rooms: nobody below is handed a name from above."""
        made = {}
        for path in sources("src"):
            made.setdefault(room_of(path), set()).update(made_in(without_words(read(path))) if path.endswith(".c") else ())
        anywhere = set().union(*made.values())
        for path in sources("src"):
            code = without_words(read(path))
            if path.endswith(".c"):
                words = {word for line in re.findall(r"^extern\b.*", code, flags=re.M) for word in re.findall(r"\w+", line)}
                self.assertLessEqual(words & anywhere, made[room_of(path)], os.path.relpath(path, ROOT))
            elif room_of(path) != "os":  # implements ncmodel/console.h, and each system has a file of its own
                elsewhere = (declared_in(code) & anywhere) - made[room_of(path)]
                self.assertEqual(elsewhere, set(), os.path.relpath(path, ROOT))

    def test_public_functions_are_called_from_above(self):
        """The public headers know no rooms: who calls what they declare has to know the room that makes it, and what a row
        says that its room must not know it does not ask, though others between them do."""
        public = set().union(*(declared_in(without_words(read(path))) for path in sources("include")))
        codes = {path: without_words(read(path)) for path in sources("src")}
        home = {name: room_of(path) for path, code in codes.items() if path.endswith(".c") for name in made_in(code) & public}
        self.assertGreater(len(home), 100)
        knows, unknown = table(), strangers()
        self.assertIn("transfer", unknown["upkeep"])
        for path, code in codes.items():
            rooms = {home[name] for name in re.findall(r"\b(ncm_\w+)\(", code) if name in home} - {room_of(path)}
            self.assertLessEqual(rooms, closure(knows, room_of(path)), os.path.relpath(path, ROOT))
            rooms |= set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M))
            self.assertEqual(rooms & unknown[room_of(path)], set(), os.path.relpath(path, ROOT))

    def test_no_circles_in_the_tool(self):
        """Files of cmd/ call each other one way, too."""
        codes = {os.path.relpath(path, ROOT): without_words(read(path)) for path in sources("cmd") if path.endswith(".c")}
        home = {name: path for path, code in codes.items() for name in made_in(code)}
        self.assertGreater(len(home), 100)
        calls = {path: {home[word] for word in re.findall(r"(?<![\w.])(?<!->)\w+", code) if word in home} - {path}
                 for path, code in codes.items()}
        self.assertEqual(in_circles(calls), set())

    def test_a_command_is_known_by_its_own_file_alone(self):
        """Beside the list of command.h: so a further one is three files with the build."""
        names = re.findall(r"X\(([a-z]+)\)", read(os.path.join(ROOT, "cmd/command.h")))
        self.assertIn("pull", names)
        for path in sources("cmd"):
            known = {name for name in names if re.search(r"\bcommand_%s\b" % name, without_words(read(path)))}
            known -= {"help", "version"} if path.endswith("cmd/main.c") else set()  # what no command, and --version, mean
            self.assertLessEqual(known, {os.path.basename(path)[:-2]}, os.path.relpath(path, ROOT))

    def test_libraries_have_one_room_each(self):
        for header, rooms in LIBRARIES.items():
            include = re.compile(r"^\s*#\s*include <(%s)>" % header, flags=re.M)
            paths = [path for path in sources("src") + sources("cmd") + sources("include") if include.search(read(path))]
            self.assertTrue(paths, header)
            for path in paths:
                self.assertTrue(os.path.relpath(path, ROOT).startswith(rooms), f"{path} includes <{header}>")

    def test_the_system_is_asked_in_one_room(self):
        """Its headers, and its functions by whatever way they are declared, are src/os's."""
        headers = re.compile(r"^#include <(%s)>" % SYSTEM_HEADERS, flags=re.M)
        calls = re.compile(r"(?<![\w.>])(%s)\(|\bstruct stat\b|\bO_[A-Z]+\b|\bAT_FDCWD\b" % SYSTEM_CALLS)
        for path in sources("src") + sources("cmd"):
            name = os.path.relpath(path, ROOT)
            if name.startswith("src/os/"):
                continue
            text = read(path)
            self.assertEqual(headers.findall(text), [], name)
            self.assertEqual([found[0] for found in calls.finditer(without_words(text))], [], name)

    def test_one_file_makes_files_and_folders(self):
        """Owners and modes are base/own.c's to say."""
        makes = re.compile(r"O_CREAT|O_TMPFILE|\bos_(create|mkdir|symlink|set_link_owner)\(|"
                           r"\b(mkdir|mkdirat|umask|creat|symlink|symlinkat|mkstemp|fchownat|chown|lchown|chmod)\(")
        for path in sources("src"):
            name = os.path.relpath(path, os.path.join(ROOT, "src"))
            if name != "base/own.c" and not name.startswith("os/"):
                found = [line for line in read(path).splitlines() if makes.search(line) and not re.match(r"\s*(/?\*|how\.|\.mode)", line)]
                self.assertEqual(found, [], name)

    def test_nobody_asks_which_kind_a_store_is(self):
        """Rooms ask a store's kind what it can do (store/kind.h); what is theirs alone to do for one, a table has."""
        kinds = re.findall(r"KIND\(([a-z]+)\)", read(os.path.join(ROOT, "src/store/kind.h")).split("#define NCM_EACH_STORE_KIND")[1].split("\n\n")[0])
        self.assertIn("folders", kinds)
        asks = re.compile(r"\bNCM_STORE_(?!\w*_H\b)\w|[!=]=\s*&ncm_kind_|&ncm_kind_\w+\s*[!=]=|\w*cmp\([^;\"]*kind[^;\"]*\"(%s)\"" % "|".join(kinds))
        for path in sources("src") + sources("cmd"):
            if not os.path.relpath(path, ROOT).startswith("src/store/"):
                self.assertIsNone(asks.search(read(path)), os.path.relpath(path, ROOT))

    def test_one_file_names_what_is_left_on_disk(self):
        """What a run that is killed leaves is understood by others: store/staging.c makes and reads its names."""
        names = re.compile(r'"[^"]*(/staging|\.journal|removing-|moving-|placing-|\.ncmodel-|\.repair)[^"]*"|"(staging|replaced)"')
        known = {"store/staging.c", "store/staging.h",
                 "transfer/journal.c", "base/ability_ask.c"}  # of whom store knows, and not they it
        for path in sources("src"):
            name = os.path.relpath(path, os.path.join(ROOT, "src"))
            code = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
            lines = [line for line in code.splitlines() if not re.search(r"NCM_REMOVAL_|#include|error_|warn|undone|%s/%s", line)]
            if name not in known:
                self.assertEqual([line for line in lines if names.search(line)], [], name)

    def test_sources_are_asked_and_not_named(self):
        """What a source is like its struct tells (source/source.h); who compares names has to learn each new one. What is
        called like a source and is none has its place in NAMESAKES."""
        inside = "".join(read(path) for path in sources("src/source"))
        words = set(re.findall(r'\.scheme = "([a-z]+)"', inside)) | {"http"}
        for list_of in re.findall(r"aliases\[\] = {([^}]*)}", inside):
            words |= set(re.findall(r'"([a-z-]+)"', list_of)) - {"url"}  # a word of its own
        self.assertLess({"ollama", "hf", "huggingface", "civitai", "https"}, words)
        named = re.compile('"((?:%s)(?::[^" ]*)?)"' % "|".join(sorted(words)))
        knows = table()
        for path in sources("src") + sources("cmd"):
            name = os.path.relpath(path, ROOT)
            room = name.split(os.sep)[1] if name.startswith("src") else "cmd"
            if room != "cmd" and "source" not in closure(knows, room):
                continue
            code = re.sub(r"/\*.*?\*/|^#include.*?$", "", read(path), flags=re.S | re.M)
            self.assertEqual(set(named.findall(code)) - NAMESAKES.get(name, set()), set(), name)

    def test_the_tool_knows_the_public_headers(self):
        for path in sources("cmd"):
            others = set(re.findall(r'^#include "([a-z_]+)/', read(path), flags=re.M))
            self.assertLessEqual(others, {"ui"}, os.path.relpath(path, ROOT))

    def test_the_screen_knows_no_command(self):
        for path in sources("cmd/ui"):
            own = [name for name in re.findall(r'^#include "([^"]+)"', read(path), flags=re.M) if not name.startswith("ui/")]
            self.assertEqual(own, [], os.path.relpath(path, ROOT))


if __name__ == "__main__":
    unittest.main()
