package store_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/blocks/cut"
	"github.com/millrace/millrace/store/blocks/s3"
)

// TestPanelsFromS3AreReadAtOnce: a panel whose blocks are in a bucket is read by several requests at once, whose number
// is bounded, and it is right.
func TestPanelsFromS3AreReadAtOnce(t *testing.T) {
	t.Parallel()
	const want = 8
	var mutex sync.Mutex
	var now, most int
	enough := make(chan struct{})
	server := s3server.Start(t)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", server
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			mutex.Lock()
			now++
			if most = max(most, now); most == want && now == want {
				select {
				case <-enough:
				default:
					close(enough)
				}
			}
			mutex.Unlock()
			defer func() {
				mutex.Lock()
				now--
				mutex.Unlock()
			}()
			select {
			case <-enough:
			case <-time.After(10 * time.Second): // less than a try may take
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	address, err := s3.ParseAddress(fmt.Sprintf("s3://%s/%s?endpoint=%s", s3server.Bucket, uuid.New(), front.URL))
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := s3.Open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	s := store.Store{Blocks: blocks.NewS3(bucket)}
	shape := matrix.Shape{
		Rows:  640,
		Cols:  5000,
		DType: matrix.Float32,
	}
	grid := matrix.GridFor(shape)
	m := store.Matrix{
		ID:        uuid.New(),
		Rows:      shape.Rows,
		Cols:      shape.Cols,
		DType:     shape.DType,
		BlockRows: grid.BlockRows,
		BlockCols: grid.BlockCols,
	}
	content := make([]byte, shape.Bytes())
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	rect := cut.Rect{
		Rect:  shape.Rect(),
		Store: s.Blocks,
		Owner: m.ID,
		Grid:  grid,
		DType: m.DType,
	}
	if err := rect.Write(t.Context(), content); err != nil {
		t.Fatal(err)
	}
	part := matrix.Rect{
		Row:  100,
		Col:  900,
		Rows: 500,
		Cols: 3333,
	}
	got := make([]byte, part.Elements()*4)
	if err := s.Source(m).ReadRect(t.Context(), part, got); err != nil {
		t.Fatal(err)
	}
	for row := range part.Rows {
		from := ((part.Row+row)*shape.Cols + part.Col) * 4
		if string(got[row*part.Cols*4:(row+1)*part.Cols*4]) != string(content[from:from+part.Cols*4]) {
			t.Fatalf("row %d differs", row)
		}
	}
	if most != want {
		t.Errorf("%d blocks were read at once, want %d", most, want)
	}
}
