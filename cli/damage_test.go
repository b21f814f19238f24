package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
)

// blocksDir returns the directory of the deployment's blocks.
func (d *deployment) blocksDir() string {
	for _, v := range d.env {
		if dir, found := strings.CutPrefix(v, "MILLRACE_BLOCKS=file://"); found {
			return dir
		}
	}
	d.t.Fatal("the blocks are not in a directory")
	return ""
}

// damageBlock overwrites twelve bytes in the middle of a block of a matrix, as a disk may do.
func (d *deployment) damageBlock(matrix string, index int) {
	d.t.Helper()
	f, err := os.OpenFile(filepath.Join(d.blocksDir(), matrix, fmt.Sprint(index)), os.O_WRONLY, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt([]byte("rotten bytes"), 123_456); err != nil {
		d.t.Fatal(err)
	}
}

// TestDamagedBlocks: a block that is damaged on the disk ends in an error that names the matrix, wherever it is read.
func TestDamagedBlocks(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.startAPI()
	d.startWorker()
	t.Run("operand", d.testDamagedOperand)
	t.Run("result", d.testDamagedResult)
}

func (d *deployment) testDamagedOperand(t *testing.T) {
	operand, err := d.api.Upload(t.Context(), writeMatrix(t, 700, 700, matrix.Float64, false), func(int64) {})
	if err != nil {
		t.Fatal(err)
	}
	d.damageBlock(operand.ID, 1)
	id := d.api.submit(fmt.Sprintf(`{"a": {"random": {"rows": 10, "cols": 700}}, "b": {"matrix_id": %q}}`, operand.ID))
	m, err := d.api.Wait(t.Context(), id, func(client.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	if m.State != client.MultiplicationStateFailed || m.Attempts != 1 || m.Failure == nil {
		t.Fatalf("%s after %d attempts, want failed after one", m.State, m.Attempts)
	}
	wantTexts(t, *m.Failure, operand.ID, "damaged", "of b at")
	if strings.Contains(*m.Failure, d.blocksDir()) {
		t.Errorf("%q has a path of the server", *m.Failure)
	}
	response, err := http.Get(d.server + "/v1/matrices/" + operand.ID + "/content")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusInternalServerError {
		t.Errorf("GET content: %s, %d bytes, %v, want a problem with status 500", response.Status, len(text), err)
	}
}

func (d *deployment) testDamagedResult(t *testing.T) {
	m := d.api.completes(d.api.submit(`{"a": {"random": {"rows": 700, "cols": 9}}, "b": {"random": {"rows": 9, "cols": 3000}}}`))
	for index := range 2 {
		d.damageBlock(m.Result.MatrixID, index)
	}
	for _, query := range []string{"?rows=600:601&cols=0:3000", ""} {
		response, err := http.Get(d.server + "/v1/multiplications/" + m.ID + "/result" + query)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if query == "" && (err == nil && response.StatusCode != http.StatusInternalServerError) {
			t.Errorf("GET result: %s, %d bytes, want an error", response.Status, len(text))
		}
		if response.StatusCode == http.StatusInternalServerError {
			wantTexts(t, string(text), m.Result.MatrixID, "damaged")
			wantTexts(t, response.Header.Get("Content-Type"), "application/problem+json")
		}
	}
	out := filepath.Join(t.TempDir(), "C.npy")
	stdout, stderr, code := run(t, d.client(), "result", m.ID, "-o", out, "--json")
	if code != 1 {
		t.Errorf("result: code %d, want 1", code)
	}
	wantTexts(t, stderr, m.Result.MatrixID, "damaged")
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("%s: %v, want none", out, err)
	}
	if got := decodeJSON[summary](t, stdout); got.Verified || got.Output != "" {
		t.Errorf("the download is called complete: %+v", got)
	}
}
