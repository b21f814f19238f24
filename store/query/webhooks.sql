-- name: LockWebhooksOf :exec
-- Has those that add webhooks of a tenant wait for each other.
SELECT FROM tenants t WHERE t.id = @id FOR NO KEY UPDATE;

-- name: InsertWebhook :one
-- No row: the tenant has as many as it may have.
INSERT INTO webhooks (id, tenant_id, url, name, states, small, only_named, secret)
SELECT @id, @tenant_id, @url, @name, @states::text[], @small, @only_named, @secret
WHERE (SELECT count(*) FROM webhooks w WHERE w.tenant_id = @tenant_id) < @most::bigint
RETURNING *;

-- name: ListWebhooks :many
SELECT * FROM webhooks WHERE tenant_id = @tenant_id ORDER BY created_at, id;

-- name: GetWebhook :one
SELECT * FROM webhooks WHERE tenant_id = @tenant_id AND id = @id;

-- name: DeleteWebhook :execrows
DELETE FROM webhooks WHERE tenant_id = @tenant_id AND id = @id;

-- name: RotateWebhook :one
-- The secret before signs, too, for a time.
UPDATE webhooks SET old_secret = secret, old_secret_until = now() + @overlap::interval, secret = @secret
WHERE tenant_id = @tenant_id AND id = @id
RETURNING *;

-- name: EnableWebhook :one
UPDATE webhooks SET disabled_at = NULL, disabled_because = NULL, failing_since = NULL
WHERE tenant_id = @tenant_id AND id = @id
RETURNING *;

-- name: ListSmallWebhooks :many
-- The tenants of which a webhook tells of small multiplications.
SELECT DISTINCT tenant_id FROM webhooks WHERE small AND disabled_at IS NULL;

-- name: FindNamedWebhook :one
-- The webhook of a tenant that the url in a submission names. It is not locked: one that is deleted meanwhile tells of nothing.
SELECT * FROM webhooks WHERE tenant_id = @tenant_id AND id = named_webhook(@tenant_id, @url::text);

-- name: NameWebhook :exec
-- No transition: a new multiplication gets the url that its submission names. One without elements has ended already.
WITH named AS (
    UPDATE multiplications p SET webhook = @url::text WHERE p.id = @id RETURNING p.id, p.state, p.finished_at
), told AS (
    INSERT INTO webhook_deliveries (webhook_id, multiplication_id, ended_as, ended_at, url)
    SELECT w.id, n.id, n.state, n.finished_at, @url::text
    FROM named n JOIN webhooks w ON w.id = @webhook_id AND n.state = ANY (w.states)
    WHERE n.finished_at IS NOT NULL
    RETURNING id
)
SELECT count(enqueue_delivery(told.id)::text) FROM told;

-- name: PageDeliveries :many
-- The newest deliveries of a webhook before one, in a state or in any.
SELECT d.* FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE w.tenant_id = @tenant_id AND d.webhook_id = @webhook_id AND d.seq < @before::bigint
  AND (sqlc.narg(state)::text IS NULL OR d.state = sqlc.narg(state)::text)
ORDER BY d.seq DESC
LIMIT @max_rows;

-- name: GetDelivery :one
SELECT d.* FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE w.tenant_id = @tenant_id AND d.webhook_id = @webhook_id AND d.id = @id;

-- name: ReplayDelivery :one
-- Queues a delivery that has ended again. No row: there is none, or it has not ended, or its webhook is disabled.
WITH replayed AS (
    UPDATE webhook_deliveries d SET
        state = 'pending', finished_at = NULL, next_at = NULL, attempts_before = d.attempts
    FROM webhooks w
    WHERE w.tenant_id = @tenant_id AND w.disabled_at IS NULL AND d.webhook_id = w.id AND w.id = @webhook_id AND d.id = @id
      AND d.state <> 'pending'
    RETURNING d.id
)
SELECT replayed.id, enqueue_delivery(replayed.id)::text AS enqueued FROM replayed;

-- name: GetPendingDelivery :one
-- What is to be sent, and to which receiver. No row: the delivery has ended, or was deleted.
SELECT sqlc.embed(d), sqlc.embed(w)
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE d.id = $1 AND d.state = 'pending';

-- name: EndAttempt :execrows
-- Writes what has become of an attempt at a delivery. Without a pause it was the last one.
UPDATE webhook_deliveries SET
    attempts     = attempts + 1,
    status       = sqlc.narg(status)::smallint,
    error        = sqlc.narg(error)::text,
    attempted_at = clock_timestamp(),
    state        = @state::text,
    next_at      = CASE WHEN @state::text = 'pending' THEN clock_timestamp() + @pause::interval END,
    finished_at  = CASE WHEN @state::text <> 'pending' THEN clock_timestamp() END
WHERE id = @id AND state = 'pending';

-- name: DropDelivery :exec
-- Ends a delivery without an attempt.
UPDATE webhook_deliveries SET state = 'failed', error = @error::text, next_at = NULL, finished_at = clock_timestamp()
WHERE id = @id AND state = 'pending';

-- name: NoteSuccess :exec
UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL;

-- name: NoteFailure :many
-- Disables a webhook at once, or after it has failed for a time. It writes nothing that is written already: many attempts may fail
-- at once.
UPDATE webhooks SET
    failing_since    = coalesce(failing_since, now()),
    disabled_at      = CASE WHEN @gone::boolean OR failing_since < now() - @max_failing::interval THEN now() END,
    disabled_because = CASE WHEN @gone::boolean THEN 'the receiver responded with 410 (Gone)'
                            WHEN failing_since < now() - @max_failing::interval THEN 'each attempt has failed for days' END
WHERE id = @id AND disabled_at IS NULL
  AND (failing_since IS NULL OR @gone::boolean OR failing_since < now() - @max_failing::interval)
RETURNING (disabled_at IS NOT NULL)::boolean AS disabled;

-- name: DeleteExpiredDeliveries :execrows
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.finished_at <= now() - @retention::interval
    ORDER BY d.finished_at
    LIMIT @max_rows
    FOR UPDATE SKIP LOCKED);

-- name: DropForgottenDeliveries :execrows
-- Ends deliveries that were to be sent long ago: people have deleted their jobs, or nothing sends.
UPDATE webhook_deliveries SET state = 'failed', error = 'it was not sent in time', next_at = NULL, finished_at = now()
WHERE finished_at IS NULL AND coalesce(next_at, created_at) < now() - @late::interval;

-- name: CountOverdueDeliveries :one
-- Deliveries that wait although they were to be sent some time ago, up to max_rows of them.
SELECT count(*)::bigint FROM (
    SELECT FROM webhook_deliveries d
    WHERE d.finished_at IS NULL AND coalesce(d.next_at, d.created_at) < now() - @late::interval
    LIMIT @max_rows) AS x;
