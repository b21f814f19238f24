-- name: InsertMatrix :one
INSERT INTO matrices (id, tenant_id, rows, cols, dtype, source, state, block_rows, block_cols, seed, content, digest, object, expires_at)
VALUES (@id, @tenant_id, @rows, @cols, @dtype, @source, @state, @block_rows, @block_cols, @seed, @content, @digest, @object,
        now() + @life::interval)
RETURNING *;

-- name: GetMatrix :one
SELECT * FROM matrices WHERE id = @id AND tenant_id = @tenant_id;

-- name: ListContents :many
-- The contents of matrices that live in their rows.
SELECT id, tenant_id, rows, cols, dtype, content, digest FROM matrices WHERE id = ANY(@ids::uuid[]);

-- name: MarkDamaged :exec
UPDATE matrices SET damaged_at = now() WHERE id = $1 AND damaged_at IS NULL;

-- name: LockContent :exec
-- Uploads of the same content that end at the same time go one after the other, so that the second one finds the first.
SELECT pg_advisory_xact_lock(@key);

-- name: ListContentOwners :many
-- The matrices of a tenant whose blocks hold a content, and how those are cut.
SELECT DISTINCT coalesce(m.content_id, m.id)::uuid AS owner, m.rows, m.cols, m.block_rows, m.block_cols FROM matrices m
WHERE m.digest = @digest AND m.tenant_id = @tenant_id AND m.block_rows > 0 AND m.state = 'ready' AND m.expires_at > now()
LIMIT 100;

-- name: FindContent :one
-- Which matrix of a tenant has blocks that hold a content, and how it is cut into these. The lock keeps the row that was found until the end of the
-- transaction, and with it, by the foreign key, the owner of the blocks. Nothing is shared while a process runs that does not
-- understand content_id, which came with schema version sharing_since: it could not read the blocks.
SELECT coalesce(m.content_id, m.id)::uuid AS owner, m.block_rows, m.block_cols FROM matrices m
WHERE m.digest = @digest AND m.tenant_id = @tenant_id AND m.block_rows > 0 AND m.state = 'ready' AND m.expires_at > now()
  AND coalesce(m.content_id, m.id) <> ALL(@missing::uuid[])
  AND NOT EXISTS (SELECT 1 FROM matrices o WHERE o.id = coalesce(m.content_id, m.id) AND o.damaged_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.schema_version < @sharing_since::smallint)
LIMIT 1
FOR KEY SHARE OF m;

-- name: HealContents :execrows
-- Points the matrices of a tenant with a content to the blocks of a new upload of it, if theirs are damaged or missing.
UPDATE matrices m SET content_id = @healer::uuid, block_rows = @block_rows, block_cols = @block_cols, damaged_at = NULL
WHERE m.digest = @digest AND m.tenant_id = @tenant_id AND m.block_rows > 0 AND m.state IN ('ready', 'removed') AND m.id <> @healer
  AND (coalesce(m.content_id, m.id) = ANY(@missing::uuid[])
       OR EXISTS (SELECT 1 FROM matrices o WHERE o.id = coalesce(m.content_id, m.id) AND o.damaged_at IS NOT NULL))
  AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.schema_version < @sharing_since::smallint);

-- name: RenewUpload :execrows
-- An upload lives as long as it is renewed.
UPDATE matrices SET expires_at = now() + @life::interval WHERE id = @id AND state = 'uploading';

-- name: FinishUpload :one
UPDATE matrices SET
    state = 'ready', rows = @rows, digest = @digest, content_id = @content_id, block_rows = @block_rows,
    block_cols = @block_cols, expires_at = now() + @retention::interval
WHERE id = @id AND state = 'uploading'
RETURNING *;

-- name: DeleteUpload :execrows
-- Deletes an upload that is given up. A matrix that is ready stays: the client may know of it.
DELETE FROM matrices WHERE id = $1 AND state = 'uploading';

-- name: LockMatrix :one
SELECT * FROM matrices WHERE id = @id AND tenant_id = @tenant_id FOR UPDATE;

-- name: ContentIsShared :one
SELECT EXISTS (SELECT 1 FROM matrices WHERE content_id = @id::uuid);

