"""Writes .npy files of every kind that Millrace reads to the directory argv[1], each beside what it should be read as.

NAME.npy is the file and NAME.raw the same elements row-major, as little-endian float64 (float32 where the file is). The
file headers.txt lists shapes; header-N.npy starts with what np.save writes for the shape in line N. The file dtypes.txt lists
names of types with the name, the size and the byte order of what np.dtype makes of them, if it reads them.
"""

import itertools
import os
import sys

import numpy as np
from numpy.lib import format as npy

SHAPES = [(0, 3), (3, 0), (1, 1), (1, 7), (7, 1), (5, 3), (60, 70)]
TYPES = ["f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]
NAMES = """float64 f8 d double float float_ Float64 DOUBLE float32 f4 f single b1 ? bool bool_ bool8 i1 b byte int8 i2 h short
int16 i4 i intc int32 i8 q longlong int64 l long int int_ p intp u1 B ubyte uint8 u2 H ushort uint16 u4 I uintc uint32 u8 Q
ulonglong uint64 L ulong uint P uintp float16 f2 e half f16 g longdouble float128 c8 F csingle complex64 c16 D cdouble complex128
complex cfloat c32 G clongdouble O object S5 U3 V8 M8 M8[ns] m8[s] datetime64 f8,f8 (2,)f8 d8 f3 i3 x float6 i16 f88 @f8 b8 ?1 d4
l8""".split()


def values(shape, dtype, rng):
    """Random elements over the whole range of the type, as far as float64 holds them."""
    if dtype.kind == "b":
        return rng.integers(0, 2, size=shape).astype(dtype)
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

    with open(os.path.join(folder, "dtypes.txt"), "w") as f:
        for name in [order + name for order in ["", "<", ">", "=", "|"] for name in NAMES]:
            try:
                t = np.dtype(name)
                print(name, t.name.replace(" ", ""), t.kind, t.itemsize, t.newbyteorder("<") != t, file=f)
            except (TypeError, ValueError):
                print(name, "none - 0 False", file=f)


main(sys.argv[1])
