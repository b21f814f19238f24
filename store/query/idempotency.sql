-- name: GetIdempotencyKey :one
SELECT * FROM idempotency_keys WHERE key = $1 AND expires_at > now();

-- name: InsertIdempotencyKey :execrows
-- Waits for a transaction that is about to write the same key. No row: that one has committed. An expired key is replaced,
-- also one that has expired while the transaction ran.
INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
VALUES (@key, @fingerprint, @status, @location, @body, clock_timestamp() + @retention::interval)
ON CONFLICT (key) DO UPDATE SET
    fingerprint = excluded.fingerprint, status = excluded.status, location = excluded.location, body = excluded.body,
    created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE idempotency_keys.expires_at <= clock_timestamp();

-- name: DeleteExpiredIdempotencyKeys :execrows
DELETE FROM idempotency_keys WHERE key IN (
    SELECT k.key FROM idempotency_keys k
    WHERE k.expires_at <= now()
    ORDER BY k.expires_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED);
