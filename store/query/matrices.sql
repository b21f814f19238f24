-- name: InsertMatrix :one
INSERT INTO matrices (id, rows, cols, dtype, source, state, block_rows, block_cols, seed, content, digest, expires_at)
VALUES (@id, @rows, @cols, @dtype, @source, @state, @block_rows, @block_cols, @seed, @content, @digest,
        now() + @retention::interval)
RETURNING *;

-- name: GetMatrix :one
SELECT * FROM matrices WHERE id = $1;

-- name: FinishUpload :one
UPDATE matrices SET state = 'ready', rows = @rows, digest = @digest, expires_at = now() + @retention::interval
WHERE id = @id AND state = 'uploading'
RETURNING *;

-- name: KeepMatrices :exec
-- Operands live as long as the product that uses them. One that is used again and again is not written each time.
UPDATE matrices SET expires_at = now() + @retention::interval
WHERE id = ANY(@ids::uuid[]) AND expires_at < now() + 0.99 * @retention::interval;

-- name: LockReadyMatrices :many
-- The lock keeps the sweeper from deleting an operand between the look and the reference to it.
SELECT id FROM matrices WHERE id = ANY(@ids::uuid[]) AND state = 'ready' FOR KEY SHARE;

-- name: CompleteProduct :exec
UPDATE matrices SET state = 'ready', content = @content, expires_at = now() + @retention::interval
WHERE id = @id AND state = 'uploading';

-- name: DeleteMatrix :execrows
DELETE FROM matrices WHERE id = $1;

-- name: DeleteExpiredMatrices :many
DELETE FROM matrices WHERE id IN (
    SELECT m.id FROM matrices m
    WHERE m.expires_at < now()
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.a = m.id)
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.b = m.id)
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.c = m.id)
    ORDER BY m.expires_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: MissingMatrices :many
-- Those of the given ids that no row has.
SELECT given.id::uuid FROM unnest(@ids::uuid[]) AS given(id)
WHERE NOT EXISTS (SELECT 1 FROM matrices m WHERE m.id = given.id);
