-- name: InsertMultiplication :one
INSERT INTO multiplications (id, tenant_id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols, tile_depth, tiles_total,
                             tiles_unqueued, batched, first_job, last_job, started_at, finished_at, output, reuse_key, expires_at)
VALUES (@id, @tenant_id, @a, @b, @c, @priority, @state, @m, @k, @n, @dtype, @tile_rows, @tile_cols, @tile_depth, @tiles_total,
        @tiles_unqueued, @batched, @first_job, @last_job, @started_at, @finished_at, @output,
        @reuse_key, now() + @retention::interval)
RETURNING *;

-- name: ListMultiplications :many
-- The rows of those of the given multiplications that exist.
SELECT * FROM multiplications WHERE id = ANY(@ids::uuid[]);

-- name: ListMultiplicationDetails :many
-- Multiplications with the types of their operands.
SELECT sqlc.embed(p), a.dtype AS a_dtype, b.dtype AS b_dtype
FROM multiplications p JOIN matrices a ON a.id = p.a JOIN matrices b ON b.id = p.b
WHERE p.id = ANY(@ids::uuid[]);

-- name: PageByState :many
-- One page of those of a tenant, newest first: the newest of each state, and the newest of those. Each state is one walk along the
-- index multiplications_tenant_newest.
SELECT page.id, page.created_at
FROM unnest(@states::text[]) AS wanted(state)
CROSS JOIN LATERAL (
    SELECT p.id, p.created_at FROM multiplications p
    WHERE p.tenant_id = @tenant_id AND p.state = wanted.state
      AND (p.created_at, p.id) < (@before::timestamptz, @before_id::uuid) AND p.created_at >= @since::timestamptz
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT @max_rows
) AS page
ORDER BY page.created_at DESC, page.id DESC
LIMIT @max_rows;

-- name: PageByMatrix :many
-- One page of the multiplications of a tenant that a matrix is part of.
SELECT p.id, p.created_at
FROM multiplications p
WHERE p.id IN (SELECT x.id FROM multiplications x WHERE x.a = @matrix_id UNION ALL
               SELECT x.id FROM multiplications x WHERE x.b = @matrix_id UNION ALL
               SELECT x.id FROM multiplications x WHERE x.c = @matrix_id)
  AND p.tenant_id = @tenant_id AND p.state = ANY(@states::text[])
  AND (p.created_at, p.id) < (@before::timestamptz, @before_id::uuid) AND p.created_at >= @since::timestamptz
ORDER BY p.created_at DESC, p.id DESC
LIMIT @max_rows;

-- name: GetMultiplicationWithMatrices :one
-- A multiplication with its three matrices, as a tile needs them.
SELECT sqlc.embed(p), sqlc.embed(a), sqlc.embed(b), sqlc.embed(c)
FROM multiplications p
JOIN matrices a ON a.id = p.a JOIN matrices b ON b.id = p.b JOIN matrices c ON c.id = p.c
WHERE p.id = $1;

-- name: LockMultiplication :one
SELECT * FROM multiplications WHERE id = $1 FOR UPDATE;

-- name: LockOwnMultiplication :one
SELECT * FROM multiplications WHERE id = @id AND tenant_id = @tenant_id FOR UPDATE;

-- name: StartMultiplication :execrows
-- Transition start.
UPDATE multiplications SET state = 'in_progress', started_at = now() WHERE id = $1 AND state = 'pending';

-- name: CountTile :one
-- Transitions advance and complete: one more tile is done; the last one completes the multiplication. No row: it has finished.
-- It changes no indexed column but with the first and the last tile, so that the others write no index: expires_at counts only
-- when the multiplication has finished.
UPDATE multiplications SET
    tiles_completed = tiles_completed + 1,
    state           = CASE WHEN tiles_completed + 1 = tiles_total THEN 'completed' ELSE 'in_progress' END,
    started_at      = coalesce(started_at, @started_at),
    finished_at     = CASE WHEN tiles_completed + 1 = tiles_total THEN clock_timestamp() END,
    expires_at      = CASE WHEN tiles_completed + 1 = tiles_total THEN now() + coalesce(retention, @retention::interval) ELSE expires_at END
WHERE id = @id AND state IN ('pending', 'in_progress')
RETURNING *;

-- name: EndMultiplication :execrows
-- Transitions fail and cancel.
UPDATE multiplications SET
    state = @state, failure = @failure, finished_at = clock_timestamp(),
    expires_at = now() + coalesce(retention, @retention::interval)
WHERE id = @id AND state IN ('pending', 'in_progress') AND @state::text IN ('failed', 'cancelled');

