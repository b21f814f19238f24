package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/outputs"
)

// objectsBundle is a test bundle with a bucket.
type objectsBundle struct {
	*testBundle
	proxy *s3server.Proxy
	raw   *minio.Core
	ref   objects.Ref // of an output
}

func setupObjects(t *testing.T) *objectsBundle {
	t.Helper()
	b := &objectsBundle{
		testBundle: setup(t),
		proxy:      s3server.NewProxy(t),
		raw:        s3server.Raw(t),
		ref:        objects.Ref{Bucket: s3server.Bucket, Key: uuid.NewString() + "/c.npy"},
	}
	room, err := objects.Open([]string{b.proxy.Address + "=read,write"}, "postgres",
		func(context.Context, identity.TenantID) (string, error) { return "default", nil })
	if err != nil {
		t.Fatal(err)
	}
	b.store.Objects = room
	b.watch.Objects = room
	return b
}

// submitOutput submits a multiplication whose result is written to the object.
func (b *objectsBundle) submitOutput(c *jobs.Client, m, k, n int64) uuid.UUID {
	b.t.Helper()
	accepted, err := b.trySubmit(c, jobs.Submission{
		A:        random(m, k, 1),
		B:        random(k, n, 2),
		Priority: jobs.DefaultPriority,
		Output:   &objects.Output{Ref: b.ref},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return accepted.ID
}

// wantWritten checks that the result of a completed multiplication is in the object, and nothing is left of uploads.
func (b *objectsBundle) wantWritten(id uuid.UUID) {
	b.t.Helper()
	all, err := b.watch.ForAll().MultiplicationWithMatrices(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	file := npy.NewFile(b.t.Context(), b.watch.Source(all.C), 1)
	defer func() { _ = file.Close() }()
	want, err := io.ReadAll(file)
	if err != nil {
		b.t.Fatal(err)
	}
	got, etag := s3server.Get(b.t, b.raw, b.ref.Key)
	if !bytes.Equal(got, want) || all.Multiplication.Output.ETag != etag {
		b.t.Errorf("the object has %d bytes and ETag %q, want the %d of the result and %q", len(got), etag, len(want),
			all.Multiplication.Output.ETag)
	}
	b.wantNoUploads()
}

func (b *objectsBundle) wantNoUploads() {
	b.t.Helper()
	if n := s3server.Uploads(b.t, b.raw, b.ref.Key); n != 0 {
		b.t.Errorf("%d uploads are left in the bucket, want none", n)
	}
	if n := b.count("SELECT count(*) FROM object_uploads"); n != 0 {
		b.t.Errorf("%d uploads are left in the table, want none", n)
	}
}

// sweepOutputs sweeps, which leaves no uploads of what has ended.
func (b *objectsBundle) sweepOutputs() {
	b.t.Helper()
	if err := outputs.Sweep(b.t.Context(), b.store); err != nil {
		b.t.Fatal(err)
	}
	b.wantNoUploads()
}

// TestOutput: results of many tiles, of one, and without elements are written by one job more, and the
// multiplication is completed with it.
func TestOutput(t *testing.T) {
	b := setupObjects(t)
	c := b.start()
	for _, shape := range [][3]int64{{fourM, fourK, fourN}, {3, 4, 5}, {0, 3, 4}} {
		plan := matrix.NewPlan(shape[0], shape[1], shape[2])
		m := b.ends(b.submitOutput(c, shape[0], shape[1], shape[2]), jobs.Completed)
		if m.TilesTotal != plan.Pieces()+1 || m.TilesCompleted != m.TilesTotal || m.TilesUnqueued != 0 {
			t.Errorf("%v: %d of %d tiles, %d without jobs, want all of %d", shape, m.TilesCompleted, m.TilesTotal,
				m.TilesUnqueued, plan.Pieces()+1)
		}
		b.wantWritten(m.ID)
		if c := b.matrix(m.C.ID); plan.Pieces() == 0 && !bytes.Equal(c.Digest, npy.Digest(c.Shape(), nil)) {
			t.Errorf("%v: the digest of no elements is %x, want %x", shape, c.Digest, npy.Digest(c.Shape(), nil))
		}
	}
}

// TestCancelledOutput: a cancellation ends the writing, and leaves nothing; a retry writes the result, and computes
// nothing again.
func TestCancelledOutput(t *testing.T) {
	b := setupObjects(t)
	writing := make(chan struct{}, 10)
	b.proxy.Set(func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			_, _ = io.Copy(io.Discard, r.Body) // the server notices only then that the client has gone
			writing <- struct{}{}
			<-r.Context().Done()
			return
		}
		pass.ServeHTTP(w, r)
	})
	c := b.start()
	id := b.submitOutput(c, fourM, fourK, fourN)
	<-writing
	if m := b.until(id, "all but written", func(m jobs.Multiplication) bool { return true }); m.TilesCompleted != 4 {
		t.Errorf("%d tiles are completed while it is written, want 4", m.TilesCompleted)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Cancelled)
	b.untilJobsEnd(id)
	b.sweepOutputs()
	if got, _ := s3server.Get(t, b.raw, b.ref.Key); got != nil {
		t.Error("there is an object after the cancellation")
	}
	b.proxy.Set(nil)
	computed := b.count("SELECT sum(attempt) FROM river_job WHERE args->>'multiplication_id' = $1 AND args->>'tile' <> '4'", id.String())
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	if now := b.count("SELECT sum(attempt) FROM river_job WHERE args->>'multiplication_id' = $1 AND args->>'tile' <> '4'", id.String()); now != computed {
		t.Errorf("%d attempts at tiles after the retry, want the %d before", now, computed)
	}
	b.wantWritten(id)
}

// TestFailedOutput: what the store refuses fails the multiplication at once, with the words of the store.
func TestFailedOutput(t *testing.T) {
	b := setupObjects(t)
	b.proxy.Set(func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut {
			s3server.Refuse(w, http.StatusForbidden, "AccessDenied")
			return
		}
		pass.ServeHTTP(w, r)
	})
	m := b.ends(b.submitOutput(b.start(), 3, 4, 5), jobs.Failed)
	if !strings.Contains(m.Failure, "AccessDenied") || !strings.Contains(m.Failure, "attempt 1 of") {
		t.Errorf("failure %q, want that of the first attempt with AccessDenied", m.Failure)
	}
	b.untilJobsEnd(m.ID)
	if n := s3server.Uploads(t, b.raw, b.ref.Key); n != 0 {
		t.Errorf("%d uploads are left in the bucket before the sweep, want none", n)
	}
	b.sweepOutputs()
}

