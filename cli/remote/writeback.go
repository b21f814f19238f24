package remote

import (
	"os"

	"github.com/millrace/millrace/internal/writeback"
)

// writebackStep is how much of a file is written before the system is told to bring it to the disk, in bytes.
const writebackStep = 8 << 20

// eagerFile is a file that goes to the disk while more of it comes: a sync at its end waits for the rest alone.
type eagerFile struct {
	*os.File
	end   int64 // of what is written
	begun int64 // of what is on its way to the disk
}

// Write implements io.Writer.
func (w *eagerFile) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	w.end += int64(n)
	if w.end-w.begun >= writebackStep {
		writeback.Begin(w.File, w.begun, w.end-w.begun)
		w.begun = w.end
	}
	return n, err
}
