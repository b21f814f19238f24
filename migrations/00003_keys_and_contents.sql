-- +goose Up
CREATE TABLE idempotency_keys (
    key         text        PRIMARY KEY,
    fingerprint bytea       NOT NULL CHECK (length(fingerprint) = 32),
    status      smallint    NOT NULL,
    location    text        NOT NULL,
    body        bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

COMMENT ON TABLE  idempotency_keys             IS 'Answers to accepted requests that came with a key, each written in the transaction that did the work: there is no key of a request that is still in progress.';
COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of what the client asked for: method, path, media type and body.';

-- Binaries of the version before this one neither read through content_id nor know of it when they delete. The foreign key
-- keeps them from deleting a row whose blocks others need, and the orphan sweep of any version leaves blocks alone whose
-- matrix has a row.
ALTER TABLE matrices ADD COLUMN content_id uuid REFERENCES matrices;
CREATE INDEX matrices_content_id ON matrices (content_id) WHERE content_id IS NOT NULL;
CREATE INDEX matrices_digest ON matrices (digest) WHERE block_rows > 0;
ALTER TABLE matrices DROP CONSTRAINT matrices_state_check,
    ADD CONSTRAINT matrices_state_check CHECK (state IN ('uploading', 'ready', 'removed'));

COMMENT ON COLUMN matrices.content_id IS 'The matrix whose blocks hold the content, when it is another one with the same content. That one has blocks of its own.';
COMMENT ON COLUMN matrices.state      IS 'removed: deleted by a client, but others still share its blocks.';

ALTER TABLE workers ADD COLUMN schema_version smallint NOT NULL DEFAULT 1;

COMMENT ON COLUMN workers.schema_version IS 'The newest migration that the process understands. Processes from before there was such a column say nothing, which is 1.';

-- +goose Down
ALTER TABLE workers DROP COLUMN schema_version;
-- Every matrix gets blocks of its own again. Only those of the postgres block store can be copied from here; with another one
-- the matrices that share are lost.
INSERT INTO blocks (matrix_id, index, data)
SELECT m.id, b.index, b.data FROM matrices m JOIN blocks b ON b.matrix_id = m.content_id;
DROP INDEX matrices_digest;
ALTER TABLE matrices DROP COLUMN content_id;
DELETE FROM matrices WHERE state = 'removed';
ALTER TABLE matrices DROP CONSTRAINT matrices_state_check,
    ADD CONSTRAINT matrices_state_check CHECK (state IN ('uploading', 'ready'));
DROP TABLE idempotency_keys;