// TestChangedOperand: an operand that was replaced after it was accepted fails the multiplication at once.
func TestChangedOperand(t *testing.T) {
	b := setupObjects(t)
	file := func(seed uint64) []byte {
		text, err := io.ReadAll(npy.NewFile(t.Context(), matrix.NewRandom(float64s(3, 4), seed), 1))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	key := b.ref.Key + "-operand"
	s3server.Put(t, b.raw, key, file(1))
	object, shape, err := b.store.Objects.Open(t.Context(), identity.DefaultTenant,
		objects.Ref{Bucket: s3server.Bucket, Key: key}, 0)
	if err != nil {
		t.Fatal(err)
	}
	operand := jobs.Operand{Matrix: store.Matrix{
		ID:     store.NewID(),
		Rows:   shape.Rows,
		Cols:   shape.Cols,
		DType:  shape.DType,
		Source: store.FromObject,
		State:  store.Ready,
		Object: &object,
	}}
	c := b.client(queue.Config{Work: true, Lead: true})
	m, err := b.trySubmit(c, jobs.Submission{
		A:        operand,
		B:        random(4, 5, 2),
		Priority: jobs.DefaultPriority,
	})
	if err != nil {
		t.Fatal(err)
	}
	s3server.Put(t, b.raw, key, file(2))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := b.ends(m.ID, jobs.Failed)
	if !strings.Contains(failed.Failure, objects.ErrChanged.Error()) || !strings.Contains(failed.Failure, "attempt 1 of") {
		t.Errorf("failure %q, want that of the first attempt: it has changed", failed.Failure)
	}
}

// TestSweptUploads: what processes that have died have begun is aborted when its multiplication has ended, not before.
func TestSweptUploads(t *testing.T) {
	b := setupObjects(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	id := b.submitOutput(c, 3, 4, 5)
	upload, err := b.raw.NewMultipartUpload(t.Context(), s3server.Bucket, b.ref.Key, minio.PutObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.exec("INSERT INTO object_uploads (multiplication_id, upload, tenant_id, bucket, key) VALUES ($1, $2, 1, $3, $4)",
		id, upload, b.ref.Bucket, b.ref.Key)
	if err := outputs.Sweep(t.Context(), b.store); err != nil || s3server.Uploads(t, b.raw, b.ref.Key) != 1 {
		t.Errorf("Sweep() = %v while it is unfinished, want the upload to stay", err)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	b.sweepOutputs()
}

// TestObjectsBesideOlder: while a process runs that knows of no objects, what reads or writes one is refused, whichever
// of its matrices it is.
func TestObjectsBesideOlder(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('older', 1)")
	for name, change := range map[string]func(*jobs.Submission){
		"a":          func(s *jobs.Submission) { s.A.Matrix.Object = &objects.Operand{} },
		"b":          func(s *jobs.Submission) { s.B.Matrix.Object = &objects.Operand{} },
		"the output": func(s *jobs.Submission) { s.Output = &objects.Output{} },
	} {
		s := four()
		change(&s)
		if _, err := b.trySubmit(c, s); !errors.Is(err, outputs.ErrUnknown) {
			t.Errorf("%s: SubmitTx() = %v, want %v", name, err, outputs.ErrUnknown)
		}
	}
	alone := random(2, 2, 1)
	alone.Matrix.Object = &objects.Operand{}
	err := b.own().InTx(t.Context(), func(tx *store.TenantTx) error {
		_, err := alone.WriteTx(t.Context(), tx)
		return err
	})
	if !errors.Is(err, outputs.ErrUnknown) {
		t.Errorf("WriteTx() = %v, want %v", err, outputs.ErrUnknown)
	}
}
