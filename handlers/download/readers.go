package download

import "io"

// WatchedReader keeps the error that ends the reading of a body.
type WatchedReader struct {
	io.ReadSeeker
	Err error // what ended it, nil at the end of the body
}

// Read implements io.Reader.
func (w *WatchedReader) Read(p []byte) (int, error) {
	n, err := w.ReadSeeker.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		w.Err = err
	}
	return n, err
}
