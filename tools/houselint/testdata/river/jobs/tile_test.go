package jobs

import _ "github.com/riverqueue/river"

const fail = "UPDATE river_job SET state = 'discarded'"
