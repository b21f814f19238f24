-- name: ListLimits :many
-- The tenants that have limits of their own.
SELECT id, max_stored_bytes, max_queued_seconds, max_requests FROM tenants
WHERE max_stored_bytes IS NOT NULL OR max_queued_seconds IS NOT NULL OR max_requests IS NOT NULL;

-- name: LockQuota :exec
-- Transactions that reserve something of a tenant's quota go one after the other, so that each sees the reservations before it.
SELECT pg_advisory_xact_lock(@class::integer, @tenant_id::integer);

-- name: SumStored :one
-- The bytes of a tenant's matrices: what a sweep has counted, and what came since. Random ones and objects in buckets take none, and those whose upload
-- does not know its rows yet are counted when it does.
SELECT (t.counted_bytes + coalesce((
    SELECT sum(m.rows::float8 * m.cols * CASE m.dtype WHEN 'float64' THEN 8 ELSE 4 END) FROM matrices m
    WHERE m.id >= t.counted_before AND m.tenant_id = t.id AND m.source NOT IN ('random', 's3')), 0))::float8 AS bytes
FROM tenants t WHERE t.id = @id;

-- name: SumQueued :one
-- What the unfinished multiplications of a tenant will take, but for inline ones.
SELECT coalesce(sum(2::float8 * m * k * n * (tiles_total - tiles_completed) / tiles_total), 0)::float8 AS flops,
       coalesce(sum(tiles_total - tiles_completed), 0)::bigint AS tiles
FROM multiplications WHERE tenant_id = @tenant_id AND state IN ('pending', 'in_progress') AND tiles_total > 0;

-- name: SumQueuedOfAll :many
-- What SumQueued tells, of each tenant that has something unfinished.
SELECT tenant_id, sum(2::float8 * m * k * n * (tiles_total - tiles_completed) / tiles_total)::float8 AS flops,
       sum(tiles_total - tiles_completed)::bigint AS tiles
FROM multiplications WHERE state IN ('pending', 'in_progress') AND tiles_total > 0
GROUP BY tenant_id;

-- name: SumQueuedInline :many
-- What the inline multiplications of each tenant will take that wait, of at most max_rows of them.
SELECT x.tenant_id, sum(2::float8 * x.m * x.k * x.n)::float8 AS flops, count(*)::bigint AS multiplications
FROM (SELECT p.tenant_id, p.m, p.k, p.n FROM inline_pending p LIMIT @max_rows::int) AS x
GROUP BY x.tenant_id;

-- name: Recount :execrows
-- Counts the bytes of all matrices whose ids are before a given one, which is so old that no transaction will write another one.
UPDATE tenants t SET counted_bytes = coalesce(c.bytes, 0), counted_before = @before::uuid
FROM tenants o LEFT JOIN (
    SELECT m.tenant_id, sum(m.rows * m.cols * CASE m.dtype WHEN 'float64' THEN 8 ELSE 4 END)::bigint AS bytes FROM matrices m
    WHERE m.id < @before::uuid AND m.source NOT IN ('random', 's3')
    GROUP BY m.tenant_id) AS c ON c.tenant_id = o.id
WHERE t.id = o.id;
