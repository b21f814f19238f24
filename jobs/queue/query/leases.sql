-- name: RenewLease :exec
INSERT INTO workers (id, schema_version) VALUES (@id, @schema_version::smallint)
ON CONFLICT (id) DO UPDATE SET renewed_at = now();

-- name: ReleaseLease :exec
DELETE FROM workers WHERE id = $1;

-- name: DeleteOldLeases :exec
DELETE FROM workers WHERE renewed_at < now() - @older_than::interval;

-- name: CountLeases :one
-- Processes that have renewed their lease in time, and those of them that compute tiles: the ids of the others have the prefix.
SELECT count(*)::bigint AS leases, count(*) FILTER (WHERE NOT starts_with(id, @maintenance::text))::bigint AS workers
FROM workers WHERE renewed_at > now() - @lease::interval;
