package matrix

// Transpose writes the transpose of src, a row-major matrix of cols columns, to dst, which has the same length. Applied
// to a content in Fortran order with the number of rows as cols, it returns the content in C order. Both slices hold
// elements of dtype and must be aligned for them; memory from make is.
func Transpose(dst, src []byte, cols int64, dtype DType) {
	if dtype == Float32 {
		transpose(AsFloats[float32](dst), AsFloats[float32](src), int(cols))
	} else {
		transpose(AsFloats[float64](dst), AsFloats[float64](src), int(cols))
	}
}

// transpose is Transpose for slices of elements. It reads eight rows side by side, which the hardware prefetches as
// eight streams, and writes eight neighbours at a time: a whole cache line of float64. Reading or writing single
// elements at a large stride would use an eighth of each cache line that it touches.
func transpose[T Float](dst, src []T, cols int) {
	const step = 8
	if cols == 0 {
		return
	}
	rows := len(src) / cols
	r := 0
	for ; r+step <= rows; r += step {
		transposeEight(dst[r:], rows, src[r*cols:(r+step)*cols], cols)
	}
	for ; r < rows; r++ {
		for c, v := range src[r*cols : (r+1)*cols] {
			dst[c*rows+r] = v
		}
	}
}

// transposeEight writes the eight rows of src, cols elements each, as the first eight columns of dst, whose rows are
// stride elements apart.
func transposeEight[T Float](dst []T, stride int, src []T, cols int) {
	s0, s1, s2, s3 := src[:cols], src[cols:2*cols], src[2*cols:3*cols], src[3*cols:4*cols]
	s4, s5, s6, s7 := src[4*cols:5*cols], src[5*cols:6*cols], src[6*cols:7*cols], src[7*cols:8*cols]
	for c := range s0 {
		d := (*[8]T)(dst[c*stride:])
		d[0], d[1], d[2], d[3] = s0[c], s1[c], s2[c], s3[c]
		d[4], d[5], d[6], d[7] = s4[c], s5[c], s6[c], s7[c]
	}
}
