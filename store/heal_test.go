package store_test

import (
	"testing"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestMissingContentIsHealed: an upload whose content should be there, but is not, is kept, and the older matrix with that
// content gets its blocks.
func TestMissingContentIsHealed(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(*store.Store, store.Matrix) error{
		"missing": func(s *store.Store, m store.Matrix) error { return s.Blocks.Delete(t.Context(), m.ID) },
		"damaged": func(s *store.Store, m store.Matrix) error {
			_, err := s.Pool.Exec(t.Context(), "UPDATE matrices SET damaged_at = now() WHERE id = $1", m.ID)
			return err
		},
		"in another store": func(s *store.Store, _ store.Matrix) (err error) {
			s.Blocks, err = blocks.NewFile(t.TempDir())
			return err
		},
	} {
		s := open(t)
		data := variant(1)
		old := mustUpload(t, s, data, 0)
		sharer := mustUpload(t, s, data, 1)
		if err := breakIt(s, old); err != nil {
			t.Fatal(err)
		}
		healer := mustUpload(t, s, data, 1)
		again := mustUpload(t, s, data, 0)
		for _, m := range []store.Matrix{old, sharer, healer, again} {
			read, err := s.For(identity.DefaultTenant).ReadyMatrix(t.Context(), m.ID)
			if err != nil {
				t.Fatal(err)
			}
			if err := readsAs(t, s, read, data); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if read.BlockOwner() != healer.ID {
				t.Errorf("%s: the blocks are those of %s, want %s", name, read.BlockOwner(), healer.ID)
			}
		}
	}
}
