-- +goose Up
-- Lists are asked for by state, newest first; without a filter they are the merged lists of all states. The index without the
-- state was never used by any query.
CREATE INDEX multiplications_state_newest ON multiplications (state, created_at DESC, id DESC);
DROP INDEX multiplications_newest;

-- +goose Down
CREATE INDEX multiplications_newest ON multiplications (created_at DESC, id DESC);
DROP INDEX multiplications_state_newest;
