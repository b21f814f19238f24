package blocks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/store/blocks"
)

// faults is a proxy before the S3 server that does to requests what fault says, which gets their number.
type faults struct {
	mutex    sync.Mutex
	requests int
	fault    func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler)
}

// behind returns a block store behind a proxy. What is written or read by it goes to the bucket of other stores with
// the same prefix.
func behind(t *testing.T, f *faults, prefix string) blocks.Store {
	t.Helper()
	server := s3server.Start(t)
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", server },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mutex.Lock()
		f.requests++
		n, fault := f.requests, f.fault
		f.mutex.Unlock()
		if fault == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		fault(n, w, r, proxy)
	}))
	t.Cleanup(front.Close)
	address := fmt.Sprintf("s3://%s/%s?endpoint=%s", s3server.Bucket, prefix, url.QueryEscape(front.URL))
	return blocks.NewS3(bucketAt(t, address))
}

// refuse responds as a store does that refuses a request.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>for a test</Message></Error>", code)
}

// first does something to the first two requests, and passes the others.
func first(f func(w http.ResponseWriter, r *http.Request, pass http.Handler)) *faults {
	return &faults{fault: func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if n > 2 {
			pass.ServeHTTP(w, r)
			return
		}
		f(w, r, pass)
	}}
}

// changed responds with what the store does, after change has seen it.
func changed(change func(recorded *httptest.ResponseRecorder)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		recorded := httptest.NewRecorder()
		pass.ServeHTTP(recorded, r)
		change(recorded)
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
		if recorded.Flushed {
			panic(http.ErrAbortHandler) // cuts the connection
		}
	}
}

// TestFaultsOfS3: what passes is tried again until it has passed, and what is written and read is right then.
func TestFaultsOfS3(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"500":       func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(w, r, 500, "InternalError") },
		"slow down": func(w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(w, r, 503, "SlowDown") },
		"502 of a proxy": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusBadGateway)
		},
		"cut after it was done": changed(func(recorded *httptest.ResponseRecorder) {
			recorded.Body.Truncate(recorded.Body.Len() / 2)
			recorded.Flushed = true
		}),
		"cut before": func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			prefix := uuid.NewString()
			b := block(uuid.New(), 0, 700_000)
			data := randomBytes(b.Size, 1)
			if err := behind(t, first(fault), prefix).Put(ctx, b.Matrix, 0, data); err != nil {
				t.Fatalf("Put() = %v", err)
			}
			wantIntact(t, behind(t, first(fault), prefix), b, data)
			part := make([]byte, 1000)
			if err := behind(t, first(fault), prefix).Read(ctx, b, 5, part); err != nil || !bytes.Equal(part, data[5:1005]) {
				t.Errorf("Read() of a part = %v, or not what was written", err)
			}
			if n, err := behind(t, first(fault), prefix).Count(ctx, b.Matrix); err != nil || n != 1 {
				t.Errorf("Count() = %d, %v, want 1", n, err)
			}
			if err := behind(t, first(fault), prefix).Delete(ctx, b.Matrix); err != nil {
				t.Errorf("Delete() = %v", err)
			}
			if n, err := behind(t, &faults{}, prefix).Count(ctx, b.Matrix); err != nil || n != 0 {
				t.Errorf("Count() of what was deleted = %d, %v", n, err)
			}
		})
	}
}

// TestWrongBytesOfS3: bytes that were changed on their way are read again, and those that are wrong each time are
// damage.
func TestWrongBytesOfS3(t *testing.T) {
	t.Parallel()
	flip := changed(func(recorded *httptest.ResponseRecorder) { recorded.Body.Bytes()[0] ^= 1 })
	prefix := uuid.NewString()
	b := block(uuid.New(), 0, 700_000)
	data := randomBytes(b.Size, 1)
	if err := behind(t, &faults{}, prefix).Put(t.Context(), b.Matrix, 0, data); err != nil {
		t.Fatal(err)
	}
	once := &faults{fault: func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if n == 1 {
			flip(w, r, pass)
			return
		}
		pass.ServeHTTP(w, r)
	}}
	wantIntact(t, behind(t, once, prefix), b, data)
	always := &faults{fault: func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) { flip(w, r, pass) }}
	wantDamaged(t, behind(t, always, prefix), b, 0, b.Size, "wrong bytes each time")
	wantDamaged(t, behind(t, always, prefix), b, 100, 10, "wrong bytes of a part each time")
	flipSent := &faults{fault: func(n int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if n == 1 {
			body, _ := io.ReadAll(r.Body)
			body[0] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		pass.ServeHTTP(w, r)
	}}
	err := behind(t, flipSent, prefix).Put(t.Context(), b.Matrix, 1, data)
	if n, e := behind(t, &faults{}, prefix).Count(t.Context(), b.Matrix); err == nil || e != nil || n != 1 {
		t.Errorf("Put() of what was changed on its way = %v, then there are %d blocks, %v, want it refused", err, n, e)
	}
}

// TestRefusalsOfS3: what a store says that does not pass is not asked again; a quota is a full store, and a store that
// never responds is unavailable.
func TestRefusalsOfS3(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"QuotaExceeded": blocks.ErrFull, "XMinioStorageFull": blocks.ErrFull, "AccessDenied": nil, "NoSuchBucket": nil,
	} {
		f := &faults{fault: func(_ int, w http.ResponseWriter, r *http.Request, _ http.Handler) { refuse(w, r, 403, code) }}
		err := behind(t, f, "x").Put(t.Context(), uuid.New(), 0, []byte("data"))
		if err == nil || want != nil && !errors.Is(err, want) || errors.Is(err, blocks.ErrUnavailable) || f.requests != 1 {
			t.Errorf("%s: Put() = %v after %d requests, want %v after one", code, err, f.requests, want)
		}
		if !strings.Contains(fmt.Sprint(err), code) || strings.Contains(fmt.Sprint(err), s3server.SecretKey) {
			t.Errorf("the error %q must tell what the store said, %s, and no secret", err, code)
		}
	}
}

// TestS3WithoutConditions: a store that knows no conditional writes is written to nevertheless.
func TestS3WithoutConditions(t *testing.T) {
	t.Parallel()
	f := &faults{fault: func(_ int, w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Header.Get("If-None-Match") != "" {
			refuse(w, r, http.StatusNotImplemented, "NotImplemented")
			return
		}
		pass.ServeHTTP(w, r)
	}}
	s := behind(t, f, uuid.NewString())
	id := uuid.New()
	for index := range int64(2) {
		if err := s.Put(t.Context(), id, index, []byte("data")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.Count(t.Context(), id); err != nil || n != 2 {
		t.Errorf("Count() = %d, %v, want 2", n, err)
	}
	if f.requests != 4 { // the condition once, two writes, the list
		t.Errorf("%d requests, want 4", f.requests)
	}
}

// TestStalledS3: a store that does not respond holds nothing up longer than its caller allows.
func TestStalledS3(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	f := &faults{fault: func(_ int, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	}}
	s := behind(t, f, "x")
	for name, do := range map[string]func(ctx context.Context) error{
		"Put":  func(ctx context.Context) error { return s.Put(ctx, uuid.New(), 0, []byte("data")) },
		"Read": func(ctx context.Context) error { return s.Read(ctx, block(uuid.New(), 0, 1), 0, make([]byte, 1)) },
		"Count": func(ctx context.Context) error {
			_, err := s.Count(ctx, uuid.New())
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- do(ctx) }()
		<-asked
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s() = %v, want Canceled", name, err)
		}
	}
}
