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
    FROM river_job j
    WHERE j.id BETWEEN p.first_job AND p.last_job AND j.args->>'multiplication_id' = p.id::text
) AS t
WHERE p.id = ANY(@ids::uuid[]);

-- name: ListErrors :many
-- The newest errors of each of several groups, newest first.
SELECT p.id AS group_id, e.tile, e.attempt, e.at, e.message
FROM multiplications p
CROSS JOIN LATERAL (
    SELECT (j.args->>'tile')::bigint AS tile, coalesce((x.error->>sqlc.arg(attempt_key)::text)::int, 0)::int AS attempt,
           (x.error->>sqlc.arg(at_key)::text)::timestamptz AS at, coalesce(x.error->>sqlc.arg(message_key)::text, '')::text AS message
    FROM river_job j CROSS JOIN LATERAL unnest(j.errors) AS x(error)
    WHERE j.id BETWEEN p.first_job AND p.last_job AND j.args->>'multiplication_id' = p.id::text
    ORDER BY 3 DESC
    LIMIT @max_rows
) AS e
WHERE p.id = ANY(@ids::uuid[])
ORDER BY e.at DESC;

-- name: ListUnsettled :many
-- The true join of both tables: multiplications that are active although none of their jobs is still to be worked.
SELECT p.id FROM multiplications p
WHERE p.state IN ('pending', 'in_progress')
  AND NOT EXISTS (SELECT 1 FROM river_job j
                  WHERE j.id BETWEEN p.first_job AND p.last_job
                    AND j.args->>'multiplication_id' = p.id::text
                    AND j.finalized_at IS NULL)
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
WHERE id BETWEEN @first AND @last AND args->>'multiplication_id' = @group_id::text
  AND finalized_at IS NULL AND state <> 'running';

-- name: ListUnfinished :many
SELECT id FROM river_job
WHERE id BETWEEN @first AND @last AND args->>'multiplication_id' = @group_id::text AND finalized_at IS NULL
ORDER BY id;

-- name: CountRunning :one
SELECT count(*) FROM river_job
WHERE id BETWEEN @first AND @last AND args->>'multiplication_id' = @group_id::text AND state = 'running';

-- name: CountStopping :one
-- Running jobs that have been told to stop.
SELECT count(*) FROM river_job
WHERE id BETWEEN @first AND @last AND args->>'multiplication_id' = @group_id::text
  AND state = 'running' AND metadata ? sqlc.arg(cancel_mark)::text;

-- name: Requeue :exec
-- The stopped jobs of a group run again, with a full set of attempts; the history of their errors stays.
UPDATE river_job SET
    state = 'available', scheduled_at = now(), finalized_at = NULL, max_attempts = attempt + @more_attempts::smallint,
    metadata = metadata - sqlc.arg(cancel_mark)::text - 'crashes' - 'lost_by' - 'place' - 'back_at'
WHERE id BETWEEN @first AND @last AND args->>'multiplication_id' = @group_id::text
  AND state IN ('cancelled', 'discarded');

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
-- Takes the running jobs of lost workers back, if this process still has a lease and they have none. A crash is not an attempt: it
-- is counted apart. From the second crash on only one that happened while the job was alone in its worker counts, and at the last
-- one that counts the job is discarded, when its worker has been silent for longer. Others leave the line for a while, so that the
-- jobs of one worker do not come together again, and keep their place in it: see ReturnToLine, without which River would return
-- them after @net.
UPDATE river_job j SET
    state = (CASE WHEN lost.cancelled THEN 'cancelled' WHEN lost.crashes >= @max_crashes::int THEN 'discarded'
                  ELSE 'retryable' END)::river_job_state,
    finalized_at = CASE WHEN lost.cancelled OR lost.crashes >= @max_crashes::int THEN now() END,
    scheduled_at = CASE WHEN lost.cancelled OR lost.crashes >= @max_crashes::int THEN j.scheduled_at
                        ELSE lost.back_at + @net::interval END,
    attempt      = greatest(j.attempt - 1, 0),
    metadata     = j.metadata || jsonb_build_object(
        'crashes', lost.crashes, 'place', j.scheduled_at, 'back_at', lost.back_at,
        'lost_by', CASE WHEN lost.crashes > lost.before THEN coalesce(j.metadata->'lost_by', '[]') || to_jsonb(lost.worker)
                        ELSE coalesce(j.metadata->'lost_by', '[]') END),
    errors       = array_append(j.errors, jsonb_build_object(
        sqlc.arg(at_key)::text, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        sqlc.arg(attempt_key)::text, j.attempt,
        sqlc.arg(message_key)::text, format('worker %s stopped renewing its lease while it ran this job (crash %s of at most %s)',
                        lost.worker, lost.crashes, @max_crashes::int),
        sqlc.arg(trace_key)::text, ''))
