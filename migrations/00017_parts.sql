-- +goose Up
-- Tiles of a multiplication whose inner dimension is long are sums of parts. For rows of binaries of the version before this one the
-- default says the truth: their tiles have no parts. They work on no tile that has: none is accepted while such a process runs.
ALTER TABLE multiplications ADD COLUMN tile_depth bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN multiplications.tile_depth IS
    'Columns of A and rows of B in one part of a tile; the last part may have fewer. 0: tiles have no parts. If they have, tiles_total '
    'counts the parts of all tiles and a sum of parts for each.';

-- Parts are in the block store, however small the result is. The version before reads its own, narrower condition by this index, too.
DROP INDEX multiplications_growing;
CREATE INDEX multiplications_growing ON multiplications (id)
    WHERE (m * n > 8192 OR tile_depth > 0) AND state IN ('pending', 'in_progress');

-- +goose Down
-- The version before knows no parts. What is unfinished begins anew when it is retried, in tiles without parts: so a retry makes the
-- jobs, and it is for a person to decide, since such a tile may take very long.
DELETE FROM river_job j USING multiplications p
WHERE p.tile_depth > 0 AND p.state <> 'completed' AND j.kind = 'multiply_tile'
  AND j.id BETWEEN p.first_job AND p.last_job AND j.args->>'multiplication_id' = p.id::text;
DELETE FROM job_batches b USING multiplications p
WHERE p.tile_depth > 0 AND p.state <> 'completed' AND b.multiplication_id = p.id;
UPDATE multiplications SET
    state           = CASE WHEN state IN ('pending', 'in_progress') THEN 'failed' ELSE state END,
    failure         = CASE WHEN state IN ('pending', 'in_progress')
                           THEN 'the service went back to a version that does not divide long inner dimensions; retry it if it is to be computed anyway'
                           ELSE failure END,
    finished_at     = coalesce(finished_at, now()),
    tiles_total     = ceil(m::numeric / tile_rows) * ceil(n::numeric / tile_cols),
    tiles_completed = 0,
    tiles_unqueued  = 0,
    batched         = false,
    first_job       = 0,
    last_job        = -1
WHERE tile_depth > 0 AND state <> 'completed';
DROP INDEX multiplications_growing;
CREATE INDEX multiplications_growing ON multiplications (id) WHERE m * n > 8192 AND state IN ('pending', 'in_progress');
ALTER TABLE multiplications DROP COLUMN tile_depth;
