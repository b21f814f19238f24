-- +goose NO TRANSACTION
-- +goose Up
-- Uploads that go on after a break. The matrix of one has its id, and a row of its own as soon as the head of the file has come; of what
-- both say, this is the truth. Each statement is a transaction of its own, as in 00014. Binaries of the version before know nothing of it:
-- they sweep the matrix of an upload that has expired, and this row stays until a newer one sweeps it.
CREATE TABLE IF NOT EXISTS uploads (
    id          uuid        PRIMARY KEY,
    tenant_id   integer     NOT NULL,
    length      bigint      NOT NULL CHECK (length > 0),
    received    bigint      NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND length),
    progress    bytea       NOT NULL DEFAULT '',
    digests     text        NOT NULL DEFAULT '' CHECK (octet_length(digests) <= 1000),
    retention   interval,
    holder      uuid,
    held_until  timestamptz,
    interrupted boolean     NOT NULL DEFAULT false,
    completed   boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);

COMMENT ON COLUMN uploads.length      IS 'How many bytes the file has.';
COMMENT ON COLUMN uploads.received    IS 'How many of them are safe: the blocks that they fill are in the block store.';
COMMENT ON COLUMN uploads.progress    IS 'What it takes to go on behind them: the head of the file, and the states of the digests.';
COMMENT ON COLUMN uploads.digests     IS 'The Repr-Digest that the file must have; empty: any.';
COMMENT ON COLUMN uploads.retention   IS 'How long the matrix will be kept after its last use; NULL: as long as the settings say.';
COMMENT ON COLUMN uploads.holder      IS 'The request that appends, until held_until: no other one does before.';
COMMENT ON COLUMN uploads.interrupted IS 'The request that appends is to end, since its client asks how far it has come.';
COMMENT ON COLUMN uploads.completed   IS 'The matrix is ready. The row stays for a client that has not got the response.';

-- For DeleteExpiredUploads.
CREATE INDEX IF NOT EXISTS uploads_expires_at ON uploads (expires_at);

-- +goose Down
DROP TABLE IF EXISTS uploads;
