-- name: InsertUpload :one
INSERT INTO uploads (id, tenant_id, length, digests, retention, expires_at)
VALUES (@id, @tenant_id, @length, @digests, @retention, now() + @life::interval)
RETURNING *;

-- name: GetUpload :one
SELECT *, coalesce(greatest(held_until - now(), '0'), '0')::interval AS held FROM uploads
WHERE id = @id AND tenant_id = @tenant_id AND expires_at > now();

-- name: HoldUpload :one
-- Begins to append, if nothing else does and it begins where the bytes end that are safe.
UPDATE uploads SET holder = @holder::uuid, held_until = now() + @lease::interval, interrupted = false, expires_at = now() + @life::interval
WHERE id = @id AND tenant_id = @tenant_id AND expires_at > now() AND received = @received AND NOT completed
  AND (held_until IS NULL OR held_until < now())
RETURNING *;

-- name: RenewHold :one
-- The upload and its matrix live as long as it goes on. No row: it was deleted, or another request holds it.
WITH renewed AS (
    UPDATE uploads u SET held_until = now() + @lease::interval, expires_at = now() + @life::interval
    WHERE u.id = @id AND u.holder = @holder::uuid AND NOT u.completed
    RETURNING u.id, u.interrupted
), kept AS (
    UPDATE matrices m SET expires_at = now() + @life::interval FROM renewed r WHERE m.id = r.id AND m.state = 'uploading'
)
SELECT interrupted FROM renewed;

-- name: SaveUpload :execrows
-- More bytes are safe. Their matrix lives as long as the upload from now on.
WITH saved AS (
    UPDATE uploads u SET received = @received, progress = @progress, expires_at = now() + @life::interval
    WHERE u.id = @id AND u.holder = @holder::uuid AND NOT u.completed AND u.held_until > now()
    RETURNING u.id
)
UPDATE matrices m SET expires_at = now() + @life::interval FROM saved s WHERE m.id = s.id AND m.state = 'uploading';

-- name: ReleaseUpload :exec
UPDATE uploads SET held_until = NULL, holder = NULL WHERE id = @id AND holder = @holder::uuid;

-- name: InterruptUpload :exec
UPDATE uploads SET interrupted = true WHERE id = @id AND tenant_id = @tenant_id AND held_until > now();

-- name: CompleteUpload :execrows
UPDATE uploads SET completed = true, received = length, progress = '', holder = NULL, held_until = NULL, expires_at = now() + @life::interval
WHERE id = @id AND holder = @holder::uuid AND NOT completed;

-- name: CancelUpload :one
-- The matrix of an upload that is not completed goes with it.
WITH gone AS (
    DELETE FROM uploads u WHERE u.id = @id AND u.tenant_id = @tenant_id AND u.expires_at > now() RETURNING u.id, u.completed
), matrix AS (
    DELETE FROM matrices m USING gone g WHERE m.id = g.id AND m.state = 'uploading'
)
SELECT completed FROM gone;

-- name: DeleteExpiredUploads :execrows
DELETE FROM uploads WHERE id IN (
    SELECT u.id FROM uploads u WHERE u.expires_at < now() ORDER BY u.expires_at LIMIT @max_rows FOR UPDATE SKIP LOCKED);
