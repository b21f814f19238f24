package jobs

import (
	_ "example.com/github.com/riverqueue/river"
	_ "github.com/riverqueue/river"
)
