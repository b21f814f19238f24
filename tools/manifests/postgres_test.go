package manifests_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPostgresReplicatesSynchronously: a failover of CloudNativePG loses nothing that was committed.
func TestPostgresReplicatesSynchronously(t *testing.T) {
	t.Parallel()
	var cluster struct {
		Spec struct {
			Instances       int
			ImageCatalogRef struct{ Major int }
			PostgreSQL      struct {
				Synchronous struct {
					Number         int
					DataDurability string
				}
			}
		}
	}
	readYAML(t, "kustomize/components/cloudnative-pg/cluster.yaml", &cluster)
	s := cluster.Spec.PostgreSQL.Synchronous
	if s.Number < 1 || s.Number >= cluster.Spec.Instances-1 || s.DataDurability != "required" {
		t.Errorf("synchronous = %+v with %d instances, want a required replica, and one that may fail",
			s, cluster.Spec.Instances)
	}
	if major := cluster.Spec.ImageCatalogRef.Major; !strings.Contains(testedPostgres(t), strconv.Itoa(major)) {
		t.Errorf("major version of Postgres = %d, want one of %s, which are tested", major, testedPostgres(t))
	}
}

// testedPostgres returns the versions of Postgres that docs/deploy.md says are tested.
func testedPostgres(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`Millrace is tested with Postgres ([0-9, and]+)[.:(]`).FindSubmatch(read(t, "docs/deploy.md"))
	if found == nil {
		t.Fatal("docs/deploy.md does not say which versions of Postgres are tested")
	}
	return string(found[1])
}
