-- name: RenewLease :exec
-- 3 is the migration from which on a process reads contents that are shared.
INSERT INTO workers (id, schema_version) VALUES ($1, 3) ON CONFLICT (id) DO UPDATE SET renewed_at = now();

-- name: ReleaseLease :exec
DELETE FROM workers WHERE id = $1;

-- name: DeleteOldLeases :exec
DELETE FROM workers WHERE renewed_at < now() - @older_than::interval;
