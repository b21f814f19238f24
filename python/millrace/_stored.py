"""The matrices that are stored on a server."""

from __future__ import annotations

from typing import Iterator, Optional
from urllib.parse import quote, urlencode

from ._caller import Caller
from ._matrix import Matrix


class Stored(Caller):
    """What a client does with stored matrices."""

    def matrix(self, id: str) -> Matrix:
        """Return a stored matrix. Raises NotFoundError."""
        return Matrix(self, self.call("GET", f"/v1/matrices/{quote(id)}"))

    def in_bucket(self, bucket: str, key: str, version: Optional[str] = None) -> Matrix:
        """Make a matrix of a .npy file in a bucket that the settings of the server allow. It is not copied.

        Parameters
        ----------
        bucket, key : str
            The object. If it is replaced or deleted, what uses the matrix fails.
        version : str, optional
            The id of a version, in a bucket that keeps versions; the newest if it is left out.

        Returns
        -------
        Matrix
            An operand of as many multiplications as are wanted.

        Raises
        ------
        PermissionDeniedError
            The settings of the server do not allow it.
        RequestError
            There is no such object, its store refuses it, or it is no .npy file: ``code`` says which.
        """
        named = {"bucket": bucket, "key": key, **({} if version is None else {"version": version})}
        return Matrix(self, self.call("POST", "/v1/matrices", {"s3": named}))

    def matrices(self, source: Optional[str] = None) -> Iterator[Matrix]:
        """List the stored matrices, the newest first.

        Parameters
        ----------
        source : {"upload", "inline", "random", "product", "s3"}, optional
            Only those that were made in this way; ``"product"`` are the results of multiplications.

        Yields
        ------
        Matrix
            Those that are ready. The operands and results of small multiplications that came in one request are not
            among them.
        """
        query = {"limit": "200"} if source is None else {"limit": "200", "source": source}
        while True:
            page = self.call("GET", "/v1/matrices?" + urlencode(query))
            for item in page["items"]:
                yield Matrix(self, item)
            if "next_cursor" not in page:
                return
            query["cursor"] = page["next_cursor"]
