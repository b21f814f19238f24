-- Jobs of a multiplication are looked for in its ranges of ids. OFFSET 0 keeps Postgres from reading all of river_job, which it
-- takes for cheaper when there are several ranges, and IS TRUE from looking for them by their state.

-- name: InsertTiles :one
-- Enqueues a job for each tile of a range of one multiplication, and returns the range of their ids. No process holds them in
-- memory, however many they are. Without a time they are due now. Two rows of tiles are in line side by side, column by column:
-- tiles that are computed at the same time share the columns of B, and those after each other the rows of A. Those that cost something get places in the line: behind
-- the ones before, or where the line is. The first tile of a new multiplication that is short, at most half of a tile of another one of
-- its tenant, changes places with the first of these, if that is near the head of the line: it begins soon, and the tenant gets no
-- more for it. A tile gives way once, and only one that no other transaction has in hand.
WITH wanted AS (
    SELECT array_agg(tile ORDER BY tile / (2 * @tiles_across::bigint), tile % @tiles_across::bigint, tile) AS tiles
    FROM generate_series(@first_tile::bigint, @last_tile::bigint) AS tile
), place AS MATERIALIZED (
    SELECT line_place(greatest(line_now(coalesce(p.priority, @priority::smallint)), p.last), 0) AS after,
           coalesce(p.priority, @priority::smallint) AS priority, p.multiplication_id IS NULL AS new,
           cardinality(w.tiles) * @cost::real AS cost,
           coalesce(nullif(p.step, 0), line_step(@tenant::integer, @priority::smallint, @cost::real, @share::real)) AS step
    FROM wanted w LEFT JOIN line_places p ON p.multiplication_id = sqlc.arg(group_id)::text::uuid
    WHERE @cost::real > 0
), first AS (
    SELECT j.id, j.scheduled_at AS at FROM place p
    CROSS JOIN LATERAL (
        SELECT x.id FROM (SELECT y.id, y.metadata, y.scheduled_at AS place FROM river_job y
                          WHERE y.state = 'available' AND y.queue = @queue::text AND y.priority = p.priority
                            AND y.scheduled_at < line_place(p.after, p.step)
                          ORDER BY y.scheduled_at, y.id LIMIT 100) AS x
        JOIN line_places o ON o.multiplication_id = (x.metadata->>'multiplication_id')::uuid
        WHERE o.tenant_id = @tenant::integer AND NOT x.metadata ? 'gave_way' AND o.cost >= 2 * p.cost
        ORDER BY x.place, x.id LIMIT 1) AS f
    JOIN river_job j ON j.id = f.id AND j.state::text = 'available'
    WHERE p.new
    FOR NO KEY UPDATE OF j SKIP LOCKED
), moved AS (
    UPDATE river_job j SET scheduled_at = line_place(p.after, p.step), metadata = j.metadata || '{"gave_way": true}'
    FROM first f, place p WHERE j.id = f.id
), placed AS (
    INSERT INTO line_places (multiplication_id, tenant_id, priority, share, cost, step, last)
    SELECT sqlc.arg(group_id)::text::uuid, @tenant::integer, p.priority, @share::real, @cost::real, p.step,
           CASE WHEN cardinality(w.tiles) = 1 AND f.at IS NOT NULL THEN f.at ELSE line_place(p.after, p.step * cardinality(w.tiles)) END
    FROM wanted w CROSS JOIN place p LEFT JOIN first f ON true
    ON CONFLICT (multiplication_id) DO UPDATE SET last = excluded.last
), inserted AS (
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    SELECT @kind::text, jsonb_build_object('multiplication_id', sqlc.arg(group_id)::text, 'tile', t.tile), @max_attempts::smallint,
           CASE WHEN p.step IS NULL THEN @metadata::jsonb ELSE @metadata::jsonb || jsonb_build_object(
               'due_at', coalesce(sqlc.narg(queued_at)::timestamptz, now())) END,
           coalesce(p.priority, @priority::smallint), @queue::text,
           CASE WHEN p.step IS NULL THEN coalesce(sqlc.narg(queued_at)::timestamptz, now())
                WHEN t.n = 1 AND f.at IS NOT NULL THEN f.at
                ELSE line_place(p.after, p.step * t.n) END,
           'available'::river_job_state, ARRAY[sqlc.arg(group_id)::text]
    FROM (SELECT unnest(tiles) AS tile, generate_series(1, cardinality(tiles)) AS n FROM wanted) AS t
    LEFT JOIN place p ON true LEFT JOIN first f ON true
    ORDER BY t.n
    RETURNING id
)
SELECT min(id)::bigint AS first_job, max(id)::bigint AS last_job FROM inserted;

