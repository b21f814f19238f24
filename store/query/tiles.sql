-- name: ListTileErrors :many
-- The newest errors of each of some products, the newest first.
SELECT p.id AS multiplication_id, e.tile, e.attempt, e.at, e.message
FROM multiplications p
CROSS JOIN LATERAL (
    SELECT (j.args->>'tile')::bigint AS tile, coalesce((x.error->>'attempt')::int, 0)::int AS attempt,
           (x.error->>'at')::timestamptz AS at, coalesce(x.error->>'error', '')::text AS message
    FROM river_job j CROSS JOIN LATERAL unnest(j.errors) AS x(error)
    WHERE j.id BETWEEN p.first_job AND p.last_job AND j.args->>'multiplication_id' = p.id::text
    ORDER BY 3 DESC
    LIMIT @max_rows
) AS e
WHERE p.id = ANY(@ids::uuid[])
ORDER BY e.at DESC;

-- name: CompleteTileJob :execrows
-- A tile that is computed, checked and stored is done, whoever runs its job now: a worker that lost its lease while it
-- computed has still done the work. One that is counted is never counted again: River lets people retry completed jobs.
-- The mark is for products of several tiles; one that is a single tile has ended with it.
UPDATE river_job SET
    state = 'completed', finalized_at = now(),
    metadata = CASE WHEN @several::boolean THEN metadata || '{"counted": true}' ELSE metadata END
WHERE id = @id AND finalized_at IS NULL AND NOT metadata ? 'counted';

-- name: CancelWaitingTiles :exec
UPDATE river_job SET state = 'cancelled', finalized_at = now()
WHERE id BETWEEN @first_job AND @last_job AND args->>'multiplication_id' = @multiplication_id::text
  AND finalized_at IS NULL AND state <> 'running';

-- name: ListUnfinishedTiles :many
SELECT id FROM river_job
WHERE id BETWEEN @first_job AND @last_job AND args->>'multiplication_id' = @multiplication_id::text AND finalized_at IS NULL
ORDER BY id;

-- name: ListRunningTiles :many
SELECT id FROM river_job
WHERE id BETWEEN @first_job AND @last_job AND args->>'multiplication_id' = @multiplication_id::text AND state = 'running';

-- name: RescueLostJobs :many
-- Takes the running jobs of workers without a lease back into the queue. A crash is not an attempt: it is counted apart,
-- and a job that has crashed its worker too often is discarded. River's own rescuer would do neither for an hour.
UPDATE river_job j SET
    state = (CASE WHEN j.metadata ? 'cancel_attempted_at' THEN 'cancelled'
                  WHEN lost.crashes >= @max_crashes::int THEN 'discarded'
                  ELSE 'available' END)::river_job_state,
    finalized_at = CASE WHEN j.metadata ? 'cancel_attempted_at' OR lost.crashes >= @max_crashes::int THEN now() END,
    scheduled_at = now(),
    attempt      = greatest(j.attempt - 1, 0),
    metadata     = j.metadata || jsonb_build_object('crashes', lost.crashes),
    errors       = array_append(j.errors, jsonb_build_object(
        'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'attempt', j.attempt,
        'error', format('worker %s stopped renewing its lease while it ran this job (crash %s of at most %s)',
                        lost.worker, lost.crashes, @max_crashes::int),
        'trace', ''))
FROM (
    SELECT r.id, coalesce((r.metadata->>'crashes')::int, 0) + 1 AS crashes,
           r.attempted_by[array_upper(r.attempted_by, 1)] AS worker
    FROM river_job r
    WHERE r.state = 'running' AND r.attempted_at < now() - @lease::interval
      AND NOT EXISTS (SELECT 1 FROM workers w
                      WHERE w.id = r.attempted_by[array_upper(r.attempted_by, 1)] AND w.renewed_at > now() - @lease::interval)
    FOR UPDATE SKIP LOCKED
) AS lost
WHERE j.id = lost.id
RETURNING j.id, j.kind, j.state, coalesce(j.args->>'multiplication_id', '')::text AS multiplication_id,
          coalesce((j.args->>'tile')::bigint, 0)::bigint AS tile;

-- name: RequeueTiles :execrows
-- All tiles that are not completed run again, with a full set of attempts; the history of their errors stays.
UPDATE river_job SET
    state = 'available', scheduled_at = now(), finalized_at = NULL, max_attempts = attempt + @more_attempts::smallint,
    metadata = metadata - 'cancel_attempted_at' - 'crashes'
WHERE id BETWEEN @first_job AND @last_job AND args->>'multiplication_id' = @multiplication_id::text
  AND state IN ('cancelled', 'discarded');

-- name: MarkCancelled :exec
-- What River does to a running job that is to be cancelled: whatever becomes of its worker, it will not run again.
UPDATE river_job SET metadata = metadata || jsonb_build_object('cancel_attempted_at', now())
WHERE id = $1 AND finalized_at IS NULL;

-- name: AttemptIsWanted :one
-- Whether a job is in this attempt at it, and nobody has told it to stop.
SELECT EXISTS (SELECT FROM river_job
               WHERE id = @id AND state = 'running' AND attempted_at = @attempted_at::timestamptz
                 AND NOT metadata ? 'cancel_attempted_at');

-- name: CountStoppingTiles :one
-- Tiles that have been told to stop and have not yet.
SELECT count(*) FROM river_job
WHERE id BETWEEN @first_job AND @last_job AND args->>'multiplication_id' = @multiplication_id::text
  AND state = 'running' AND metadata ? 'cancel_attempted_at';
