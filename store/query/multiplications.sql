-- name: InsertMultiplication :one
INSERT INTO multiplications (id, a, b, c, priority, state, m, k, n, dtype, tile_rows, tile_cols, tiles_total,
                             first_job, last_job, started_at, finished_at, expires_at)
VALUES (@id, @a, @b, @c, @priority, @state, @m, @k, @n, @dtype, @tile_rows, @tile_cols, @tiles_total,
        @first_job, @last_job, @started_at, @finished_at, now() + @retention::interval)
RETURNING *;

-- name: ListStatuses :many
-- Products with the shapes of their operands and what River holds about their tiles. A tile that crashed its worker was
-- started, too, although a crash is no failed attempt.
SELECT sqlc.embed(p), a.rows AS a_rows, a.cols AS a_cols, a.dtype AS a_dtype, b.rows AS b_rows, b.cols AS b_cols, b.dtype AS b_dtype,
       t.running, t.retrying, t.discarded, t.failures, t.attempts
FROM multiplications p JOIN matrices a ON a.id = p.a JOIN matrices b ON b.id = p.b
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

-- name: ListMultiplications :many
-- One page, the newest first: of each state its newest, and of those the newest. Each state is one walk along the index.
SELECT page.id, page.created_at
FROM unnest(@states::text[]) AS wanted(state)
CROSS JOIN LATERAL (
    SELECT p.id, p.created_at FROM multiplications p
    WHERE p.state = wanted.state
      AND (p.created_at, p.id) < (@before::timestamptz, @before_id::uuid) AND p.created_at >= @since::timestamptz
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT @max_rows
) AS page
ORDER BY page.created_at DESC, page.id DESC
LIMIT @max_rows;

-- name: ListMultiplicationsOf :many
-- One page of the products that a matrix is part of.
SELECT p.id, p.created_at
FROM multiplications p
WHERE p.id IN (SELECT x.id FROM multiplications x WHERE x.a = @matrix_id UNION ALL
               SELECT x.id FROM multiplications x WHERE x.b = @matrix_id UNION ALL
               SELECT x.id FROM multiplications x WHERE x.c = @matrix_id)
  AND p.state = ANY(@states::text[])
  AND (p.created_at, p.id) < (@before::timestamptz, @before_id::uuid) AND p.created_at >= @since::timestamptz
ORDER BY p.created_at DESC, p.id DESC
LIMIT @max_rows;

-- name: GetProduct :one
-- The product with its three matrices, as a tile needs them.
SELECT sqlc.embed(p), sqlc.embed(a), sqlc.embed(b), sqlc.embed(c)
FROM multiplications p
JOIN matrices a ON a.id = p.a JOIN matrices b ON b.id = p.b JOIN matrices c ON c.id = p.c
WHERE p.id = $1;

-- name: StartMultiplication :execrows
UPDATE multiplications SET state = 'in_progress', started_at = now() WHERE id = $1 AND state = 'pending';

-- name: CountTile :one
-- One more tile is done; the last one completes the product. No row: the product has ended already.
UPDATE multiplications SET
    tiles_completed = tiles_completed + 1,
    state           = CASE WHEN tiles_completed + 1 = tiles_total THEN 'completed' ELSE 'in_progress' END,
    started_at      = coalesce(started_at, @started_at),
    finished_at     = CASE WHEN tiles_completed + 1 = tiles_total THEN now() END,
    expires_at      = now() + @retention::interval
WHERE id = @id AND state IN ('pending', 'in_progress')
RETURNING state, c;

-- name: EndMultiplication :execrows
-- Ends a product that is not finished, as failed or cancelled.
UPDATE multiplications SET
    state = @state, failure = @failure, finished_at = now(), expires_at = now() + @retention::interval
WHERE id = @id AND state IN ('pending', 'in_progress');

-- name: LockMultiplication :one
SELECT * FROM multiplications WHERE id = $1 FOR UPDATE;

-- name: ListUnsettled :many
-- Products that are not finished although none of their jobs is still to be worked.
SELECT p.id FROM multiplications p
WHERE p.state IN ('pending', 'in_progress')
  AND NOT EXISTS (SELECT 1 FROM river_job j
                  WHERE j.id BETWEEN p.first_job AND p.last_job
                    AND j.args->>'multiplication_id' = p.id::text
                    AND j.finalized_at IS NULL)
LIMIT @max_rows;

-- name: DeleteExpiredMultiplications :execrows
DELETE FROM multiplications WHERE id IN (
    SELECT p.id FROM multiplications p
    WHERE p.expires_at < now() AND p.state NOT IN ('pending', 'in_progress')
    ORDER BY p.expires_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED);

-- name: ReopenMultiplication :exec
-- Takes back a failure or a cancellation; what was completed stays completed.
UPDATE multiplications SET
    state       = CASE WHEN started_at IS NULL THEN 'pending' ELSE 'in_progress' END,
    failure     = NULL,
    finished_at = NULL,
    expires_at  = now() + @retention::interval
WHERE id = @id AND state IN ('failed', 'cancelled');

-- name: DeleteMultiplication :execrows
DELETE FROM multiplications WHERE id = $1;

-- name: MatrixUsers :many
-- The products that a matrix is part of.
SELECT id FROM multiplications WHERE a = @id OR b = @id OR c = @id ORDER BY id LIMIT @max_rows;
