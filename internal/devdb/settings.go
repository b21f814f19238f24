package devdb

import "strconv"

// settings are Postgres's command line. They stay out of postgresql.conf, so that a database made by an older version of
// this program starts with the settings of this one.
func settings(port uint32, fsync bool) []string {
	values := []string{
		"listen_addresses=" + loopback,
		"port=" + strconv.FormatUint(uint64(port), 10),
		// A socket's path is limited to some 100 bytes, which a data directory can exceed. TCP serves everybody.
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",

		// Blocks are 2 MiB rows that are written once: a checkpoint every 1 GB, the default, would come every few
		// seconds during an upload.
		"shared_buffers=256MB",
		"max_wal_size=4GB",
		"checkpoint_timeout=15min",
		"wal_buffers=16MB",
		"wal_compression=on",

		// Nobody replicates a private server.
		"wal_level=minimal",
		"max_wal_senders=0",

		// Queries are small; compiling one, or splitting it over processes, takes longer than running it. The latter
		// also needs more of /dev/shm than a container gives.
		"jit=off",
		"max_parallel_workers_per_gather=0",
	}
	if !fsync {
		values = append(values, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := make([]string, 0, 2*len(values))
	for _, value := range values {
		args = append(args, "-c", value)
	}
	return args
}
