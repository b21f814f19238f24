package bulk

import (
	"context"
	"maps"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix/jsonrows"
	"github.com/millrace/millrace/store"
)

// SmallResults returns the contents of the results of multiplications, by the ids of the results, as far as they are
// small and complete.
func SmallResults(ctx context.Context, s *store.Store, all []jobs.Multiplication) (map[uuid.UUID][]byte, error) {
	var small []identity.Owned
	contents := make(map[uuid.UUID][]byte, len(all))
	for _, m := range all {
		switch content := m.InlineResult(); {
		case content != nil:
			contents[m.C.ID] = content
		case m.State == jobs.Completed && m.C.Shape.Bytes() <= store.MaxInline:
			small = append(small, identity.Owned{Tenant: m.Tenant, ID: m.C.ID})
		}
	}
	if len(small) > 0 {
		found, err := s.Contents(ctx, small)
		if err != nil {
			return nil, err
		}
		maps.Copy(contents, found)
	}
	return contents, nil
}

// Values returns the elements of a result as JSON; nil if the result is not small, or an element has no JSON form.
func Values(m jobs.Multiplication, content []byte) resource.Rows {
	shape := m.C.Shape
	if shape.Bytes() > store.MaxInline || shape.Bytes() != int64(len(content)) || shape.Rows > store.MaxInline {
		return nil
	}
	rows, err := jsonrows.AppendRows(nil, shape, content)
	if err != nil {
		return nil
	}
	return rows
}
