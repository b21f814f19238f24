"""The package as a whole: wheel and sdist, without a network, and what each file must be."""

import ast
import glob
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

import millrace

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*command, **options):
    """Run a command that must succeed, and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


class PackageTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_wheel(self):
        """The wheel that is built of the sdist is installed by pip, alone, and is the package."""
        built = run(sys.executable, os.path.join(ROOT, "build_backend.py"), self.folder).splitlines()
        with tarfile.open(built[1]) as archive:
            archive.extractall(self.folder)
        source = os.path.join(self.folder, f"millrace-{millrace.__version__}")
        again = run(sys.executable, os.path.join(source, "build_backend.py"), os.path.join(self.folder, "again"))
        for one, other in zip(built, again.splitlines()):
            with open(one, "rb") as first, open(other, "rb") as second:
                self.assertTrue(first.read() == second.read(), one)
        python = os.path.join(self.folder, "venv", "bin", "python")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        options = {"cwd": self.folder, "env": environment}
        pip = [sys.executable, "-m", "pip", "--python", python]
        if subprocess.run([*pip[:3], "install", "--help"], capture_output=True).returncode != 0:
            if os.environ.get("CI") == "true":
                self.fail("no pip: apt-get install python3-pip")
            self.skipTest("no pip")
        run(sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", os.path.join(self.folder, "venv"))
        run(*pip, "install", "--no-index", "--no-deps", "-q", built[0], **options)
        code = "import millrace; print(millrace.__version__, millrace.__file__)"
        installed, place = run(python, "-c", code, **options).split(" ", 1)
        self.assertEqual(installed, millrace.__version__)
        self.assertIn("venv", place)
        self.assertIn("py.typed", os.listdir(os.path.dirname(place)))

    def test_sources(self):
        """Files are Python 3.9, at most 300 lines with at most 120 columns, and what is public has a text."""
        names = glob.glob(os.path.join(ROOT, "*", "*.py")) + glob.glob(os.path.join(ROOT, "*.py"))
        self.assertGreater(len(names), 20)
        for name in names:
            with self.subTest(name), open(name, encoding="utf-8") as file:
                text = file.read()
                ast.parse(text, name, feature_version=(3, 9))
                lines = text.split("\n")
                self.assertLessEqual(max(map(len, lines)), 120)
                self.assertLessEqual(len(lines), 301)
        for name in millrace.__all__:
            value = getattr(millrace, name)
            if callable(value):
                self.assertTrue(value.__doc__, name)
                for member, method in vars(value).items() if isinstance(value, type) else ():
                    if not member.startswith("_") and callable(method):
                        self.assertTrue(method.__doc__, f"{name}.{member}")