FROM (
    SELECT r.id, n.worker, n.before, c.crashes, r.metadata ? sqlc.arg(cancel_mark)::text AS cancelled,
           now() + random() * (CASE WHEN c.crashes < 2 THEN 0.5 ELSE 3 END) * @lease::interval AS back_at
    FROM river_job r
    CROSS JOIN LATERAL (
        SELECT r.attempted_by[array_upper(r.attempted_by, 1)] AS worker, coalesce((r.metadata->>'crashes')::int, 0) AS before,
               coalesce((r.metadata->>'alone')::timestamptz = r.attempted_at, false) AS alone
    ) AS n
    CROSS JOIN LATERAL (
        SELECT CASE WHEN n.alone OR n.before + 1 < @max_crashes::int THEN n.before + 1 ELSE n.before END AS crashes
    ) AS c
    WHERE r.state = 'running' AND n.worker = ANY(@lost_workers::text[])
      AND EXISTS (SELECT FROM workers me WHERE me.id = @me AND me.expires_at > now())
      AND NOT EXISTS (SELECT FROM workers w
                      WHERE w.id = n.worker
                        AND coalesce(w.expires_at + CASE WHEN c.crashes >= @max_crashes::int AND NOT r.metadata ? sqlc.arg(cancel_mark)::text
                                                         THEN @gone_after::int ELSE 0 END * (w.expires_at - w.renewed_at),
                                     w.renewed_at + @lease::interval) > now())
    FOR UPDATE OF r SKIP LOCKED
) AS lost
WHERE j.id = lost.id
RETURNING j.id, j.kind, j.queue, j.state, coalesce(j.args->>'multiplication_id', '')::text AS group_id,
          coalesce((j.args->>'tile')::bigint, 0)::bigint AS tile;

-- name: ReturnToLine :many
-- Jobs that were taken back from a lost worker, and whose time has come: they go where they were in line.
UPDATE river_job j SET
    state = 'available', scheduled_at = coalesce((j.metadata->>'place')::timestamptz, now()), metadata = j.metadata - 'place' - 'back_at'
FROM (
    SELECT r.id FROM river_job r
    WHERE r.state = 'retryable' AND r.metadata ? 'back_at' AND (r.metadata->>'back_at')::timestamptz <= now()
      AND r.scheduled_at = (r.metadata->>'back_at')::timestamptz + @net::interval
    FOR UPDATE SKIP LOCKED
) AS due
WHERE j.id = due.id
RETURNING j.queue;

-- name: Reclaim :many
-- Jobs that run in the name of a worker that does not have them, because it never got the response to its fetch.
UPDATE river_job j SET
    state = (CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN 'cancelled' ELSE 'available' END)::river_job_state,
    finalized_at = CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN now() END,
    attempt = greatest(j.attempt - 1, 0)
FROM (
    SELECT r.id FROM river_job r
    WHERE r.state = 'running' AND r.attempted_by[array_upper(r.attempted_by, 1)] = @me::text
      AND r.attempted_at <= now() - @age::interval AND r.id <> ALL(@in_hand::bigint[])
    FOR UPDATE SKIP LOCKED
) AS forgotten
WHERE j.id = forgotten.id
RETURNING j.id, j.kind, j.queue, j.state;

-- name: HandBack :many
-- Jobs that a worker has fetched and does not begin.
UPDATE river_job j SET
    state = (CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN 'cancelled' ELSE 'available' END)::river_job_state,
    finalized_at = CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN now() END,
    attempt = greatest(j.attempt - 1, 0)
WHERE j.id = ANY(@ids::bigint[]) AND j.state = 'running' AND j.attempted_by[array_upper(j.attempted_by, 1)] = @me::text
RETURNING j.queue;

-- name: MarkAlone :exec
-- Says that nothing else runs in the worker of this attempt.
UPDATE river_job SET metadata = metadata || jsonb_build_object('alone', attempted_at)
WHERE id = @id AND state = 'running' AND attempted_at = @attempted_at::timestamptz;

-- name: Forgive :execrows
-- A worker whose lease had run out is back: it has not crashed.
UPDATE river_job SET
    metadata = metadata || jsonb_build_object('crashes', greatest((metadata->>'crashes')::int - 1, 0),
                                              'lost_by', (metadata->'lost_by') - @me::text)
WHERE id = ANY(@ids::bigint[]) AND finalized_at IS NULL AND metadata->'lost_by' ? @me::text;
