package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/store"
)

// TestSchemaVersion: the version that processes tell with their leases is that of the newest migration.
func TestSchemaVersion(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob() = %v, %v, want migrations", files, err)
	}
	newest, _, _ := strings.Cut(filepath.Base(slices.Max(files)), "_")
	if want := fmt.Sprintf("%05d", store.SchemaVersion); newest != want {
		t.Errorf("the newest migration is %s, want %s", newest, want)
	}
}
