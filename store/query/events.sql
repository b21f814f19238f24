-- name: ListPresent :many
-- The present rows of products, of those that there are.
SELECT * FROM multiplications WHERE id = ANY(@ids::uuid[]);

-- name: ListEvents :many
-- What the log holds of each of several products from the event of a number on: up to max_rows each, in order.
SELECT e.* FROM unnest(@ids::uuid[]) WITH ORDINALITY AS w(id, i)
CROSS JOIN LATERAL (
    SELECT l.* FROM multiplication_events l
    WHERE l.multiplication_id = w.id AND l.seq >= (@since::bigint[])[w.i]
    ORDER BY l.seq
    LIMIT @max_rows) AS e;

-- name: ListContents :many
-- The contents of matrices that live in their rows.
SELECT id, content FROM matrices WHERE id = ANY(@ids::uuid[]);

-- name: Notify :exec
-- Notifications make commits wait for each other, so they are sent in a transaction of their own, which nobody waits for.
SELECT set_config('synchronous_commit', 'off', true), pg_notify(current_schema() || '.' || (@channels::text[])[n.i], n.payload)
FROM unnest(@payloads::text[]) WITH ORDINALITY AS n(payload, i);
