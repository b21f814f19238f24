"""Submissions: operands become numbers, forms or uploads."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from numpy.typing import NDArray

from ._caller import Caller
from ._errors import DigestError
from ._future import Future
from ._matrix import Matrix
from ._npy import ArrayBody, FormBody
from ._operands import FORM_BYTES, INLINE_BYTES, JSON_BYTES, Random, Resolved, check_shapes, numbers, reference
from ._connection import Body
from ._resume import upload

Options = Dict[str, Any]
Object = Tuple[str, str]  # a bucket and a key

SMALL = 2e9  # multiplications of fewer operations are waited for by their submission


def upload_array(caller: Caller, array: NDArray[Any], label: str) -> Matrix:
    """Send an array, and compare the digest of what has arrived."""
    with caller.bar(label) as bar:
        body = ArrayBody(array, bar.bytes)
        matrix = Matrix(caller, upload(caller, body))
    if matrix.digest is not None and body.digest is not None and matrix.digest != body.digest:
        caller.quietly(matrix.delete)
        raise DigestError("the elements that the server has received are not those that were sent")
    return matrix


def submit(caller: Caller, a: Resolved, b: Resolved, chosen: Options, wait: int) -> Future:
    """Queue a multiplication. If it is small, the response may wait some seconds for its result."""
    m, k, n = check_shapes(a, b)
    headers = {"Prefer": f"wait={wait}"} if wait and 2.0 * m * k * n <= SMALL else {}
    uploads: List[Matrix] = []
    try:
        content, body = _order(caller, a, b, chosen, uploads)
        info = caller.call("POST", "/v1/multiplications", content, headers, body)
    except BaseException:
        for matrix in uploads:
            caller.quietly(matrix.delete)
        raise
    future = Future(caller, info)
    future.uploads = uploads
    return future


def _order(
    caller: Caller, a: Resolved, b: Resolved, chosen: Options, uploads: List[Matrix]
) -> Tuple[Any, Optional[Body]]:
    """The body of a submission: JSON or a form. What is too large for both is uploaded."""
    if not isinstance(a, (Matrix, Random)) and not isinstance(b, (Matrix, Random)):
        left, right = numbers(a, JSON_BYTES), numbers(b, JSON_BYTES)
        if left is None or right is None:
            if a.nbytes + b.nbytes <= FORM_BYTES and "output" not in chosen:  # a form has no objects
                return None, FormBody(a, b, chosen)
        else:
            return {"a": left, "b": right, **chosen}, None
    order = {name: operand_json(caller, o, name, uploads) for name, o in (("a", a), ("b", b))}
    return {**order, **chosen}, None


def operand_json(caller: Caller, operand: Resolved, name: str, uploads: List[Matrix]) -> Dict[str, Any]:
    """The JSON of an operand, which is uploaded if it is large; what is uploaded is added to ``uploads``."""
    if isinstance(operand, (Matrix, Random)):
        return reference(operand)
    values = numbers(operand, INLINE_BYTES)
    if values is not None:
        return values
    uploads.append(upload_array(caller, operand, "upload " + name))
    return reference(uploads[-1])


def options(
    priority: Optional[int],
    retention_seconds: Optional[int],
    reuse: bool,
    webhook: Optional[str] = None,
    output: Optional[Object] = None,
) -> Options:
    """What is chosen for a multiplication, as its order has it. What is not is left out, as older servers need it."""
    chosen = {
        "priority": priority,
        "retention_seconds": retention_seconds,
        "webhook": webhook,
        "reuse": None if reuse else False,
        "output": None if output is None else {"s3": {"bucket": output[0], "key": output[1]}},
    }
    return {name: value for name, value in chosen.items() if value is not None}
