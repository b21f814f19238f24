package server_test

import (
	"testing"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testdb"
)

func TestMain(m *testing.M) {
	reexec.Main()
	testdb.Main(m)
}
