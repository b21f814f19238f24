-- +goose NO TRANSACTION
-- +goose Up
-- Webhooks tell receivers what has become of multiplications. Each statement is a transaction of its own, as in 00014.
CREATE TABLE IF NOT EXISTS webhooks (
    id               uuid        PRIMARY KEY,
    tenant_id        integer     NOT NULL,
    url              text        NOT NULL CHECK (octet_length(url) BETWEEN 1 AND 2000),
    name             text        NOT NULL CHECK (char_length(name) <= 100),
    states           text[]      NOT NULL CHECK (states <@ ARRAY['completed', 'failed', 'cancelled'] AND cardinality(states) > 0),
    small            boolean     NOT NULL,
    secret           bytea       NOT NULL,
    old_secret       bytea,
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    failing_since    timestamptz,
    disabled_at      timestamptz,
    disabled_because text,
    UNIQUE (tenant_id, id)
);

COMMENT ON COLUMN webhooks.states           IS 'In which states multiplications end that it tells of.';
COMMENT ON COLUMN webhooks.small            IS 'Whether it tells of small multiplications, too. While there is one, none of its tenant is inline.';
COMMENT ON COLUMN webhooks.secret           IS 'Key of the signatures.';
COMMENT ON COLUMN webhooks.old_secret       IS 'The one before, which signs as well until old_secret_until.';
COMMENT ON COLUMN webhooks.failing_since    IS 'When an attempt has failed first since one has succeeded; NULL: none.';
COMMENT ON COLUMN webhooks.disabled_because IS 'Why nothing is sent any more, since disabled_at.';

CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    seq               bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    webhook_id        uuid        NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    multiplication_id uuid        NOT NULL,
    ended_as          text        NOT NULL,
    ended_at          timestamptz NOT NULL,
    state             text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts          integer     NOT NULL DEFAULT 0,
    attempts_before   integer     NOT NULL DEFAULT 0,
    status            smallint,
    error             text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    attempted_at      timestamptz,
    next_at           timestamptz,
    finished_at       timestamptz,
    UNIQUE (webhook_id, seq),
    CHECK ((state = 'pending') = (finished_at IS NULL))
);

COMMENT ON COLUMN webhook_deliveries.seq             IS 'Their order.';
COMMENT ON COLUMN webhook_deliveries.attempts_before IS 'Those before it was replayed, which do not count against the most that there are.';
COMMENT ON COLUMN webhook_deliveries.status          IS 'Of the response to the last attempt; NULL: there was none.';
COMMENT ON COLUMN webhook_deliveries.error           IS 'Why the last attempt has failed; NULL: it has not.';
COMMENT ON COLUMN webhook_deliveries.next_at         IS 'When it is tried again; NULL: as soon as possible, or not at all.';

CREATE INDEX IF NOT EXISTS webhook_deliveries_finished_at ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries ((coalesce(next_at, created_at))) WHERE finished_at IS NULL;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION enqueue_delivery(delivery uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO river_job (kind, args, max_attempts, metadata, priority, queue, scheduled_at, state, tags)
    VALUES ('deliver_webhook', jsonb_build_object('delivery_id', delivery), 10, '{}', 1, 'webhooks', now(), 'available', '{}');
END
$$;
-- +goose StatementEnd

-- A trigger, not the statements that end a multiplication: binaries of the version before this one end them, too. It runs in their
-- transactions. An inline multiplication is told of by none: one whose tenant has a webhook for it is not accepted as such, and
-- the row of one that is expanded after its end is none of a multiplication that ends.
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

CREATE OR REPLACE TRIGGER tell_webhooks AFTER UPDATE OF state ON multiplications
    FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION tell_webhooks();

-- One without elements is completed when it is submitted.
CREATE OR REPLACE TRIGGER tell_webhooks_at_once AFTER INSERT ON multiplications
    FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL AND NEW.tiles_total = 0) EXECUTE FUNCTION tell_webhooks();

-- +goose Down
DROP TRIGGER IF EXISTS tell_webhooks_at_once ON multiplications;
DROP TRIGGER IF EXISTS tell_webhooks ON multiplications;
DROP FUNCTION IF EXISTS tell_webhooks;
DROP FUNCTION IF EXISTS enqueue_delivery;
DELETE FROM river_job WHERE kind = 'deliver_webhook';
DROP TABLE IF EXISTS webhook_deliveries;
DROP TABLE IF EXISTS webhooks;
