"""Makes operands of multiplications, or checks the results.

numpy_cases.py make DIR writes N-a.npy and N-b.npy for every case N, as np.save does, and prints the number of cases.
numpy_cases.py check DIR compares each N-c.npy with the product of its two operands and prints the differences.
"""

import itertools
import os
import sys

import numpy as np

TYPES = ["<f8", "<f4", ">f8", ">f4", "|i1", "<i2", ">i4", "<i8", "|u1", ">u2", "<u4", ">u8"]
FORMATS = list(itertools.product(TYPES, "CF"))
# Around the edges of blocks and of tiles, thin and thick, and empty.
SHAPES = (
    [(1, 1, 1), (1, 1, 7), (1, 7, 1), (7, 1, 1), (1, 300, 1), (300, 1, 300), (1, 5000, 3), (3, 5000, 1), (5, 4, 3)]
    + [(0, 3, 2), (2, 3, 0), (2, 0, 3), (0, 0, 0)]
    + list(itertools.product([255, 256, 257], [3, 257], [2, 256]))
    + [(3, 5, n) for n in (1023, 1024, 1025)]
    + [(n, 5, 3) for n in (1023, 1024, 1025)]
    + [(3, n, 5) for n in (1023, 1024, 1025)]
    + [(n, 2, 3) for n in (2047, 2048, 2049, 2559, 2560, 2561)]
    + [(3, 2, n) for n in (2047, 2048, 2049, 2559, 2560, 2561)]
    + [(2, n, 3) for n in (2047, 2049, 2561)]
    + [(2561, 1, 2049), (600, 700, 500)]
)


def operand(rng, rows, cols, code, order):
    dtype = np.dtype(code)
    if dtype.kind == "f":
        a = rng.normal(size=(rows, cols)).astype(dtype)
    else:
        a = rng.integers(-100 if dtype.kind == "i" else 0, 100, size=(rows, cols)).astype(dtype)
    return np.asarray(a, order=order)


def cases():
    for i, f in enumerate(FORMATS):  # every format on either side
        yield (60, 70, 80), f, FORMATS[(i * 7 + 5) % len(FORMATS)]
        yield (6, 7, 8), FORMATS[(i * 11 + 3) % len(FORMATS)], f
    for i, shape in enumerate(SHAPES):  # every shape in some format, the floats more often
        yield shape, FORMATS[(i * 5) % 8], FORMATS[(i * 3 + 1) % 8]
        if max(shape[0] * shape[2], shape[0] * shape[1]) < 1 << 20:
            yield shape, FORMATS[i % len(FORMATS)], FORMATS[(i * 13) % len(FORMATS)]


def make(folder):
    rng = np.random.default_rng(1)
    n = -1
    for n, ((m, k, cols), a, b) in enumerate(cases()):
        np.save(os.path.join(folder, f"{n}-a.npy"), operand(rng, m, k, *a))
        np.save(os.path.join(folder, f"{n}-b.npy"), operand(rng, k, cols, *b))
    print(n + 1)


def check(folder):
    for n, case in enumerate(cases()):
        a, b, c = (np.load(os.path.join(folder, f"{n}-{x}.npy"), allow_pickle=False) for x in "abc")
        single = all(x.dtype.kind == "f" and x.dtype.itemsize == 4 for x in (a, b))
        a, b = a.astype("f8"), b.astype("f8")
        want = a @ b
        # The bound of the rounding error of a sum of k products, with room for the rounding of the reference.
        bound = (a.shape[1] + 2) * np.finfo("f4" if single else "f8").eps * (abs(a) @ abs(b))
        if c.dtype != np.dtype("<f4" if single else "<f8") or c.shape != want.shape or not c.flags.c_contiguous:
            print(f"case {n} {case}: {c.dtype} {c.shape}")
        elif not (abs(c - want) <= bound).all():
            print(f"case {n} {case}: off by {abs(c - want).max()}")


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
