"""The build backend of the package (PEP 517, PEP 660), with the standard library only.

``python3 build_backend.py FOLDER`` builds the wheel and the sdist into a folder. Builds of the same files have the same
bytes.
"""

import base64
import gzip
import hashlib
import io
import os
import re
import sys
import tarfile
import zipfile

NAME = "millrace"
HERE = os.path.dirname(os.path.abspath(__file__))
TIME = (2020, 1, 1, 0, 0, 0)  # of all files
IN_SDIST = ("README.md", "LICENSE", "pyproject.toml", "build_backend.py", "millrace", "tests", "examples")


def version():
    """The version, from the one place that has it."""
    return re.search(r'^__version__ = "([^"]+)"$', _read("millrace/_version.py").decode(), re.M)[1]


def _path(name):
    here = os.path.join(HERE, name)
    # In the repository the license is at the root; in an sdist it is beside this file.
    return os.path.join(HERE, "..", name) if name == "LICENSE" and not os.path.exists(here) else here


def _read(name):
    with open(_path(name), "rb") as file:
        return file.read()


def _files(name):
    """The names of the files below a folder, or of a file."""
    if not os.path.isdir(_path(name)):
        return [name]
    found = []
    for folder, folders, files in os.walk(_path(name)):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        inside = os.path.relpath(folder, HERE)
        found += [f"{inside}/{file}".replace(os.sep, "/") for file in sorted(files) if not file.endswith(".pyc")]
    return found


def _metadata():
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {version()}",
        "Summary: Matrix multiplication on a Millrace server, for NumPy",
        "License: Apache-2.0",
        "Project-URL: Source, https://github.com/millrace/millrace",
        "Classifier: License :: OSI Approved :: Apache Software License",
        "Classifier: Typing :: Typed",
        "Requires-Python: >=3.9",
        "Requires-Dist: numpy>=1.21",
        "Description-Content-Type: text/markdown",
        "",
    ]
    return "\n".join(lines).encode() + b"\n" + _read("README.md")


def _wheel(folder, contents):
    """Write a wheel of names and contents, and return its name."""
    info = f"{NAME}-{version()}.dist-info"
    contents = dict(contents)
    contents[f"{info}/METADATA"] = _metadata()
    contents[f"{info}/LICENSE"] = _read("LICENSE")
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: millrace\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for name, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(content)}\n"
    contents[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    wheel = f"{NAME}-{version()}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """See PEP 517."""
    return _wheel(wheel_directory, {name: _read(name) for name in _files("millrace")})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """See PEP 660."""
    return _wheel(wheel_directory, {f"__editable__.{NAME}.pth": HERE.encode() + b"\n"})


def build_sdist(sdist_directory, config_settings=None):
    """See PEP 517."""
    base = f"{NAME}-{version()}"
    contents = {name: _read(name) for part in IN_SDIST for name in _files(part)}
    contents["PKG-INFO"] = _metadata()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"{base}/{name}")
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    with open(os.path.join(sdist_directory, base + ".tar.gz"), "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed:
            compressed.write(packed.getvalue())
    return base + ".tar.gz"


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) == 2 else sys.exit(f"usage: {sys.argv[0]} FOLDER")
    os.makedirs(target, exist_ok=True)
    for build in (build_wheel, build_sdist):
        print(os.path.join(target, build(target)))
