"""A real server for the tests: `millrace dev` with its own Postgres, in a folder that is deleted at the end."""

import atexit
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import millrace

WAIT_TIMEOUT = 60.0


def until(what, condition):
    """Wait for a state that sends no signal."""
    deadline = time.monotonic() + WAIT_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {WAIT_TIMEOUT} s: {what}")
        time.sleep(0.01)


class Count:
    """Counts the multiplications that a client has submitted since, and that are not deleted."""

    def __init__(self, client):
        self._client = client
        since = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        self._path = "/v1/multiplications?limit=200&created_since=" + since.replace("+00:00", "Z")

    def __call__(self):
        return len(self._client.call("GET", self._path)["items"])


class Server:
    """A process that requires a key."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="millrace-python-")
        self.binary = os.environ["MILLRACE_BINARY"]
        self.address = "127.0.0.1:0"
        self.token = None
        self.start()

    def start(self):
        """Start it, on the address that it had before."""
        command = [self.binary, "dev", "--json", "--auth", "--addr", self.address, "--ops-addr", "127.0.0.1:0"]
        command += ["--soft-stop", "1s", "--data", os.path.join(self.folder, "data")]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MILLRACE_")}
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        line = self.process.stdout.readline()
        if not line:
            with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
                raise AssertionError("the server did not start: " + log.read()[-2000:])
        said = json.loads(line)
        self.url = said["api"]
        self.database = said["database_url"]
        self.address = self.url.partition("://")[2]
        self.token = said.get("token") or self.token

    def stop(self):
        """Stop it as a deployment does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def run(self, *arguments):
        """Run another command of the program on the database, and return what it prints."""
        environment = dict(os.environ, DATABASE_URL=self.database)
        done = subprocess.run([self.binary, *arguments], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done.stdout

    def key(self, tenant, *flags):
        """Make a key for a tenant, and return its token."""
        printed = self.run("keys", "create", "--name", "test", "--tenant", tenant, "--create-tenant", *flags)
        return next(word for word in printed.split() if word.startswith("mr_"))

    def damage(self, matrix):
        """Overwrite bytes of a block of a matrix, as a disk may do."""
        with open(os.path.join(self.folder, "data", "blocks", matrix, "1"), "r+b") as block:
            block.seek(123_456)
            block.write(b"rotten bytes")

    def client(self, **options):
        """A client of the server, or of what `url` leads through."""
        options = {"token": self.token, **options}
        return millrace.Client(options.pop("url", self.url), **options)


_server = None


def server():
    """The server of all tests."""
    global _server
    if _server is None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server is stopped, too
        _server = Server()
        atexit.register(_end)
    return _server


def _end():
    _server.stop()
    shutil.rmtree(_server.folder, ignore_errors=True)
