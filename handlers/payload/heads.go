package payload

import (
	"errors"
	"io"
	"net/textproto"
)

// readAhead is how much the multipart reader reads beyond what it needs, in bytes: its buffer has 5 KiB, and before the
// header of a part comes the boundary.
const readAhead = 8 << 10

// headReader bounds what a multipart reader takes in for the headers of parts. Between begin and end it gives out what
// is left of the bound, and what the reader reads ahead.
type headReader struct {
	reader   io.Reader
	left     int64 // of the bound, for the headers that follow
	within   bool  // between begin and end
	passed   int64 // since begin
	exceeded bool
}

var errHeads = errors.New("the headers of the parts are too long")

// begin says that the next thing in the body is the head of a part.
func (h *headReader) begin() {
	h.within = true
	h.passed = 0
}

// end counts the header of a part, whose content follows.
func (h *headReader) end(header textproto.MIMEHeader) error {
	h.within = false
	for name, values := range header {
		for _, value := range values {
			h.left -= int64(len(name) + len(": ") + len(value) + len("\r\n"))
		}
	}
	if h.left < 0 {
		return h.exceed()
	}
	return nil
}

func (h *headReader) exceed() error {
	h.exceeded = true
	return errHeads
}

// Read implements io.Reader.
func (h *headReader) Read(p []byte) (int, error) {
	if !h.within {
		return h.reader.Read(p)
	}
	room := h.left + readAhead - h.passed
	if room <= 0 {
		return 0, h.exceed()
	}
	n, err := h.reader.Read(p[:min(int64(len(p)), room)])
	h.passed += int64(n)
	return n, err
}
