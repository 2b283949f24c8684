"""A terminal of a known size, and what stands on it: tmux does the drawing."""
import os
import shlex
import shutil
import subprocess
import tempfile
import time


def there():
    return shutil.which("tmux") is not None


class Terminal:
    def __init__(self, command, columns, rows, env, cwd):
        self.folder = tempfile.mkdtemp(prefix="ncmodel-tmux-")
        self.socket, self.status = os.path.join(self.folder, "socket"), os.path.join(self.folder, "status")
        script = os.path.join(self.folder, "run")
        with open(script, "w", encoding="utf-8") as out:
            out.write("cd %s\nenv -i TERM=screen %s %s\necho $? >%s.new\nmv %s.new %s\nsleep 1000\n" % (
                shlex.quote(cwd), " ".join(shlex.quote(f"{name}={value}") for name, value in env.items()),
                " ".join(map(shlex.quote, command)), self.status, self.status, self.status))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(columns), "-y", str(rows), "sh", script)

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *arguments], check=True, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "screen", "SHELL": "/bin/sh",
                                   "HOME": self.folder}).stdout

    def text(self):
        """All lines, also those that have gone by."""
        return self.tmux("capture-pane", "-p", "-S", "-", "-t", "t").rstrip("\n")

    def wait(self, ready, seconds=60):
        """The text when ready(text) says so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text = self.text()
            if ready(text):
                return text
            time.sleep(0.05)
        raise AssertionError("the terminal shows\n" + self.text())

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def code(self):
        """The exit code, when the command has ended."""
        self.wait(lambda _: os.path.exists(self.status))
        with open(self.status, encoding="utf-8") as file:
            return int(file.read())

    def close(self):
        try:
            self.tmux("kill-server")
        except subprocess.CalledProcessError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)
