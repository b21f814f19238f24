-- name: RenewLease :one
-- By the clock, and not by the start of the transaction: a renewal may have waited for a lock.
INSERT INTO workers (id, schema_version, renewed_at, expires_at, held_since, tile_slots, small_slots, session_key, session_since)
VALUES (@id, @schema_version::smallint, clock_timestamp(), clock_timestamp() + @lease::interval, clock_timestamp(),
        @tile_slots::integer, @small_slots::integer, sqlc.narg(session_key)::integer, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET
    session_key = excluded.session_key,
    session_since = CASE WHEN workers.session_key = excluded.session_key THEN workers.session_since ELSE clock_timestamp() END,
    renewed_at = clock_timestamp(),
    expires_at = clock_timestamp() + @lease::interval,
    held_since = CASE WHEN workers.expires_at > clock_timestamp() THEN workers.held_since ELSE clock_timestamp() END
RETURNING held_since::timestamptz AS held_since, renewed_at::timestamptz AS renewed_at;

-- name: ReleaseLease :exec
DELETE FROM workers WHERE id = $1;

-- name: DeleteOldLeases :exec
DELETE FROM workers WHERE renewed_at < now() - @older_than::interval AND coalesce(expires_at, renewed_at) < now();

-- name: CountLeases :one
-- Processes that have renewed their lease in time, and those of them that compute tiles: the ids of the others have the prefix.
SELECT count(*)::bigint AS leases, count(*) FILTER (WHERE NOT starts_with(id, @maintenance::text))::bigint AS workers
FROM workers WHERE coalesce(expires_at, renewed_at + @lease::interval) > now();

-- name: ListLost :many
-- Workers that have running jobs and no lease. This process is to have held a lease of its own for the whole lease before, and to
-- have renewed it a while after that of the other had run out: when the database takes no renewals, all leases run out.
SELECT r.worker::text AS worker
FROM (SELECT DISTINCT j.attempted_by[array_upper(j.attempted_by, 1)] AS worker FROM river_job j
      WHERE j.state = 'running' AND j.attempted_at < now() - @lease::interval) AS r
JOIN workers me ON me.id = @me AND me.expires_at > now() AND me.held_since + @lease::interval < me.renewed_at
LEFT JOIN workers w ON w.id = r.worker
WHERE coalesce(w.expires_at + (w.expires_at - w.renewed_at) / 4, w.renewed_at + @lease::interval, '-infinity')
    < me.renewed_at
ORDER BY 1;

-- name: CountSlots :one
-- How many jobs the processes work at once that have renewed their lease in time.
SELECT coalesce(sum(tile_slots), 0)::bigint AS tiles, coalesce(sum(small_slots), 0)::bigint AS small FROM workers WHERE expires_at > now();

-- name: LockSession :one
-- The lock of a session, which ends with it.
SELECT pg_try_advisory_lock(@class::integer, @key::integer)::boolean AS locked;

-- name: ListEnded :many
-- Processes whose lease lasts, and whose session has ended: its lock is free. When the database restarts, or another server takes
-- over, all sessions end: so this process has a session of its own that lasts, and has had it for a lease, or some session lasts since
-- before the other was announced. Each key is tried for the time of the statement only, and so that several processes can do so at once.
WITH me AS MATERIALIZED (
    SELECT w.session_key AS key, w.session_since + @lease::interval < w.renewed_at AS lasting
    FROM workers w WHERE w.id = @me AND w.expires_at > now()
), oldest AS MATERIALIZED (
    SELECT min(w.session_since) AS since FROM workers w
    WHERE w.expires_at > now() AND NOT pg_try_advisory_xact_lock_shared(@class::integer, w.session_key)
), others AS MATERIALIZED (
    SELECT w.id, w.session_key FROM workers w CROSS JOIN me CROSS JOIN oldest
    WHERE w.id <> @me AND w.session_key IS NOT NULL AND w.expires_at > now() AND NOT starts_with(w.id, @maintenance::text)
      AND (me.lasting OR oldest.since < w.session_since) AND NOT pg_try_advisory_xact_lock_shared(@class::integer, me.key)
)
SELECT id, session_key::integer AS session_key, clock_timestamp()::timestamptz AS seen_at FROM others
WHERE pg_try_advisory_xact_lock_shared(@class::integer, session_key);
