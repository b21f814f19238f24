// Package npy reads and writes matrices as .npy files, the format of NumPy's np.save.
//
// The format, as in NumPy's numpy/lib/format.py: the magic string, two bytes of version, the header's length (two bytes
// in version 1, four later), the header (the text of a Python dictionary), then the elements without padding.
package npy
