-- name: ShareResult :one
-- Writes the result of a new multiplication: that of an earlier one with the same key, whose blocks both share. No row: there is none,
-- or it is being deleted. The lock keeps the row that was found until the end of the transaction, and with it, by the foreign key, the
-- owner of the blocks. The tenant is part of the key; the comparison has a form for which no index is used.
WITH earlier AS MATERIALIZED (
    SELECT c.* FROM multiplications p JOIN matrices c ON c.id = p.c
    WHERE p.reuse_key = @key::bytea AND p.state = 'completed' AND p.tenant_id IS NOT DISTINCT FROM @tenant_id AND p.expires_at > now()
      AND c.state = 'ready'
      AND NOT EXISTS (SELECT 1 FROM matrices o WHERE o.id = coalesce(c.content_id, c.id) AND o.damaged_at IS NOT NULL)
    LIMIT 1
    FOR KEY SHARE OF c SKIP LOCKED
)
INSERT INTO matrices (id, tenant_id, rows, cols, dtype, source, state, block_rows, block_cols, content, digest, content_id, expires_at)
SELECT @id, e.tenant_id, e.rows, e.cols, e.dtype, 'product', 'ready', e.block_rows, e.block_cols, e.content, e.digest,
       CASE WHEN e.block_rows > 0 THEN coalesce(e.content_id, e.id) END, now() + @life::interval
FROM earlier e
RETURNING id;

-- name: CompleteReused :one
-- Transition complete: a new multiplication has the result of an earlier one.
UPDATE multiplications SET
    state = 'completed', tiles_completed = tiles_total, reused = true, started_at = now(), finished_at = clock_timestamp(),
    expires_at = now() + coalesce(retention, @retention::interval)
WHERE id = @id AND state IN ('pending', 'in_progress')
RETURNING *;
