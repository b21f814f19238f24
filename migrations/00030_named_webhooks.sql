-- +goose NO TRANSACTION
-- +goose Up
-- A submission may name the webhook that tells of it, and add parameters to its url. Each statement is a transaction of its own, as in
-- 00014. Binaries of the version before do not know of the parameters: while one runs, no submission is accepted that names a webhook.
ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS only_named boolean NOT NULL DEFAULT false CHECK (NOT (only_named AND small));
ALTER TABLE multiplications ADD COLUMN IF NOT EXISTS webhook text;
ALTER TABLE webhook_deliveries ADD COLUMN IF NOT EXISTS url text;

COMMENT ON COLUMN webhooks.only_named     IS 'Whether it tells of those multiplications only whose submissions name it. None of these is inline.';
COMMENT ON COLUMN multiplications.webhook IS 'Where its submission wants the message sent: the url of a webhook, perhaps with more parameters; NULL: none.';
COMMENT ON COLUMN webhook_deliveries.url  IS 'Where the message is sent to; NULL: to the url of the webhook.';

-- The webhook of a tenant that a url names: parameters may have been added to its own. Of several, one that is enabled, then the one
-- with the longest url, then the oldest.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION named_webhook(tenant integer, named text) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT w.id FROM webhooks w
    WHERE w.tenant_id = tenant AND w.only_named
      AND (w.url = named OR starts_with(named, w.url || CASE WHEN strpos(w.url, '?') > 0 THEN '&' ELSE '?' END))
    ORDER BY w.disabled_at IS NOT NULL, octet_length(w.url) DESC, w.created_at, w.id
    LIMIT 1
$$;
-- +goose StatementEnd

-- The job leads to the submission, as those of tiles do, if it is recorded.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION enqueue_delivery(delivery uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    VALUES ('deliver_webhook', jsonb_build_object('delivery_id', delivery), 10,
            coalesce((SELECT jsonb_build_object('traceparent', j.metadata->'traceparent')
                      FROM webhook_deliveries d JOIN multiplications p ON p.id = d.multiplication_id JOIN river_job j ON j.id = p.first_job
                      WHERE d.id = delivery AND j.metadata ? 'traceparent'), '{}'),
            1, 'webhooks', now(), 'available', '{}');
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delivery uuid;
BEGIN
    FOR delivery IN
        INSERT INTO webhook_deliveries (webhook_id, multiplication_id, ended_as, ended_at, url)
        SELECT w.id, NEW.id, NEW.state, NEW.finished_at, CASE WHEN w.only_named THEN NEW.webhook END FROM webhooks w
        WHERE w.tenant_id = NEW.tenant_id AND w.disabled_at IS NULL AND NEW.state = ANY (w.states)
          AND (NOT w.only_named OR NEW.webhook IS NOT NULL AND w.id = named_webhook(NEW.tenant_id, NEW.webhook))
        RETURNING id
    LOOP
        PERFORM enqueue_delivery(delivery);
    END LOOP;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION tell_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delivery uuid;
BEGIN
    FOR delivery IN
        INSERT INTO webhook_deliveries (webhook_id, multiplication_id, ended_as, ended_at)
        SELECT w.id, NEW.id, NEW.state, NEW.finished_at FROM webhooks w
        WHERE w.tenant_id = NEW.tenant_id AND w.disabled_at IS NULL AND NEW.state = ANY (w.states)
        RETURNING id
    LOOP
        PERFORM enqueue_delivery(delivery);
    END LOOP;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION enqueue_delivery(delivery uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    VALUES ('deliver_webhook', jsonb_build_object('delivery_id', delivery), 10, '{}', 1, 'webhooks', now(), 'available', '{}');
END
$$;
-- +goose StatementEnd
DROP FUNCTION IF EXISTS named_webhook;
-- Those that tell of what names them only would tell of everything.
DELETE FROM webhooks WHERE only_named;
ALTER TABLE webhook_deliveries DROP COLUMN IF EXISTS url;
ALTER TABLE multiplications DROP COLUMN IF EXISTS webhook;
ALTER TABLE webhooks DROP COLUMN IF EXISTS only_named;
