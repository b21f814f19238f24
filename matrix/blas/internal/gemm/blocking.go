package gemm

// blocking is the size of what is packed at once.
type blocking struct {
	depth   int // of A and B
	height  int // of the block of A
	breadth int // of the panel of B
}

func newBlocking() blocking {
	return blocking{
		depth:   256,
		height:  252,
		breadth: 2048,
	}
}
