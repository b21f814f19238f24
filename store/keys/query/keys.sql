-- name: InsertKey :one
-- Inserts nothing when there is no such tenant.
INSERT INTO api_keys (id, tenant_id, name, scopes, hash, expires_at)
SELECT @id, t.id, @name, @scopes::text[], @hash, sqlc.narg(expires_at)
FROM tenants t
WHERE t.name = @tenant
RETURNING created_at;

-- name: InsertSession :one
-- Inserts nothing when the key is not valid any more.
INSERT INTO api_keys (id, tenant_id, name, scopes, hash, parent, expires_at)
SELECT @id, p.tenant_id, p.name, p.scopes, @hash, p.id, least(p.expires_at, now() + @life::interval)
FROM api_keys p
WHERE p.id = @parent AND p.revoked_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > now())
RETURNING expires_at;

-- name: GetKey :one
-- Reads a key or a session. A session does not outlive the key that it was signed in with: see InsertSession.
SELECT k.id, k.tenant_id, k.name, k.scopes, k.hash, k.parent, k.expires_at, k.last_used_at,
       (k.revoked_at IS NOT NULL OR p.revoked_at IS NOT NULL)::bool AS revoked
FROM api_keys k LEFT JOIN api_keys p ON p.id = k.parent
WHERE k.id = @id;

-- name: ListKeys :many
SELECT k.id, t.name AS tenant, k.name, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
WHERE k.parent IS NULL AND (sqlc.narg(tenant)::text IS NULL OR t.name = sqlc.narg(tenant))
ORDER BY k.created_at DESC, k.id
LIMIT @max;

-- name: HasUsableKey :one
SELECT EXISTS (
    SELECT FROM api_keys WHERE parent IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
);

-- name: RevokeKey :many
-- Revokes a key or a session, and tells each process when that is committed. A session goes with its key: see GetKey.
WITH revoked AS (
    UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = @id RETURNING id
)
SELECT id, pg_notify(current_schema() || '.' || @channel::text, id)::text AS told FROM revoked;

-- name: TouchKeys :exec
-- The rows are locked in one order; those that another process is about to write are left to it.
UPDATE api_keys SET last_used_at = now()
WHERE id IN (
    SELECT id FROM api_keys
    WHERE id = ANY(@ids::text[]) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')
    ORDER BY id
    FOR UPDATE SKIP LOCKED
);

-- name: DeleteOldKeys :exec
-- Deletes sessions that are over, and keys of which nothing has been heard for long.
DELETE FROM api_keys
WHERE CASE
    WHEN parent IS NOT NULL THEN revoked_at IS NOT NULL OR expires_at < now()
    ELSE least(revoked_at, expires_at) < now() - interval '90 days'
END;
