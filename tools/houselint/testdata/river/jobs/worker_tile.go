package jobs

import _ "github.com/riverqueue/river"

const sql = "SELECT count(*) FROM river_job"
