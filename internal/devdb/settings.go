package devdb

import "strconv"

// memory is the environment of Postgres that makes the C library of Linux keep what sessions have freed, up to 16 MiB
// each: a block passes through buffers of 2 to 4 MiB, each page of which is a fault when it comes anew from the system.
// That took a quarter of the CPU time of Postgres while it wrote and read blocks.
var memory = []string{"MALLOC_TRIM_THRESHOLD_=16777216", "MALLOC_MMAP_THRESHOLD_=8388608"}

// settings returns the command line of Postgres. Settings on the command line, unlike those in postgresql.conf, also
// apply to a database that an older version of Millrace made.
func settings(port uint32, fsync, direct bool) []string {
	values := []string{
		"listen_addresses=" + loopback,
		"port=" + strconv.FormatUint(uint64(port), 10),
		"unix_socket_directories=" + socketDirectory,
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",

		// Blocks are 2 MiB rows that are written once: a checkpoint every 1 GB, the default, would come every few
		// seconds during an upload. With a large buffer of the log sessions seldom wait for one that writes it.
		"shared_buffers=256MB",
		"max_wal_size=4GB",
		"checkpoint_timeout=15min",
		"wal_buffers=64MB",
		"wal_compression=on",

		// There is no replication.
		"wal_level=minimal",
		"max_wal_senders=0",

		// Queries are small: compiling one, or splitting it over processes, takes longer than running it. Splitting also
		// needs more of /dev/shm than a container has.
		"jit=off",
		"max_parallel_workers_per_gather=0",
	}
	if direct {
		// The log bypasses the memory that the system keeps of files: blocks are long, and it is not read.
		values = append(values, "wal_sync_method=open_datasync")
	}
	if !fsync {
		values = append(values, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=256MB")
	}
	args := make([]string, 0, 2*len(values))
	for _, value := range values {
		args = append(args, "-c", value)
	}
	return args
}
