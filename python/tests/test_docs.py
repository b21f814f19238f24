"""What the documents and the notebook show runs as it is shown."""

import ast
import asyncio
import contextlib
import glob
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from .server import server

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHOWN_SERVER = "http://127.0.0.1:8080"

# A command that fails ends a block, and so does a problem that the server responds with.
PREAMBLE = """
set -eu
curl() { command curl --fail-with-body -H "Authorization: Bearer $MILLRACE_TOKEN" "$@"; }
"""


class DocsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.addCleanup(os.environ.update, {k: os.environ.get(k, "") for k in ("MILLRACE_SERVER", "MILLRACE_TOKEN")})
        os.environ.update(MILLRACE_SERVER=server().url, MILLRACE_TOKEN=server().token)

    def run_blocks(self, name, blocks):
        """Run pieces of code one after the other, with what they have defined, and return what they print."""
        names = {"__name__": "__main__"}
        printed = io.StringIO()
        for number, block in enumerate(blocks):
            block = block.replace(SHOWN_SERVER, server().url)
            block = re.sub(r'Client\((".*?")?\)', f'Client("{server().url}", token="{server().token}")', block)
            block = block.replace(".default_client().url)", f'.default_client().url, token="{server().token}")')
            with self.subTest(f"{name} {number}"), contextlib.redirect_stdout(printed):
                code = compile(block, f"{name} {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                coroutine = eval(code, names)
                if inspect.iscoroutine(coroutine):
                    asyncio.run(self.finish(coroutine))
        return printed.getvalue()

    async def finish(self, coroutine):
        return await coroutine

    def test_documents(self):
        found = 0
        for name in ("README.md", "../README.md", "../docs/python.md"):
            path = os.path.join(ROOT, name)
            if not os.path.exists(path):  # in an sdist
                continue
            with open(path, encoding="utf-8") as file:
                blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
            found += len(blocks)
            self.run_blocks(name, blocks)
        self.assertGreater(found, 1)

    def run_commands(self, name, block, folder):
        """Run the lines of a shell in a folder, as if they were pasted there."""
        block = block.replace(SHOWN_SERVER, server().url)
        with self.subTest(name + ": " + block[:60]):
            done = subprocess.run(
                ["bash", "-c", PREAMBLE + block],
                capture_output=True,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=120,
            )
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            for line in re.findall(r"^# (.*)$", block, re.M):
                for part in re.findall(r"\[\[.*\]\]", line):
                    self.assertIn(part.replace(" ", ""), done.stdout.replace(" ", ""))

    @unittest.skipUnless(shutil.which("bash") and shutil.which("curl"), "no bash or curl")
    def test_commands(self):
        os.mkdir("bin")
        os.symlink(os.environ["MILLRACE_BINARY"], "bin/millrace")
        os.symlink(sys.executable, "bin/python3")
        self.addCleanup(os.environ.update, PATH=os.environ["PATH"])
        os.environ["PATH"] = os.path.abspath("bin") + os.pathsep + os.environ["PATH"]
        found = 0
        for name in ("../README.md", "../docs/api.md", "../docs/cli.md"):
            path = os.path.join(ROOT, name)
            if not os.path.exists(path):  # in an sdist
                continue
            with open(path, encoding="utf-8") as file:
                blocks = re.findall(r"^(<!-- not run.*\n)?```sh\n(.*?)^```$", file.read(), re.M | re.S)
            os.mkdir(os.path.basename(name))
            for skip, block in blocks:
                if not skip:
                    found += 1
                    self.run_commands(name, block, os.path.basename(name))
        if os.path.exists(os.path.join(ROOT, "../README.md")):
            self.assertGreater(found, 5)

    def test_notebooks(self):
        names = glob.glob(os.path.join(ROOT, "examples", "*.ipynb"))
        self.assertTrue(names)
        for name in names:
            with open(name, encoding="utf-8") as file:
                cells = json.load(file)["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            self.assertEqual(
                [cell.get("outputs", []) for cell in cells if cell["cell_type"] == "code"], [[]] * len(code)
            )
            self.assertIn("the columns of a must equal the rows of b", self.run_blocks(os.path.basename(name), code))