-- name: ListProgress :many
-- What the jobs of each of several groups tell. A job that crashed its worker was started, too, although a crash is no failed
-- attempt.
SELECT p.id AS group_id, t.running, t.retrying, t.discarded, t.failures, t.attempts, t.next_attempt
FROM multiplications p
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE j.state = 'running')::bigint                            AS running,
           count(*) FILTER (WHERE j.errors IS NOT NULL AND j.finalized_at IS NULL
                              AND j.state <> 'running')::bigint                           AS retrying,
           count(*) FILTER (WHERE j.state = 'discarded')::bigint                          AS discarded,
           count(*) FILTER (WHERE j.errors IS NOT NULL)::bigint                           AS failures,
           coalesce(sum(j.attempt + coalesce((j.metadata->>'crashes')::int, 0)), 0)::bigint AS attempts,
           coalesce(min(j.scheduled_at) FILTER (WHERE j.state IN ('retryable', 'scheduled')), 'epoch')::timestamptz AS next_attempt
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

-- name: ListStopped :many
-- The tiles of active multiplications that were stopped lately: discarded, or cancelled, without being counted. It walks the newest
-- entries of River's index on state and finalized_at. Those that were discarded for their crashes are quarantined.
SELECT j.id, p.id AS group_id, coalesce((j.args->>'tile')::bigint, 0)::bigint AS tile,
       (CASE WHEN j.state = 'discarded' AND (j.metadata->>'crashes')::int >= @max_crashes::int THEN 'quarantined'
             ELSE j.state::text END)::text AS state,
       coalesce((j.errors[array_upper(j.errors, 1)]->>sqlc.arg(attempt_key)::text)::int, j.attempt)::int AS attempt,
       coalesce(j.errors[array_upper(j.errors, 1)]->>sqlc.arg(message_key)::text, '')::text AS message
FROM river_job j
JOIN multiplications p ON p.id = (j.args->>'multiplication_id')::uuid AND j.id BETWEEN p.first_job AND p.last_job
WHERE j.state IN ('cancelled', 'discarded') AND j.finalized_at > now() - @since::interval AND NOT j.metadata ? 'counted'
  AND p.state IN ('pending', 'in_progress')
LIMIT @max_rows;

-- name: ListUnsettled :many
-- The true join of both tables: multiplications that are active although none of their jobs is still to be worked. Each is one walk
-- along the primary key, from its last job: a join of all would read each job there is. One whose enqueued tiles are all counted
-- waits for its next batch.
SELECT p.id, p.first_job, p.last_job FROM multiplications p
LEFT JOIN LATERAL (
    SELECT j.id FROM (SELECT r.first_job, r.last_job FROM job_ranges r
                      WHERE r.multiplication_id = p.id ORDER BY r.first_job DESC) AS range
    CROSS JOIN LATERAL (SELECT x.id FROM river_job x
                        WHERE x.id BETWEEN range.first_job AND range.last_job
                          AND x.args->>'multiplication_id' = p.id::text
                          AND x.finalized_at IS NULL
                        ORDER BY x.id DESC
                        LIMIT 1) AS j
    LIMIT 1
) AS unfinished ON true
WHERE p.state IN ('pending', 'in_progress') AND unfinished.id IS NULL
  AND (p.tiles_unqueued = 0 OR p.tiles_completed < p.tiles_total - p.tiles_unqueued)
LIMIT @max_rows;

