-- +goose Up
-- A process of the version before writes neither: its lease is judged by renewed_at, as it was.
ALTER TABLE workers ADD COLUMN expires_at timestamptz, ADD COLUMN held_since timestamptz;

COMMENT ON COLUMN workers.expires_at IS 'When the lease runs out unless it is renewed, by the lease of the process itself.';
COMMENT ON COLUMN workers.held_since IS 'Since when the lease has been renewed each time before it ran out.';

-- +goose Down
ALTER TABLE workers DROP COLUMN expires_at, DROP COLUMN held_since;
