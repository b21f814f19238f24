package objects_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/objects"
)

// journal keeps uploads as a table does.
type journal struct {
	mutex sync.Mutex
	open  []string
}

func (j *journal) Begun(_ context.Context, upload string) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.open = append(j.open, upload)
	return nil
}

func (j *journal) Ended(_ context.Context, upload string) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.open = slices.DeleteFunc(j.open, func(u string) bool { return u == upload })
	return nil
}

// uploads returns how many uploads are under way.
func (b *bundle) uploads() int { return s3server.Uploads(b.t, b.raw, b.prefix) }

// exists reports whether there is an object.
func (b *bundle) exists(key string) bool {
	content, _ := s3server.Get(b.t, b.raw, b.prefix+key)
	return content != nil
}

// TestOutputs: a matrix of several parts, one of one part, and one without elements are written as files that are
// read again.
func TestOutputs(t *testing.T) {
	b := setup(t)
	for key, shape := range map[string]matrix.Shape{
		"large": {Rows: 1000, Cols: 4500, DType: matrix.Float64}, // 36 MB
		"small": {Rows: 3, Cols: 5, DType: matrix.Float32},
		"none":  {Rows: 0, Cols: 5, DType: matrix.Float64},
	} {
		src := matrix.NewRandom(shape, 7)
		var j journal
		written, err := b.room.Write(t.Context(), 1, objects.Output{Ref: b.ref(key)}, src, 256, &j)
		if err != nil {
			t.Fatal(err)
		}
		got, etag := s3server.Get(t, b.raw, b.prefix+key)
		want, err := io.ReadAll(npy.NewFile(t.Context(), src, 256))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want the %d of the file, %v", key, len(got), len(want), err)
		}
		if written.ETag != etag || len(j.open) != 0 || b.uploads() != 0 {
			t.Errorf("%s: ETag %q, uploads %v and %d, want %q and none", key, written.ETag, j.open, b.uploads(), etag)
		}
		if err := b.room.Check(t.Context(), 1, b.ref(key)); err != nil || b.uploads() != 0 {
			t.Errorf("%s: Check() = %v, and there are %d uploads, want none", key, err, b.uploads())
		}
	}
}

// TestBrokenOutputs: what cannot be written, or is cancelled, leaves no object, and no parts when it is aborted as the
// journal says; one whose upload was aborted by another one completes nothing.
func TestBrokenOutputs(t *testing.T) {
	b := setup(t)
	shape := matrix.Shape{
		Rows:  100,
		Cols:  100,
		DType: matrix.Float64,
	}
	src := matrix.NewRandom(shape, 7)
	left := map[string]string{} // uploads by key
	write := func(ctx context.Context, key string, f s3server.Fault) error {
		t.Helper()
		b.proxy.Set(f)
		defer b.proxy.Set(nil)
		var j journal
		_, err := b.room.Write(ctx, 1, objects.Output{Ref: b.ref(key)}, src, 1, &j)
		if len(j.open) != 1 || b.exists(key) {
			t.Fatalf("%s: uploads %v, there is an object: %t, want one in the journal, and none", key, j.open, b.exists(key))
		}
		left[key] = j.open[0]
		return err
	}
	isPart := func(r *http.Request) bool { return r.Method == http.MethodPut }
	err := write(t.Context(), "denied", func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isPart(r) {
			s3server.Refuse(w, http.StatusForbidden, "AccessDenied")
			return
		}
		pass.ServeHTTP(w, r)
	})
	if !errors.Is(err, objects.ErrRefused) || b.uploads() != 0 {
		t.Errorf("denied: error %v and %d uploads, want ErrRefused and none", err, b.uploads())
	}
	stopped := errors.New("the process stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	err = write(ctx, "cancelled", func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isPart(r) {
			cancel(stopped)
		}
		pass.ServeHTTP(w, r)
	})
	if !errors.Is(err, stopped) || errors.Is(err, objects.ErrRefused) {
		t.Errorf("cancelled: error %v, want its cause alone", err)
	}
	err = write(t.Context(), "aborted", func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isPart(r) {
			upload := r.URL.Query().Get("uploadId")
			if err := b.raw.AbortMultipartUpload(t.Context(), s3server.Bucket, b.prefix+"aborted", upload); err != nil {
				t.Error(err)
			}
		}
		pass.ServeHTTP(w, r)
	})
	if err == nil {
		t.Error("aborted by another one: no error, want one")
	}
	for b.uploads() != 0 && !t.Failed() { // those whose parts were on their way
		for key, upload := range left {
			if err := b.room.Abort(t.Context(), 1, b.ref(key), upload); err != nil {
				t.Error(err)
			}
		}
	}
	if err := b.room.Check(t.Context(), 1, objects.Ref{Bucket: "nowhere", Key: "x"}); !errors.Is(err, objects.ErrNotAllowed) {
		t.Errorf("another bucket: error %v, want ErrNotAllowed", err)
	}
}
