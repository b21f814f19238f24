// Package npy reads and writes matrices as .npy files, the format of NumPy's np.save.
//
// The format is that of NumPy's numpy/lib/format.py:
//
//   - the magic string and two bytes of version,
//   - the length of the header, in two bytes in version 1, in four bytes later,
//   - the header, the text of a Python dictionary,
//   - the elements without padding.
//
// Reader reads such a file from a stream; File presents a matrix.Source as one.
package npy
