"""Downloads of matrices: into the memory of arrays or into files, over as many connections as it takes."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ._errors import DigestError, Error, ServerError, ShapeError, UnreachableError
from ._npy import CHUNK, MEDIA_NPY, as_bytes, read_header
from ._progress import Bar
from ._retry import Attempts
from ._transport import Reply

if TYPE_CHECKING:
    from ._caller import Caller

STALL_TIMEOUT = 60.0  # how long a connection may deliver nothing, in seconds
Out = Union[NDArray[Any], str, "os.PathLike[str]", None]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)$")


def check_out(out: NDArray[Any], shape: Tuple[int, int], dtype: "np.dtype[Any]") -> None:
    """Raise an exception unless elements can be received into an array."""
    if out.shape != shape or out.dtype != dtype:
        raise ShapeError(f"out is {out.shape} of {out.dtype}, want {shape} of {dtype}")
    if not out.flags.c_contiguous or not out.flags.writeable:
        raise ShapeError("out must be contiguous in C order, and writeable")


class _File:
    """The file of a download. Its errors are told apart from those of connections."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def begin(self, head: bytes) -> None:
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise _FileError from error
        self.write(head)

    def write(self, content: Any) -> None:
        try:
            self._file.write(content)
        except OSError as error:
            raise _FileError from error


class _FileError(Exception):
    """The file cannot be written; the cause says why."""


class Download:
    """One download. ``run`` returns when all is there and, if the server has told it, has the right digest."""

    def __init__(self, client: "Caller", path: str, out: Out = None) -> None:
        self._client = client
        self._path = path
        self._out = out
        self._file: Optional[_File] = None
        self._memory: Optional[memoryview] = None
        self._array: Optional[NDArray[Any]] = None
        self._reset()

    def _reset(self) -> None:
        self._done = 0
        self._total = -1
        self._head = 0  # bytes before the elements
        self._tag: Optional[str] = None
        self._digest: Optional[str] = None
        self._sum = hashlib.sha256()

    def run(self, bar: Bar) -> NDArray[Any]:
        """Receive the matrix.

        Returns
        -------
        ndarray, shape (m, n)
            ``out`` if that is an array; a read-only memmap of the file if it is a path; else a new array.
        """
        if self._out is None or isinstance(self._out, np.ndarray):
            self._receive(bar)
            assert self._array is not None
            return self._array
        path = os.fspath(self._out)
        part = f"{path}.{os.getpid()}.part"
        try:
            with open(part, "wb") as file:
                self._file = _File(file)
                self._receive(bar)
            os.replace(part, path)
        except _FileError as error:
            os.unlink(part)
            raise error.__cause__ or error from None
        except BaseException:
            if os.path.exists(part):
                os.unlink(part)
            raise
        mode: Any = None if self._total == self._head else "r"  # an empty file cannot be mapped
        mapped: NDArray[Any] = np.load(path, mmap_mode=mode)
        return mapped

    def _receive(self, bar: Bar) -> None:
        attempts = Attempts(self._client.retry_for)
        while self._done != self._total:
            before = self._done
            try:
                self._attempt(bar)
            except Error as error:
                if self._done > before:
                    attempts.progressed()
                attempts.pause(error)
        digest = base64.b64encode(self._sum.digest()).decode()
        if self._digest is not None and self._digest != digest:
            raise DigestError("the elements do not match their digest: they were damaged on the way, or in memory")

    def _attempt(self, bar: Bar) -> None:
        headers = {"Accept": MEDIA_NPY, "Accept-Encoding": "identity"}
        if self._done and self._tag:
            headers["Range"] = f"bytes={self._done}-"
            headers["If-Range"] = self._tag
        with self._client.send("GET", self._path, headers, timeout=STALL_TIMEOUT) as reply:
            try:
                self._begin(reply)
                self._copy(reply, bar)
            except UnreachableError:
                raise
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(f"the connection broke: {str(error) or type(error).__name__}") from error

    def _begin(self, reply: Reply) -> None:
        offset, total = 0, int(reply.headers.get("Content-Length", -1))
        if reply.status == 206:
            match = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
            if match is None:
                raise ServerError("the response has an invalid Content-Range")
            offset, total = int(match[1]), int(match[2])
        if offset == 0 and reply.status != 416:
            self._reset()
            self._read_head(reply)
        if reply.status == 416 or offset not in (0, self._done) or total < 0 or self._total not in (-1, total):
            raise ServerError("the content has changed since the download began")
        self._total = total
        self._tag = reply.headers.get("ETag")
        if offset == 0:  # else the sum lacks the beginning if there was no digest then
            self._digest = _whole_digest(reply)

    def _read_head(self, reply: Reply) -> None:
        def read(n: int) -> bytes:
            content = reply.raw.read(n)
            if len(content) < n:
                raise UnreachableError("the connection broke in the header of the .npy file")
            return content

        head, shape, dtype = read_header(read)
        if self._file is not None:
            self._file.begin(head)
        else:
            if self._array is None:
                if isinstance(self._out, np.ndarray):
                    check_out(self._out, shape, dtype)
                    self._array = self._out
                else:
                    self._array = np.empty(shape, dtype)
            elif self._array.shape != shape or self._array.dtype != dtype:
                raise ServerError("the content has changed since the download began")
            self._memory = as_bytes(self._array)
        self._sum.update(head)
        self._done = self._head = len(head)

    def _copy(self, reply: Reply, bar: Bar) -> None:
        buffer = memoryview(bytearray(CHUNK)) if self._file is not None else None
        while self._done < self._total:
            if buffer is not None:
                target = buffer[: self._total - self._done]
            else:
                assert self._memory is not None
                start = self._done - self._head
                target = self._memory[start : start + CHUNK]
            n = reply.raw.readinto(target)
            if n == 0:
                raise UnreachableError(f"the connection broke after {self._done} of {self._total} bytes")
            if self._file is not None:
                self._file.write(target[:n])
            if self._digest is not None:
                self._sum.update(target[:n])
            self._done += n
            bar.bytes(self._done, self._total)
        reply.drain()


def _whole_digest(reply: Reply) -> Optional[str]:
    """The SHA-256 of the whole content in base64, if the response has it (RFC 9530)."""
    field = reply.headers.get("Repr-Digest")
    if field is None and reply.status == 200:
        field = reply.headers.get("Content-Digest")
    for member in (field or "").split(","):
        name, _, value = member.strip().partition("=")
        if name == "sha-256":
            return value.strip(":")
    return None
