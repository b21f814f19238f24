"""Arrays as .npy, without copies: what is sent are views of an array's memory."""

from __future__ import annotations

import ast
import hashlib
import os
import struct
from typing import Any, Callable, Iterator, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ._errors import DTypeError, RequestError, ServerError, ShapeError
from ._connection import Body

MEDIA_NPY = "application/x-npy"
CHUNK = 1 << 20  # bytes that are sent or received at once; they stay in the cache of a core for their digest
MAGIC = b"\x93NUMPY"
GROWTH_DIGITS = 21


def check_operand(value: Any, name: str = "the matrix") -> NDArray[Any]:
    """Return an array for something like one, or say why it is no operand.

    Returns
    -------
    ndarray, shape (m, n)
        Of float64, float32, bool or an integer type, in any byte order. Not a copy if ``value`` is an array.

    Raises
    ------
    ShapeError
        It does not have two dimensions.
    DTypeError
        It has elements of another type.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(f"{name} is a masked array, and masks are not sent: use a.filled(0)")
    try:
        array: NDArray[Any] = np.asarray(value)
    except ValueError as error:  # ragged rows
        raise ShapeError(f"{name} is no matrix: {error}") from error
    kind = array.dtype.kind
    if kind == "O":
        raise DTypeError(
            f"{name} has elements of type object: use a.astype(np.float64), or a.toarray() if it is sparse"
        )
    if kind == "c":
        raise DTypeError(f"{name} is complex: multiply a.real and a.imag")
    if kind not in "fiub" or kind == "f" and array.dtype.itemsize not in (4, 8):
        raise DTypeError(f"{name} has elements of type {array.dtype}: use a.astype(np.float64)")
    if array.ndim == 1:
        raise ShapeError(f"{name} has one dimension: use a.reshape(-1, 1) for a column, a.reshape(1, -1) for a row")
    if array.ndim != 2:
        raise ShapeError(f"{name} has {array.ndim} dimensions, a matrix has two: send a slice, such as a[0]")
    return array


def is_exact(array: NDArray[Any]) -> bool:
    """Whether each integer of an array is one of float64."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or array.size == 0:
        return True
    return bool(int(array.max()) <= 1 << 53 and int(array.min()) >= -(1 << 53))


def header(shape: Tuple[int, int], descr: str, fortran: bool) -> bytes:
    """The bytes before the elements, as np.save writes them since NumPy 1.24."""
    rows = str(shape[1] if fortran else shape[0])  # the axis that may grow
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape[0]}, {shape[1]}), }}"
    text += " " * (GROWTH_DIGITS - len(rows))
    prefix = len(MAGIC) + 4
    padding = 64 - (prefix + len(text) + 1) % 64
    text += " " * padding + "\n"
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin1")


def read_header(read: Callable[[int], bytes]) -> Tuple[bytes, Tuple[int, int], "np.dtype[Any]"]:
    """Read the bytes before the elements of a response: what they are, and the shape and the type of its elements."""
    head = read(len(MAGIC) + 4)
    if head[: len(MAGIC)] != MAGIC or head[len(MAGIC)] != 1:
        raise ServerError("the response is not the .npy file of a Millrace server")
    text = read(struct.unpack("<H", head[-2:])[0])
    try:
        fields = ast.literal_eval(text.decode("latin1"))
        rows, cols = fields["shape"]
        dtype = np.dtype(fields["descr"])
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise ServerError(f"the response has a malformed .npy header: {error}") from error
    return head + text, (int(rows), int(cols)), dtype


def as_bytes(array: NDArray[Any]) -> memoryview:
    """The memory of an array that is contiguous in C order, as bytes."""
    if array.size == 0:
        return memoryview(b"")
    return array.reshape(-1).view(np.uint8).data


def open_file(path: "os.PathLike[str] | str") -> NDArray[Any]:
    """Map a .npy file into memory."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "Array can't be memory-mapped" in str(error):
            raise DTypeError(f"{os.fspath(path)} has elements of type object") from error
        raise RequestError(f"{os.fspath(path)} is not a .npy file: {error}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise RequestError(f"{os.fspath(path)} is an archive of arrays: save one array with np.save")
    return array


class ArrayBody(Body):
    """An array as .npy. Contiguous memory is sent as it is, in C or Fortran order; else blocks of rows are copied."""

    def __init__(self, array: NDArray[Any], progress: Optional[Callable[[int, int], None]] = None) -> None:
        self._fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        self._array = array.T if self._fortran else array
        self._header = header((array.shape[0], array.shape[1]), array.dtype.str, self._fortran)
        self._progress = progress
        self.length = len(self._header) + array.nbytes
        self.content_type = MEDIA_NPY
        #: Whether the server keeps the elements in this form, so that it knows the digest of these bytes.
        self.is_stored_form = not self._fortran and array.dtype.str in ("<f8", "<f4")
        self.digest: Optional[str] = None  # of the last time that all was sent

    def chunks(self) -> Iterator[Any]:
        digest = hashlib.sha256(self._header) if self.is_stored_form else None
        sent = len(self._header)
        yield self._header
        for block in self._blocks():
            if digest is not None:
                digest.update(block)
            yield block
            sent += len(block)
            if self._progress is not None:
                self._progress(sent, self.length)
        if digest is not None:
            self.digest = digest.hexdigest()

    def _blocks(self) -> Iterator[memoryview]:
        array = self._array
        if array.size == 0:
            return
        if array.flags.c_contiguous:
            memory = as_bytes(array)
            for start in range(0, len(memory), CHUNK):
                yield memory[start : start + CHUNK]
            return
        cols = max(1, min(array.shape[1], CHUNK // array.itemsize))
        rows = max(1, CHUNK // (cols * array.itemsize)) if cols == array.shape[1] else 1
        for row in range(0, array.shape[0], rows):
            for col in range(0, array.shape[1], cols):
                yield as_bytes(np.ascontiguousarray(array[row : row + rows, col : col + cols]))


class FormBody(Body):
    """Two arrays as files of a form, and what is chosen besides."""

    def __init__(self, a: NDArray[Any], b: NDArray[Any], chosen: Mapping[str, object]) -> None:
        boundary = os.urandom(16).hex()
        self.content_type = "multipart/form-data; boundary=" + boundary
        self._parts = []
        for name, array in (("a", a), ("b", b)):
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.npy"\r\n'
            body = ArrayBody(array)
            body.is_stored_form = False  # the response has no digests of them
            self._parts.append((head.encode() + b"Content-Type: application/x-npy\r\n\r\n", body))
        tail = ""
        for name, value in chosen.items():
            value = str(value).lower() if isinstance(value, bool) else value
            tail += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        self._tail = f"{tail}--{boundary}--\r\n".encode()
        self.length = len(self._tail) + sum(len(head) + body.length + 2 for head, body in self._parts)

    def chunks(self) -> Iterator[Any]:
        for head, body in self._parts:
            yield head
            yield from body.chunks()
            yield b"\r\n"
        yield self._tail
