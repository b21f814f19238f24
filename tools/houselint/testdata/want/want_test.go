package want

import "testing"

func TestWant(t *testing.T) {
	var err error
	t.Errorf("%d jobs are left", 1)
	t.Errorf("%d jobs are left, want 2", 1)
	t.Fatalf("reading: %v", err)
	t.Errorf("no value")
}
