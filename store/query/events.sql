-- name: ListEvents :many
-- What the log holds of each of several multiplications from a number on: up to max_rows each, in order.
SELECT e.* FROM unnest(@ids::uuid[]) WITH ORDINALITY AS w(id, i)
CROSS JOIN LATERAL (
    SELECT l.* FROM multiplication_events l
    WHERE l.multiplication_id = w.id AND l.seq >= (@since::bigint[])[w.i]
    ORDER BY l.seq
    LIMIT @max_rows) AS e;
