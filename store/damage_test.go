package store_test

import (
	"errors"
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestDamagedRow: a content that lives in its row is compared with its digest.
func TestDamagedRow(t *testing.T) {
	t.Parallel()
	s := open(t)
	shape := sharedShape
	shape.Rows, shape.Cols = 3, 5
	m := mustUploadShape(t, s, shape)
	for _, damage := range []string{"set_byte(content, 7, get_byte(content, 7) # 4)", "substring(content FOR 10)"} {
		if _, err := s.Pool.Exec(t.Context(), "UPDATE matrices SET content = "+damage+" WHERE id = $1", m.ID); err != nil {
			t.Fatal(err)
		}
		read, err := s.For(identity.DefaultTenant).ReadyMatrix(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		var damaged *store.DamagedError
		err = readsAs(t, s, read, content(shape))
		if !errors.As(err, &damaged) || damaged.Matrix != m.ID || !errors.Is(err, blocks.ErrDamaged) {
			t.Errorf("%s: ReadRect() = %v, want a DamagedError", damage, err)
		}
	}
}