-- name: MarkMatrixRemoved :exec
-- Keeps the row, and so the blocks, for the matrices that share them. The sweep deletes it after the last of those.
UPDATE matrices SET state = 'removed', expires_at = now() WHERE id = $1;

-- name: SaveDigest :exec
UPDATE matrices SET digest = @digest WHERE id = @id AND digest IS NULL AND state = 'ready';

-- name: ExtendMatrices :exec
-- Operands live as long as the multiplication that uses them. One that is used again and again is not written each time.
UPDATE matrices SET expires_at = now() + coalesce(retention, @retention::interval)
WHERE id = ANY(@ids::uuid[]) AND expires_at < now() + 0.99 * coalesce(retention, @retention::interval);

-- name: LockReadyMatrices :many
-- The lock keeps the sweep from deleting an operand between the look and the reference to it.
SELECT id FROM matrices WHERE id = ANY(@ids::uuid[]) AND tenant_id = @tenant_id AND state = 'ready' FOR KEY SHARE;

-- name: FinishResult :exec
UPDATE matrices SET
    state = 'ready', content = @content, digest = @digest, expires_at = now() + coalesce(retention, @retention::interval)
WHERE id = @id AND state = 'uploading';

-- name: DeleteMatrix :exec
DELETE FROM matrices WHERE id = $1;

-- name: DeleteExpiredMatrices :many
DELETE FROM matrices WHERE id IN (
    SELECT m.id FROM matrices m
    WHERE m.expires_at < now()
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.a = m.id)
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.b = m.id)
      AND NOT EXISTS (SELECT 1 FROM multiplications p WHERE p.c = m.id)
      AND NOT EXISTS (SELECT 1 FROM matrices s WHERE s.content_id = m.id)
    ORDER BY m.expires_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED)
RETURNING id;

-- name: ListOrphans :many
-- Those of the given ids that no row has, or whose row has its content elsewhere.
SELECT given.id::uuid FROM unnest(@ids::uuid[]) AS given(id)
WHERE NOT EXISTS (SELECT 1 FROM matrices m WHERE m.id = given.id AND m.content_id IS NULL);

-- name: ExtendRead :exec
-- No transition: what is read is used: the matrix, and the multiplication whose result it is, expire later. That is written when a tenth of the
-- time has passed. The multiplication is locked before the matrix, as by each other statement.
WITH computed AS MATERIALIZED (
    UPDATE multiplications p SET expires_at = now() + coalesce(p.retention, @retention::interval)
    WHERE p.c = @id AND p.state = 'completed' AND p.expires_at < now() + 0.9 * coalesce(p.retention, @retention::interval)
    RETURNING p.id
)
UPDATE matrices m SET expires_at = now() + coalesce(m.retention, @retention::interval)
WHERE m.id = @id AND m.state = 'ready' AND m.expires_at < now() + 0.9 * coalesce(m.retention, @retention::interval)
  AND (SELECT count(*) FROM computed) >= 0;

-- name: KeepFor :exec
-- No transition: a new multiplication, and matrices that are new with it, have a retention of their own.
WITH kept AS (
    UPDATE multiplications p SET retention = @retention::interval, expires_at = now() + @retention::interval WHERE p.id = @id
)
UPDATE matrices m SET retention = @retention::interval, expires_at = now() + @retention::interval WHERE m.id = ANY(@matrices::uuid[]);

-- name: PageMatrices :many
-- One page of those of a tenant that are ready, newest first: the newest of each source, and the newest of those. Each source is one
-- walk along the index matrices_tenant_newest, whose first column is the expression.
SELECT page.* FROM unnest(@sources::text[]) AS wanted(source)
CROSS JOIN LATERAL (
    SELECT m.id, m.rows, m.cols, m.dtype, m.source, m.digest, m.object, m.created_at, m.expires_at FROM matrices m
    WHERE CASE WHEN m.state = 'ready' THEN m.tenant_id END = @tenant::integer AND m.source = wanted.source
      AND (m.created_at, m.id) < (@before::timestamptz, @before_id::uuid) AND m.created_at >= @since::timestamptz
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT @max_rows
) AS page
ORDER BY page.created_at DESC, page.id DESC
LIMIT @max_rows;
