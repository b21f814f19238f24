package blocks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store/blocks"
)

// disk gives tests access to what a block store keeps of a block: its data and its checksums in one piece.
type disk interface {
	get(t *testing.T, b blocks.Block) []byte
	set(t *testing.T, b blocks.Block, stored []byte)
	// before reads a part of a block as versions did that knew no checksums.
	before(b blocks.Block, offset int64, dst []byte) error
}

func openFile(t *testing.T) (blocks.Store, disk) {
	dir := t.TempDir()
	s, err := blocks.Open("file://"+dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, fileDisk(dir)
}

type fileDisk string

func (d fileDisk) path(b blocks.Block) string {
	return filepath.Join(string(d), b.Matrix.String(), strconv.FormatInt(b.Index, 10))
}

func (d fileDisk) get(t *testing.T, b blocks.Block) []byte {
	stored, err := os.ReadFile(d.path(b))
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func (d fileDisk) set(t *testing.T, b blocks.Block, stored []byte) {
	if err := os.MkdirAll(filepath.Dir(d.path(b)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.path(b), stored, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d fileDisk) before(b blocks.Block, offset int64, dst []byte) error {
	file, err := os.Open(d.path(b))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = file.ReadAt(dst, offset)
	return err
}

func openPostgres(t *testing.T) (blocks.Store, disk) {
	pool := testdb.New(t)
	return blocks.NewPostgres(pool), tableDisk{pool}
}

type tableDisk struct{ pool *pgxpool.Pool }

func (d tableDisk) get(t *testing.T, b blocks.Block) []byte {
	var stored []byte
	err := d.pool.QueryRow(t.Context(), "SELECT data || coalesce(checksums, '') FROM blocks WHERE matrix_id = $1 AND index = $2",
		b.Matrix, b.Index).Scan(&stored)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func (d tableDisk) set(t *testing.T, b blocks.Block, stored []byte) {
	n := min(b.Size, int64(len(stored)))
	sums := stored[n:]
	if len(sums) == 0 {
		sums = nil
	}
	_, err := d.pool.Exec(t.Context(), `INSERT INTO blocks (matrix_id, index, data, checksums) VALUES ($1, $2, $3, $4)
		ON CONFLICT (matrix_id, index) DO UPDATE SET data = excluded.data, checksums = excluded.checksums`,
		b.Matrix, b.Index, stored[:n], sums)
	if err != nil {
		t.Fatal(err)
	}
}

func (d tableDisk) before(b blocks.Block, offset int64, dst []byte) error {
	var data []byte
	err := d.pool.QueryRow(context.Background(),
		"SELECT substring(data FROM $3::int FOR $4::int) FROM blocks WHERE matrix_id = $1 AND index = $2",
		b.Matrix, b.Index, offset+1, len(dst)).Scan(&data)
	copy(dst, data)
	return err
}

func randomBytes(n int64, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// testDamage damages blocks in many ways. A read must either return what was written, since what it reads is not
// damaged, or ErrDamaged.
func testDamage(t *testing.T, s blocks.Store, d disk) {
	for i, size := range []int64{1, 4, 4096, 64 << 10, 64<<10 + 8, 300_000} {
		b := block(uuid.New(), int64(i), size)
		data := randomBytes(size, uint64(size))
		if err := s.Put(t.Context(), b.Matrix, b.Index, data); err != nil {
			t.Fatal(err)
		}
		stored := d.get(t, b)
		for how, damaged := range damages(stored, size) {
			d.set(t, b, damaged)
			wantDamaged(t, s, b, 0, size, fmt.Sprintf("size %d, %s", size, how))
		}
		d.set(t, b, stored)
		wantIntact(t, s, b, data)
	}
	partlyDamaged(t, s, d)
}

// damages returns what may become of what is stored: a bit flipped anywhere, an end lost, something added.
func damages(stored []byte, size int64) map[string][]byte {
	all := map[string][]byte{
		"longer by a byte": append(bytes.Clone(stored), 0),
		"empty":            {},
		"last page zeroed": zeroed(stored, max(0, len(stored)-4096)),
		"last byte lost":   stored[:len(stored)-1],
	}
	step := max(1, len(stored)/40)
	for at := 0; at < len(stored); at += step {
		flipped := bytes.Clone(stored)
		flipped[at] ^= 1 << (at % 8)
		all[fmt.Sprintf("bit of byte %d flipped", at)] = flipped
		if int64(at) < size {
			all[fmt.Sprintf("cut to %d bytes", at)] = stored[:at]
		}
	}
	for at := size; at < int64(len(stored)); at++ {
		flipped := bytes.Clone(stored)
		flipped[at] ^= 0x10
		all[fmt.Sprintf("bit of byte %d flipped", at)] = flipped
	}
	return all
}

func zeroed(stored []byte, from int) []byte {
	z := bytes.Clone(stored)
	clear(z[from:])
	return z
}

func wantDamaged(t *testing.T, s blocks.Store, b blocks.Block, offset, n int64, what string) {
	t.Helper()
	if err := s.Read(t.Context(), b, offset, make([]byte, n)); !errors.Is(err, blocks.ErrDamaged) {
		t.Errorf("%s: Read() = %v, want ErrDamaged", what, err)
	}
}

func wantIntact(t *testing.T, s blocks.Store, b blocks.Block, data []byte) {
	t.Helper()
	got := make([]byte, b.Size)
	if err := s.Read(t.Context(), b, 0, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("size %d: Read() = %v, or something else than was written", b.Size, err)
	}
}

// partlyDamaged reads all sorts of parts of a block of which one byte is damaged.
func partlyDamaged(t *testing.T, s blocks.Store, d disk) {
	const size, at = 300_000, 150_000
	b := block(uuid.New(), 0, size)
	data := randomBytes(size, 2)
	if err := s.Put(t.Context(), b.Matrix, 0, data); err != nil {
		t.Fatal(err)
	}
	damaged := d.get(t, b)
	damaged[at] ^= 1
	d.set(t, b, damaged)
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		from := random.Int64N(size)
		to := from + 1 + random.Int64N(size-from)
		got := make([]byte, to-from)
		err := s.Read(t.Context(), b, from, got)
		switch {
		case from <= at && at < to && !errors.Is(err, blocks.ErrDamaged):
			t.Errorf("bytes %d to %d: %v, want ErrDamaged", from, to, err)
		case err == nil && !bytes.Equal(got, data[from:to]):
			t.Errorf("bytes %d to %d differ", from, to)
		case err != nil && !errors.Is(err, blocks.ErrDamaged):
			t.Error(err)
		}
	}
	if err := s.Read(t.Context(), b, 0, make([]byte, 128<<10)); err != nil {
		t.Errorf("a part before the damage: %v", err)
	}
}

// testWithoutChecksums reads a block of a version that wrote none, and has that version read a block that has some.
func testWithoutChecksums(t *testing.T, s blocks.Store, d disk) {
	b := block(uuid.New(), 0, 100_000)
	data := randomBytes(b.Size, 5)
	d.set(t, b, data)
	wantIntact(t, s, b, data)
	got := make([]byte, 500)
	if err := s.Read(t.Context(), b, 70_000, got); err != nil || !bytes.Equal(got, data[70_000:70_500]) {
		t.Errorf("a part: %v", err)
	}
	d.set(t, b, data[:99_999])
	wantDamaged(t, s, b, 0, 10, "too short")
	if err := s.Delete(t.Context(), b.Matrix); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), b.Matrix, 0, data); err != nil {
		t.Fatal(err)
	}
	if len(d.get(t, b)) == len(data) {
		t.Error("a block that is written again has no checksums")
	}
	for _, part := range [][2]int64{{0, 100_000}, {70_000, 500}, {99_992, 8}} {
		offset, n := part[0], part[1]
		got := make([]byte, n)
		if err := d.before(b, offset, got); err != nil || !bytes.Equal(got, data[offset:offset+n]) {
			t.Errorf("%d bytes from %d on, read by the version before: %v, want what was written", n, offset, err)
		}
	}
}
