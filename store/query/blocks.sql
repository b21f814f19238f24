-- name: InsertBlock :exec
-- The first writer wins: blocks never change once they are written. It does not wait for the disk: SyncBlocks does, once for
-- many blocks. The setting holds until the end of this statement.
INSERT INTO blocks (matrix_id, index, data, checksums)
SELECT @matrix_id::uuid, @index::bigint, @data::bytea, @checksums::bytea
WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: SyncBlocks :one
-- Returns how many of some blocks are there, and waits for the disk: as the log is written in order, these survive a crash then.
-- It writes an empty message to the log, since a transaction that writes nothing does not wait.
SELECT count(*), pg_logical_emit_message(true, 'millrace', '')::text AS position
FROM blocks WHERE matrix_id = @matrix_id AND index = ANY(@indexes::bigint[]);

-- name: DeleteSomeBlocks :execrows
-- Deletes a few of a range of the blocks of a matrix, so that no statement takes long.
DELETE FROM blocks d WHERE d.matrix_id = @matrix_id AND d.index IN (
    SELECT b.index FROM blocks b WHERE b.matrix_id = @matrix_id AND b.index BETWEEN @first AND @last ORDER BY b.index LIMIT @max_rows);

-- name: CountBlocks :one
SELECT count(*) FROM blocks WHERE matrix_id = $1;

-- name: ListBlockOwners :many
-- The next matrices, in order of id, that have blocks: a loose index scan, one probe of the index per matrix.
WITH RECURSIVE owners AS (
    (SELECT b.matrix_id FROM blocks b WHERE b.matrix_id > @after ORDER BY b.matrix_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.matrix_id FROM blocks b WHERE b.matrix_id > o.matrix_id ORDER BY b.matrix_id LIMIT 1)
    FROM owners o WHERE o.matrix_id IS NOT NULL
)
SELECT matrix_id::uuid FROM owners WHERE matrix_id IS NOT NULL LIMIT @max_rows;
