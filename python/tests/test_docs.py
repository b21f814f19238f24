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
import tempfile
import unittest

from .server import server

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHOWN_SERVER = "http://127.0.0.1:8080"


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
