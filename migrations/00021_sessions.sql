-- +goose Up
-- A process of the version before announces no session: only its lease counts.
ALTER TABLE workers ADD COLUMN session_key integer, ADD COLUMN session_since timestamptz;

COMMENT ON COLUMN workers.session_key IS
    'Key of the advisory lock that a session of the process holds while it lives; NULL: it has no session that lasts.';
COMMENT ON COLUMN workers.session_since IS 'Since when the process has announced this key.';

-- +goose Down
ALTER TABLE workers DROP COLUMN session_key, DROP COLUMN session_since;
