"""Matrices that are stored on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ._download import Out

if TYPE_CHECKING:
    from ._caller import Caller


class Matrix:
    """A matrix on the server: an upload, or the result of a multiplication.

    ``m[0:8, 0:8]`` reads a window, ``np.asarray(m)`` all of it, and it is an operand of further multiplications.

    Attributes
    ----------
    id : str
        The id on the server.
    shape : (int, int)
        Rows and columns.
    dtype : numpy.dtype
        float64 or float32.
    nbytes : int
        Size of the elements.
    path : str
        The path on the server.
    digest : str or None
        SHA-256 of the content as np.save writes it, in hexadecimal, if it is known.
    """

    __array_ufunc__ = None  # ndarray @ Matrix is an error, not a download

    def __init__(self, client: "Caller", info: Mapping[str, Any], content: Optional[str] = None) -> None:
        self._client = client
        self.id: str = info.get("id") or info["matrix_id"]
        self.shape: Tuple[int, int] = (int(info["rows"]), int(info["cols"]))
        self.dtype: "np.dtype[Any]" = np.dtype(info["dtype"])
        self.nbytes: int = int(info["bytes"])
        digest = str(info.get("digest", ""))
        self.digest: Optional[str] = digest[len("sha-256:") :] if digest.startswith("sha-256:") else None
        self.path = f"/v1/matrices/{quote(self.id)}"
        self._content = content or self.path + "/content"

    ndim = 2

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.shape[0] * self.shape[1]

    def __len__(self) -> int:
        return self.shape[0]

    def numpy(self, out: Out = None) -> NDArray[Any]:
        """Download the elements.

        Parameters
        ----------
        out : ndarray or path, optional
            An array of the same shape and type to receive them, such as a ``np.memmap``, or a .npy file to write.

        Returns
        -------
        ndarray, shape (m, n)
            ``out`` if it is an array; a read-only ``np.memmap`` if it is a path.

        Raises
        ------
        NotFoundError
            The matrix was deleted or has expired.
        ShapeError
            ``out`` has another shape or type, or is not contiguous.
        DigestError
            The elements were damaged on the way.
        """
        return self._client.download(self._content, out)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any:
        if copy is False:
            raise ValueError("the elements are on the server: they cannot be had without a copy")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        """Read a window: indices and slices as of a two-dimensional array. Nothing else is transferred."""
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in [k for k in keys if k is Ellipsis]:
            at = next(i for i, k in enumerate(keys) if k is Ellipsis)
            keys = keys[:at] + (slice(None),) * (3 - len(keys)) + keys[at + 1 :]
        if len(keys) > 2:
            raise IndexError(f"too many indices: a matrix has two dimensions, {len(keys)} were given")
        keys = keys + (slice(None),) * (2 - len(keys))
        ranges, local = zip(*(_window(k, n, axis) for axis, (k, n) in enumerate(zip(keys, self.shape))))
        query = "?" + "&".join(f"{name}={first}:{end}" for name, (first, end) in zip(("rows", "cols"), ranges))
        if any(end <= first for first, end in ranges):
            window = np.empty([max(0, end - first) for first, end in ranges], self.dtype)
        else:
            window = self._client.download(self._content + query, None)
        return window[local]

    def delete(self) -> None:
        """Delete the matrix on the server.

        Raises
        ------
        ConflictError
            A multiplication has it as an operand or as its result: delete that first.
        NotFoundError
            It was deleted before.
        """
        self._client.call("DELETE", self.path)

    def __repr__(self) -> str:
        return f"<millrace.Matrix {self.id}: {self.shape[0]}×{self.shape[1]} {self.dtype}>"

    def _repr_html_(self) -> str:
        size = f"{self.nbytes / 1e6:,.1f} MB" if self.nbytes >= 100_000 else f"{self.nbytes} bytes"
        return (
            f"<b>millrace.Matrix</b> {self.shape[0]:,} × {self.shape[1]:,} {self.dtype}, {size}"
            f"<br><code>{self.id}</code>"
        )


def _window(key: Any, size: int, axis: int) -> Tuple[Tuple[int, int], Any]:
    """The range of one axis that is read, and the index into what was read."""
    if isinstance(key, slice):
        first, end, step = key.indices(size)
        if step > 0:
            return (first, max(first, end)), slice(None, None, step)
        return (end + 1, max(end + 1, first + 1)), slice(None, None, step)
    if isinstance(key, (int, np.integer)) and not isinstance(key, (bool, np.bool_)):
        index = int(key)
        if not -size <= index < size:
            raise IndexError(f"index {index} is out of bounds for axis {axis} with size {size}")
        index %= size
        return (index, index + 1), 0
    raise TypeError(f"a matrix on the server has integers and slices for indices, not {type(key).__name__}")