-- name: ReopenMultiplication :execrows
-- Transition retry; the tiles that were completed stay completed.
UPDATE multiplications SET
    state       = CASE WHEN started_at IS NULL THEN 'pending' ELSE 'in_progress' END,
    failure     = NULL,
    finished_at = NULL,
    expires_at  = now() + coalesce(retention, @retention::interval)
WHERE id = @id AND state IN ('failed', 'cancelled');

-- name: AddJobBatch :one
-- No transition: the next tiles of a multiplication have got jobs.
WITH batch AS (
    INSERT INTO job_batches (multiplication_id, first_job, last_job) VALUES (@id, @first_job, @last_job)
)
UPDATE multiplications SET
    tiles_unqueued = tiles_unqueued - @tiles::bigint,
    first_job      = CASE WHEN last_job < first_job THEN @first_job ELSE least(first_job, @first_job) END,
    last_job       = greatest(last_job, @last_job)
WHERE id = @id
RETURNING *;

-- name: ListStarved :many
-- Active multiplications whose next batch of jobs should have been enqueued: few of the enqueued tiles are left. The last job of one
-- with an output is due when all others are done.
SELECT id FROM multiplications
WHERE tiles_unqueued > 0 AND state IN ('pending', 'in_progress')
  AND (output IS NULL OR tiles_unqueued > 1 OR tiles_completed = tiles_total - 1)
  AND tiles_total - tiles_unqueued - tiles_completed <= @few::bigint
LIMIT @max_rows;

-- name: AllKnow :one
-- Whether each process understands what came with a schema version.
SELECT (NOT EXISTS (SELECT 1 FROM workers w WHERE w.schema_version < @since::smallint))::boolean;

-- name: LockReservations :exec
-- Submissions that reserve space in the block store go one after the other, so that each sees the reservations before it.
SELECT pg_advisory_xact_lock(@key);

-- name: SumReserved :one
-- The bytes that unfinished multiplications will still write to the block store. Parts are deleted when they are added up: those
-- of pieces_ahead tiles are there at the same time at most.
SELECT coalesce(sum(CASE dtype WHEN 'float64' THEN 8 ELSE 4 END
                    * (m::float8 * n * (tiles_total - tiles_completed) / tiles_total
                       + CASE WHEN tile_depth > 0
                              THEN least(m::float8 * n * ceil(k::float8 / tile_depth) * (tiles_total - tiles_completed) / tiles_total,
                                         least(tile_rows, m)::float8 * least(tile_cols, n) * @pieces_ahead::bigint)
                              ELSE 0 END)), 0)::float8
FROM multiplications
WHERE (m * n > 8192 OR tile_depth > 0) AND state IN ('pending', 'in_progress') AND id <> @except_id;

-- name: RestoreTiles :exec
-- No transition: tiles whose jobs were deleted have got new ones, and only those whose jobs are there are counted.
WITH batch AS (
    INSERT INTO job_batches (multiplication_id, first_job, last_job)
    SELECT x.id, @first_job, @last_job FROM multiplications x WHERE x.id = @id AND x.batched
)
UPDATE multiplications p SET
    tiles_completed = @tiles_completed, first_job = least(p.first_job, @first_job), last_job = greatest(p.last_job, @last_job)
WHERE p.id = @id;

-- name: DeleteMultiplication :execrows
-- Transition delete.
DELETE FROM multiplications WHERE id = $1 AND state IN ('completed', 'failed', 'cancelled');

-- name: DeleteExpiredMultiplications :execrows
-- Transition delete, by the sweep.
DELETE FROM multiplications WHERE id IN (
    SELECT p.id FROM multiplications p
    WHERE p.expires_at < now() AND p.state IN ('completed', 'failed', 'cancelled')
    ORDER BY p.expires_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED);

-- name: ListUsersOfMatrix :many
-- The multiplications that a matrix is part of.
SELECT id FROM multiplications WHERE a = @id OR b = @id OR c = @id ORDER BY id LIMIT @max_rows;

-- name: CountActiveMultiplications :many
-- Counts the active multiplications of each tenant: there may be millions that have finished. Of inline ones at most max_inline are
-- counted.
SELECT tenant_id, (count(*) FILTER (WHERE state = 'pending'))::bigint AS pending,
       (count(*) FILTER (WHERE state = 'in_progress'))::bigint AS in_progress
FROM (SELECT tenant_id, state FROM multiplications WHERE state IN ('pending', 'in_progress')
      UNION ALL
      (SELECT tenant_id, 'pending' FROM inline_pending LIMIT @max_inline::int)) AS x
GROUP BY tenant_id;

-- name: ListTileCosts :many
-- The floating-point operations of one tile of each of several multiplications, in the mean.
SELECT id, (2::float8 * m * k * n / tiles_total)::float8 AS flops
FROM multiplications WHERE id = ANY(@ids::uuid[]) AND tiles_total > 0;
