package failure

import (
	"fmt"
	"testing"
)

func TestFailure(t *testing.T) {
	err := fmt.Errorf("%d", 1)
	t.Errorf("%+v, %s", 1, "text")
	t.Fatalf("got %v", err)
	t.Errorf("Rows() = %d, want %d", 1, 2)
	t.Errorf("got %d, want 2", 1)
	t.Errorf("%d jobs are left", 1)
	t.Error("it has expired")
	t.Fatalf("%v: %s", err, "output")
	t.Fatal(err)
}