-- name: IsStopped :one
-- Whether a job will not be worked any more, although it was not completed.
SELECT EXISTS (SELECT FROM river_job WHERE id = @id AND state IN ('cancelled', 'discarded'));

-- name: LockAttempts :many
-- The present attempts at several jobs, which are locked in the order of their ids, and whether they were told to stop.
SELECT id, coalesce(attempted_at, 'epoch')::timestamptz AS attempted_at, (metadata ? @cancel_mark::text)::boolean AS told_to_stop
FROM river_job
WHERE id = ANY(@ids::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: LockAttempt :many
-- The job if it is in this attempt, which does not change until the end of the transaction.
SELECT id FROM river_job
WHERE id = @id AND state = 'running' AND attempted_at = @attempted_at::timestamptz FOR NO KEY UPDATE;

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

-- name: HasUncounted :one
-- Whether a group has jobs of a range of tiles that are not counted.
SELECT EXISTS (SELECT FROM job_ranges r CROSS JOIN LATERAL (
    SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
) AS j
WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
  AND (j.args->>'tile')::bigint BETWEEN @first_tile::bigint AND @last_tile::bigint AND NOT j.metadata ? 'counted');

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
-- The stopped jobs of a group run again, with a full set of attempts; the newest errors stay. Attempts begin anew before their
-- number no longer fits into the column.
UPDATE river_job SET
    state = 'available', scheduled_at = now(), finalized_at = NULL,
    attempt      = CASE WHEN attempt < @max_attempts::smallint THEN attempt ELSE 0 END,
    max_attempts = CASE WHEN attempt < @max_attempts::smallint THEN attempt ELSE 0 END + @more_attempts::smallint,
    errors       = errors[greatest(1, array_upper(errors, 1) + 1 - @max_errors::int):],
    metadata = metadata - sqlc.arg(cancel_mark)::text - 'crashes' - 'lost_by'
WHERE id = ANY (ARRAY(
    SELECT j.id FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
      AND j.state IN ('cancelled', 'discarded')
))
  AND (state IN ('cancelled', 'discarded')) IS TRUE;

-- name: InsertMissingTiles :one
-- Enqueues the tiles of a group, up to a last one, that have no job, in the same order. It returns the range of their ids, which is empty
-- when there are none, and how many tiles have a job that is counted.
WITH present AS MATERIALIZED (
    SELECT (j.args->>'tile')::bigint AS tile, bool_or(j.metadata ? 'counted') AS counted, max(j.priority) AS priority
    FROM job_ranges r CROSS JOIN LATERAL (
        SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
    ) AS j
    WHERE r.multiplication_id = sqlc.arg(group_id)::text::uuid AND j.args->>'multiplication_id' = sqlc.arg(group_id)::text
    GROUP BY 1
), inserted AS (
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    SELECT @kind::text, jsonb_build_object('multiplication_id', sqlc.arg(group_id)::text, 'tile', missing.tile),
           @max_attempts::smallint, @metadata::jsonb,
           coalesce((SELECT max(priority) FROM present), @priority::smallint), @queue::text,
           coalesce(sqlc.narg(queued_at)::timestamptz, now()),
           'available'::river_job_state, ARRAY[sqlc.arg(group_id)::text]
    FROM (SELECT tile FROM generate_series(0, @last_tile::bigint) AS tile EXCEPT SELECT tile FROM present) AS missing
    ORDER BY missing.tile / (2 * @tiles_across::bigint), missing.tile % @tiles_across::bigint, missing.tile
    RETURNING id
)
SELECT coalesce(min(id), 0)::bigint AS first_job, coalesce(max(id), -1)::bigint AS last_job,
       (SELECT count(*) FROM present WHERE counted)::bigint AS counted
FROM inserted;

-- name: Promote :many
-- Jobs whose pause has ended become available, with the place in line that trigger keep_place has kept. River's leader does so
-- every five seconds.
WITH due AS (
    SELECT id FROM river_job
    WHERE state IN ('retryable', 'scheduled') AND queue = ANY(@queues::text[]) AND scheduled_at <= now()
    ORDER BY id
    LIMIT @max_rows
    FOR NO KEY UPDATE SKIP LOCKED
), promoted AS (
    UPDATE river_job j SET state = 'available' FROM due WHERE j.id = due.id RETURNING j.queue
)
SELECT DISTINCT queue FROM promoted;

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
-- Takes the running jobs of lost workers back, if this process still has a lease and they have none, or, with a key, if their
-- session has ended. A crash is not an attempt: it is counted apart. From the second crash on only one that happened while the job
-- was alone in its worker counts, and at the last one that counts the job is discarded, when the lease of its worker ran out long
-- ago. Others leave the line for a while, so that the jobs of one worker do not come together again, and keep their place in it:
-- trigger keep_place does so, and Promote returns them. After the end of a session a first crash costs no pause; and what was
-- fetched after the end was seen shows that the worker lives.
UPDATE river_job j SET
    state = (CASE WHEN lost.cancelled THEN 'cancelled' WHEN lost.crashes >= @max_crashes::int THEN 'discarded'
                  WHEN lost.pauses = 0 THEN 'available' ELSE 'retryable' END)::river_job_state,
    finalized_at = CASE WHEN lost.cancelled OR lost.crashes >= @max_crashes::int THEN now() END,
    scheduled_at = CASE WHEN lost.cancelled OR lost.crashes >= @max_crashes::int OR lost.pauses = 0 THEN j.scheduled_at
                        ELSE now() + random() * lost.pauses * @lease::interval END,
    attempt      = greatest(j.attempt - 1, 0),
    metadata     = j.metadata || jsonb_build_object(
        'crashes', lost.crashes,
        'lost_by', CASE WHEN lost.crashes > lost.before THEN coalesce(j.metadata->'lost_by', '[]') || to_jsonb(lost.worker)
                        ELSE coalesce(j.metadata->'lost_by', '[]') END),
    errors       = array_append(j.errors, jsonb_build_object(
        sqlc.arg(at_key)::text, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        sqlc.arg(attempt_key)::text, j.attempt,
        sqlc.arg(message_key)::text, format('the worker %s while it ran this job (crash %s of at most %s)',
                        CASE WHEN lost.ended THEN 'ended' ELSE 'stopped renewing its lease' END, lost.crashes, @max_crashes::int),
        sqlc.arg(trace_key)::text, ''))
FROM (
    SELECT r.id, l.worker, n.before, n.cancelled, c.crashes, l.key <> 0 AS ended,
           CASE WHEN c.crashes >= 2 THEN CASE WHEN l.key = 0 THEN 3 ELSE 0.5 END
                WHEN l.key = 0 THEN 0.5 ELSE 0 END AS pauses
    FROM (SELECT unnest(@lost_workers::text[]) AS worker, unnest(@session_keys::integer[]) AS key,
                 unnest(@seen_at::timestamptz[]) AS seen_at) AS l
    JOIN river_job r ON r.state = 'running' AND r.attempted_by[array_upper(r.attempted_by, 1)] = l.worker
    CROSS JOIN LATERAL (
        SELECT coalesce((r.metadata->>'crashes')::int, 0) AS before,
               coalesce((r.metadata->>'alone')::timestamptz = r.attempted_at, false) AS alone,
               r.metadata ? sqlc.arg(cancel_mark)::text AS cancelled
    ) AS n
    CROSS JOIN LATERAL (
        SELECT CASE WHEN n.alone OR n.before + 1 < @max_crashes::int THEN n.before + 1 ELSE n.before END AS crashes
    ) AS c
    WHERE EXISTS (SELECT FROM workers me WHERE me.id = @me AND me.expires_at > now())
      AND CASE WHEN l.key = 0 THEN
              NOT EXISTS (SELECT FROM workers w
                          WHERE w.id = l.worker
                            AND coalesce(w.expires_at + CASE WHEN c.crashes >= @max_crashes::int AND NOT n.cancelled
                                                             THEN @gone_after::int ELSE 0 END * (w.expires_at - w.renewed_at),
                                         w.renewed_at + @lease::interval) > now())
          ELSE
              r.attempted_at < l.seen_at AND (n.cancelled OR c.crashes < @max_crashes::int)
              AND EXISTS (SELECT FROM workers w WHERE w.id = l.worker AND w.session_key = l.key
                            AND pg_try_advisory_xact_lock_shared(@class::integer, w.session_key))
          END
    FOR UPDATE OF r SKIP LOCKED
) AS lost
WHERE j.id = lost.id
RETURNING j.id, j.kind, j.queue, j.state, coalesce(j.args->>'multiplication_id', '')::text AS group_id,
          coalesce((j.args->>'tile')::bigint, 0)::bigint AS tile,
          coalesce((j.args->>'first')::uuid, '00000000-0000-0000-0000-000000000000')::uuid AS first,
          coalesce((j.args->>'last')::uuid, '00000000-0000-0000-0000-000000000000')::uuid AS last,
          lost.worker::text AS worker;

-- name: ListTaken :many
-- Attempts of a process at jobs that were taken from it or told to stop. One that has completed its job is about to end.
SELECT a.id::bigint AS id
FROM (SELECT unnest(@ids::bigint[]) AS id, unnest(@attempted_at::timestamptz[]) AS at) AS a LEFT JOIN river_job j ON j.id = a.id
WHERE (j.attempted_at = a.at AND (j.state = 'running' AND NOT j.metadata ? sqlc.arg(cancel_mark)::text OR j.state = 'completed'))
    IS NOT TRUE;

-- name: Reclaim :many
-- Jobs that run in the name of a worker that does not have them, because it never got the response to its fetch. They were fetched
-- some time before a moment at which the worker knew what it has: this statement may arrive late, and what was fetched since then
-- may be in the worker's hands.
UPDATE river_job j SET
    state = (CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN 'cancelled' ELSE 'available' END)::river_job_state,
    finalized_at = CASE WHEN j.metadata ? sqlc.arg(cancel_mark)::text THEN now() END,
    attempt = greatest(j.attempt - 1, 0)
FROM (
    SELECT r.id FROM river_job r
    WHERE r.state = 'running' AND r.attempted_by[array_upper(r.attempted_by, 1)] = @me::text
      AND r.attempted_at <= coalesce(sqlc.narg(known_at)::timestamptz, now()) - @age::interval
      AND r.id <> ALL(@in_hand::bigint[])
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

-- name: ListCells :many
-- What the jobs of a group tell of the cells of its result, which has tiles_down × tiles_across tiles, each of so many pieces. A cell of
-- which they tell nothing is not listed: its jobs wait, or it has none yet.
SELECT ((j.args->>'tile')::bigint / (sqlc.arg(pieces)::bigint * sqlc.arg(tiles_across)::bigint) * sqlc.arg(cell_rows)::bigint / sqlc.arg(tiles_down)::bigint)::bigint AS cell_row,
       ((j.args->>'tile')::bigint / sqlc.arg(pieces)::bigint % sqlc.arg(tiles_across)::bigint * sqlc.arg(cell_cols)::bigint / sqlc.arg(tiles_across)::bigint)::bigint AS cell_col,
       count(*) FILTER (WHERE j.state = 'completed' OR j.metadata ? 'counted')::bigint AS completed,
       bool_or(j.state = 'running')::boolean AS running,
       bool_or(j.errors IS NOT NULL AND j.finalized_at IS NULL AND j.state <> 'running')::boolean AS retrying,
       bool_or(j.state = 'discarded')::boolean AS discarded
FROM job_ranges r CROSS JOIN LATERAL (
    SELECT * FROM river_job x WHERE x.id BETWEEN r.first_job AND r.last_job OFFSET 0
) AS j
WHERE r.multiplication_id = @group_id AND j.args->>'multiplication_id' = r.multiplication_id::text
  AND (j.state <> 'available' OR j.errors IS NOT NULL) IS TRUE
GROUP BY 1, 2;
