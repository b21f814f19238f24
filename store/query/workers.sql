-- name: RenewLease :exec
INSERT INTO workers (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET renewed_at = now();

-- name: ReleaseLease :exec
DELETE FROM workers WHERE id = $1;

-- name: DeleteOldLeases :exec
DELETE FROM workers WHERE renewed_at < now() - @older_than::interval;
