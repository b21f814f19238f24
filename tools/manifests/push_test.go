package manifests_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPushAttests: an image that is pushed has an SBOM and provenance and is for both architectures; one that is loaded into
// kind has no attestations, which some versions of kind cannot load.
func TestPushAttests(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"push":  "--platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max",
		"image": "BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build",
	} {
		out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "--dry-run", target, "IMAGE=a/b", "TAG=v1").CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("make %s runs %s (%v), want %q in it", target, out, err, want)
		}
	}
}

// TestRunbookNeedsNoShell: what the runbook runs in a container of Millrace is the binary, since the image has nothing else.
func TestRunbookNeedsNoShell(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"docs/runbook.md", "docs/deploy.md"} {
		for line := range strings.Lines(string(read(t, page))) {
			_, command, found := strings.Cut(line, " -- ")
			if !found || !strings.Contains(line, "kubectl") || !strings.Contains(line, " exec ") || strings.Contains(line, "postgres-") {
				continue
			}
			if !strings.HasPrefix(command, "/millrace") {
				t.Errorf("%s runs %q in a container without it", page, strings.TrimSpace(command))
			}
		}
	}
}
