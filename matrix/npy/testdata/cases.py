"""Writes .npy files of every kind that Millrace reads to the directory argv[1], each beside what it should be read as.

NAME.npy is the file and NAME.raw the same elements row-major, as little-endian float64 (float32 where the file is). The
file headers.txt lists shapes; header-N.npy starts with what np.save writes for the shape in line N.
"""

import itertools
import os
import sys

import numpy as np
from numpy.lib import format as npy

SHAPES = [(0, 3), (3, 0), (1, 1), (1, 7), (7, 1), (5, 3), (60, 70)]
TYPES = ["f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def values(shape, dtype, rng):
    """Random elements over the whole range of the type, as far as float64 holds them."""
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**53)), min(info.max, 2**53)
    return rng.integers(low, high, size=shape, endpoint=True).astype(dtype)


def main(folder):
    rng = np.random.default_rng(1)
    cases = itertools.product(SHAPES, "<>", TYPES, "CF", [(1, 0), (2, 0), (3, 0)])
    for n, (shape, endian, code, order, version) in enumerate(cases):
        a = np.asarray(values(shape, np.dtype(endian + code), rng), order=order)
        name = os.path.join(folder, f"{n}-{endian}{code}-{order}-{shape[0]}x{shape[1]}-v{version[0]}")
        with open(name + ".npy", "wb") as f:
            npy.write_array(f, a, version=version)
        with open(name + ".raw", "wb") as f:
            f.write(a.astype("<f4" if code == "f4" else "<f8").tobytes(order="C"))

    with open(os.path.join(folder, "headers.txt"), "w") as f:
        rows = [0, 1, 9, 10, 12345, 10**9, 2**40, 2**59]
        for n, (r, c, code) in enumerate(itertools.product(rows, [0, 1, 10, 1000000], ["<f8", "<f4"])):
            if r * c * 8 >= 2**63:
                continue
            print(n, r, c, "float" + str(int(code[2]) * 8), file=f)
            with open(os.path.join(folder, f"header-{n}.npy"), "wb") as h:
                npy.write_array_header_1_0(h, {"descr": code, "fortran_order": False, "shape": (r, c)})


main(sys.argv[1])
