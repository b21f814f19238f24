-- Jobs of a multiplication are looked for in its ranges of ids. OFFSET 0 keeps Postgres from reading all of river_job, which it
-- takes for cheaper when there are several ranges, and IS TRUE from looking for them by their state.

-- name: InsertTiles :one
-- Enqueues a job for each tile of a range of one multiplication, in order, and returns the range of their ids. No process holds
-- them in memory, however many they are. Without a time they are due now.
WITH inserted AS (
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    SELECT @kind::text, jsonb_build_object('multiplication_id', sqlc.arg(group_id)::text, 'tile', tile), @max_attempts::smallint,
           @metadata::jsonb, @priority::smallint, @queue::text, coalesce(sqlc.narg(queued_at)::timestamptz, now()),
           'available'::river_job_state, ARRAY[sqlc.arg(group_id)::text]
    FROM generate_series(@first_tile::bigint, @last_tile::bigint) AS tile
    ORDER BY tile
    RETURNING id
)
SELECT min(id)::bigint AS first_job, max(id)::bigint AS last_job FROM inserted;

-- name: ListProgress :many
-- What the jobs of each of several groups tell. A job that crashed its worker was started, too, although a crash is no failed
-- attempt.
SELECT p.id AS group_id, t.running, t.retrying, t.discarded, t.failures, t.attempts
FROM multiplications p
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE j.state = 'running')::bigint                            AS running,
           count(*) FILTER (WHERE j.errors IS NOT NULL AND j.finalized_at IS NULL
                              AND j.state <> 'running')::bigint                           AS retrying,
           count(*) FILTER (WHERE j.state = 'discarded')::bigint                          AS discarded,
           count(*) FILTER (WHERE j.errors IS NOT NULL)::bigint                           AS failures,
           coalesce(sum(j.attempt + coalesce((j.metadata->>'crashes')::int, 0)), 0)::bigint AS attempts
    FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE r.multiplication_id = p.id AND j.args->>'multiplication_id' = p.id::text
) AS t
WHERE p.id = ANY(@ids::uuid[]);

-- name: ListErrors :many
-- The newest errors of each of several groups, newest first.
SELECT p.id AS group_id, e.tile, e.attempt, e.at, e.message
FROM multiplications p
CROSS JOIN LATERAL (
    SELECT (j.args->>'tile')::bigint AS tile, coalesce((x.error->>sqlc.arg(attempt_key)::text)::int, 0)::int AS attempt,
           (x.error->>sqlc.arg(at_key)::text)::timestamptz AS at, coalesce(x.error->>sqlc.arg(message_key)::text, '')::text AS message
    FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j CROSS JOIN LATERAL unnest(j.errors) AS x(error)
    WHERE r.multiplication_id = p.id AND j.args->>'multiplication_id' = p.id::text
    ORDER BY 3 DESC
    LIMIT @max_rows
) AS e
WHERE p.id = ANY(@ids::uuid[])
ORDER BY e.at DESC;

-- name: ListUnsettled :many
-- The true join of both tables: multiplications that are active although none of their jobs is still to be worked. One whose
-- enqueued tiles are all counted waits for its next batch.
SELECT p.id FROM multiplications p
WHERE p.state IN ('pending', 'in_progress')
  AND (p.tiles_unqueued = 0 OR p.tiles_completed < p.tiles_total - p.tiles_unqueued)
  AND NOT EXISTS (SELECT 1 FROM job_ranges r CROSS JOIN LATERAL (
                      SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
                  ) AS j
                  WHERE r.multiplication_id = p.id
                    AND j.args->>'multiplication_id' = p.id::text
                    AND j.finalized_at IS NULL
                  OFFSET 0)
LIMIT @max_rows;

-- name: CompleteJob :execrows
-- A tile that is computed, checked and stored is done, whichever worker has its job now: one that lost its lease while it
-- computed has still done the work. A job that is counted is not counted again: River lets people retry completed jobs.
UPDATE river_job SET
    state = 'completed', finalized_at = now(),
    metadata = CASE WHEN @mark::boolean THEN metadata || '{"counted": true}' ELSE metadata END
WHERE id = @id AND finalized_at IS NULL AND NOT metadata ? 'counted';

-- name: CancelWaiting :exec
UPDATE river_job SET state = 'cancelled', finalized_at = now()
WHERE id = ANY (ARRAY(
    SELECT j.id FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
      AND j.finalized_at IS NULL AND j.state <> 'running'
))
  AND (finalized_at IS NULL AND state <> 'running') IS TRUE;

-- name: ListUnfinished :many
SELECT j.id FROM job_ranges r CROSS JOIN LATERAL (
    SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
) AS j
WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text AND j.finalized_at IS NULL
ORDER BY j.id;

-- name: CountRunning :one
SELECT count(*) FROM job_ranges r CROSS JOIN LATERAL (
    SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
) AS j
WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text AND j.state = 'running';

-- name: CountStopping :one
-- Running jobs that have been told to stop.
SELECT count(*) FROM job_ranges r CROSS JOIN LATERAL (
    SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
) AS j
WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
  AND j.state = 'running' AND j.metadata ? sqlc.arg(cancel_mark)::text;

-- name: Requeue :exec
-- The stopped jobs of a group run again, with a full set of attempts; the history of their errors stays.
UPDATE river_job SET
    state = 'available', scheduled_at = now(), finalized_at = NULL, max_attempts = attempt + @more_attempts::smallint,
    metadata = metadata - sqlc.arg(cancel_mark)::text - 'crashes'
WHERE id = ANY (ARRAY(
    SELECT j.id FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
      AND j.state IN ('cancelled', 'discarded')
))
  AND (state IN ('cancelled', 'discarded')) IS TRUE;

-- name: MarkCancelled :exec
-- What River does to a running job that is to be cancelled: whatever becomes of its worker, it will not run again.
UPDATE river_job SET metadata = metadata || jsonb_build_object(sqlc.arg(cancel_mark)::text, now())
WHERE id = @id AND finalized_at IS NULL;

-- name: AttemptIsWanted :one
-- Whether a job is in this attempt, and was not told to stop.
SELECT EXISTS (SELECT FROM river_job
               WHERE id = @id AND state = 'running' AND attempted_at = @attempted_at::timestamptz
                 AND NOT metadata ? sqlc.arg(cancel_mark)::text);

-- name: Rescue :many
-- Takes the running jobs of workers without a lease back into the queue. A crash is not an attempt: it is counted apart,
-- and a job that has crashed its worker too often is discarded. River's own rescuer would do neither for an hour.
UPDATE river_job j SET
    state = (CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN 'cancelled'
                  WHEN lost.crashes >= @max_crashes::int THEN 'discarded'
                  ELSE 'available' END)::river_job_state,
    finalized_at = CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text OR lost.crashes >= @max_crashes::int THEN now() END,
    scheduled_at = now(),
    attempt      = greatest(j.attempt - 1, 0),
    metadata     = j.metadata || jsonb_build_object('crashes', lost.crashes),
    errors       = array_append(j.errors, jsonb_build_object(
        sqlc.arg(at_key)::text, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        sqlc.arg(attempt_key)::text, j.attempt,
        sqlc.arg(message_key)::text, format('worker %s stopped renewing its lease while it ran this job (crash %s of at most %s)',
                        lost.worker, lost.crashes, @max_crashes::int),
        sqlc.arg(trace_key)::text, ''))
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
RETURNING j.id, j.kind, j.queue, j.state, coalesce(j.args->>'multiplication_id', '')::text AS group_id,
          coalesce((j.args->>'tile')::bigint, 0)::bigint AS tile;
