-- Statements look for each id on its own (LATERAL, OFFSET 0): a table that was empty when Postgres looked last seems cheaper to be
-- read as a whole, however many rows it has by now.

-- name: ListInline :many
-- Those of the given ids that are inline multiplications, without their contents.
SELECT p.id, p.tenant_id, p.job, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32,
       NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at
FROM unnest(@ids::uuid[]) AS g(id) CROSS JOIN LATERAL (SELECT * FROM inline_pending x WHERE x.id = g.id OFFSET 0) AS p
UNION ALL
SELECT c.id, c.tenant_id, c.job, c.priority, c.m, c.k, c.n, c.a_float32, c.b_float32, c.started_at, c.finished_at
FROM unnest(@ids::uuid[]) AS g(id) CROSS JOIN LATERAL (SELECT * FROM inline_completed x WHERE x.id = g.id OFFSET 0) AS c;

-- name: ListInlineContents :many
-- Those of the given ids that are inline multiplications, with their contents.
SELECT p.id, p.tenant_id, p.job, p.priority, p.m, p.k, p.n, p.a_float32, p.b_float32,
       NULL::timestamptz AS started_at, NULL::timestamptz AS finished_at,
       p.checksum, 0::integer AS result_checksum, p.operands, NULL::bytea AS result
FROM unnest(@ids::uuid[]) AS g(id) CROSS JOIN LATERAL (SELECT * FROM inline_pending x WHERE x.id = g.id OFFSET 0) AS p
UNION ALL
SELECT c.id, c.tenant_id, c.job, c.priority, c.m, c.k, c.n, c.a_float32, c.b_float32, c.started_at, c.finished_at,
       c.checksum, c.result_checksum, c.operands, c.result
FROM unnest(@ids::uuid[]) AS g(id) CROSS JOIN LATERAL (SELECT * FROM inline_completed x WHERE x.id = g.id OFFSET 0) AS c;

-- name: LockInline :exec
-- Locks those that wait: one that is being completed is completed afterwards, and seen as that by the next statement.
SELECT id FROM inline_pending WHERE id = ANY(@ids::uuid[]) ORDER BY id FOR UPDATE;

-- name: LockOwnInline :exec
-- LockInline for those of a tenant.
SELECT id FROM inline_pending WHERE id = ANY(@ids::uuid[]) AND tenant_id = @tenant_id ORDER BY id FOR UPDATE;

-- name: PageInlinePending :many
-- One page of the inline multiplications of a tenant that wait, newest first. The order of their ids is that of their times.
SELECT id FROM inline_pending WHERE tenant_id = @tenant_id AND id < @before::uuid AND id >= @since::uuid
ORDER BY id DESC LIMIT @max_rows;

-- name: PageInlineCompleted :many
-- One page of the inline multiplications of a tenant that are completed, newest first. All tenants have a positive number: the index
-- says so, for no other statement to use it.
SELECT id FROM inline_completed WHERE tenant_id = @tenant_id AND tenant_id > 0 AND id < @before::uuid AND id >= @since::uuid
ORDER BY id DESC LIMIT @max_rows;

-- name: DeleteExpiredInline :execrows
-- Transition delete, by the sweep. It walks the primary key: what was submitted later than before has not expired. An array, not IN:
-- Postgres does not know how few the rows are, and would read the whole table for them.
DELETE FROM inline_completed WHERE id = ANY (ARRAY(
    SELECT c.id FROM inline_completed c
    WHERE c.id < @before::uuid AND c.finished_at < now() - @retention::interval
    ORDER BY c.id
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED));

-- name: SaveDigests :exec
-- Writes the digests of several matrices.
UPDATE matrices m SET digest = d.digest
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@digests::bytea[]) AS digest) AS d
WHERE m.id = d.id;
