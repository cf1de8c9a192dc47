"""Server programs that a test starts in the foreground, in a folder of their own."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 60
STOP_SECONDS = 10


def free_ports(count):
    """Ports of 127.0.0.1 on which nobody listens now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def answers(address):
    """Whether a web server is there, whatever it says."""
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


class ChildServers:
    """Children of this process; `stop` ends them by process id, the last one first, and removes
    their folder. Made in a `with` statement they are stopped at its end."""

    def __init__(self, name):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"dreamdb-{name}-"))
        self.children = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start_child(self, name, words, **environment):
        """Starts a program that stays in the foreground; what it prints is in NAME.out."""
        with open(self.folder / f"{name}.out", "wb") as out:
            self.children.append(subprocess.Popen(  # pylint: disable=consider-using-with
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, env={**os.environ, **environment},
                start_new_session=True))

    def wait_until(self, what, ready):
        limit = time.monotonic() + START_SECONDS
        while not ready():
            dead = next((one for one in self.children if one.poll() is not None), None)
            if dead is not None or time.monotonic() > limit:
                raise RuntimeError(f"{self.name}: {what} did not come up: {self.last_words()}")
            time.sleep(0.02)

    def last_words(self):
        return " ".join(file.read_text(errors="replace")[-500:]
                        for suffix in ("*.out", "*.log") for file in self.folder.rglob(suffix))

    def stop(self):
        for one in reversed(self.children):
            one.terminate()
            try:
                one.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        self.children = []
        shutil.rmtree(self.folder, ignore_errors=True)


def serve_until_end_of_input(missing, packages, make, settings):
    """A program that starts servers, prints `settings` of them as lines for a shell, and stops them
    at end of input; its status."""
    if missing:
        print(f"{missing} is not installed; apt-get install --no-install-recommends {packages}",
              file=sys.stderr)
        return 1
    with make() as servers:
        for variable, value in settings(servers).items():
            print(f"export {variable}={value}")
        sys.stdout.flush()
        sys.stdin.read()
    return 0
