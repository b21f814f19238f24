-- +goose Up
ALTER TABLE multiplications ADD COLUMN events bigint NOT NULL DEFAULT 1;

COMMENT ON COLUMN multiplications.events IS
    'Number of the newest event in the life of the product, which this row shows. 1 is its submission.';

CREATE TABLE multiplication_events (
    multiplication_id uuid        NOT NULL REFERENCES multiplications ON DELETE CASCADE,
    seq               bigint      NOT NULL,
    at                timestamptz NOT NULL,
    state             text        NOT NULL,
    tiles_completed   bigint      NOT NULL,
    PRIMARY KEY (multiplication_id, seq)
);

COMMENT ON TABLE multiplication_events IS
    'The events in the life of a product, numbered without gaps, but for two that its own row tells: the submission, which is '
    'number 1, and the completion, which is the last. So a small product costs no row.';

-- A trigger, not the statements that change a product: binaries of the version before this one write the log, too.
-- +goose StatementBegin
CREATE FUNCTION number_multiplication_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.events := OLD.events + 1;
    IF NEW.state <> 'completed' THEN
        INSERT INTO multiplication_events (multiplication_id, seq, at, state, tiles_completed)
        VALUES (NEW.id, NEW.events, now(), NEW.state, NEW.tiles_completed);
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER number_event BEFORE UPDATE OF state, tiles_completed ON multiplications
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.tiles_completed <> NEW.tiles_completed)
    EXECUTE FUNCTION number_multiplication_event();

-- +goose Down
DROP TRIGGER number_event ON multiplications;
DROP FUNCTION number_multiplication_event;
DROP TABLE multiplication_events;
ALTER TABLE multiplications DROP COLUMN events;
