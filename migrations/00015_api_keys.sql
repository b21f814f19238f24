-- +goose Up
-- Keys of the API, and the sessions of browsers that have signed in with one. A token is not kept: hash finds out whether
-- it is the right one.
CREATE TABLE api_keys (
    id           text        PRIMARY KEY CHECK (id ~ '^[0-9A-Za-z]{10}$'),
    tenant_id    integer     NOT NULL REFERENCES tenants,
    name         text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    scopes       text[]      NOT NULL CHECK (scopes <@ ARRAY['read', 'submit', 'admin'] AND cardinality(scopes) > 0),
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32),
    parent       text        REFERENCES api_keys ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);

COMMENT ON COLUMN api_keys.hash         IS 'SHA-256 of the token.';
COMMENT ON COLUMN api_keys.parent       IS 'Of a session: the key that it was signed in with. It is valid while both are.';
COMMENT ON COLUMN api_keys.expires_at   IS 'NULL: never.';
COMMENT ON COLUMN api_keys.last_used_at IS 'Written once an hour at most.';

-- +goose Down
DROP TABLE api_keys;
