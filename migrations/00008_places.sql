-- +goose Up
-- An event happens when its row is written, not when its transaction began: that may have waited for the row, so that times ran
-- backwards along the numbers.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION number_multiplication_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.events := OLD.events + 1;
    IF NEW.state <> 'completed' THEN
        INSERT INTO multiplication_events (multiplication_id, seq, at, state, tiles_completed)
        VALUES (NEW.id, NEW.events, coalesce(NEW.finished_at, clock_timestamp()), NEW.state, NEW.tiles_completed);
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- A job stands in line by the time at which it was due first. What puts it back into the queue sets another time: River after
-- a failure, a snooze or an interruption, River UI, statements of Millrace, processes of the version before this one. So a
-- trigger keeps the place: while the job waits for its pause to end, in its metadata; from then on in scheduled_at again. due_at is
-- since when the job waits, for the metrics. A short pause, for which River makes the job available at once with a time to come,
-- is like a longer one, or its place would be lost.
-- +goose StatementBegin
CREATE FUNCTION keep_place_in_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place timestamptz := least(coalesce((OLD.metadata->>'place')::timestamptz, OLD.scheduled_at), NEW.scheduled_at);
BEGIN
    IF NEW.state = 'available' AND NEW.scheduled_at > clock_timestamp() THEN
        NEW.state := 'retryable';
    END IF;
    IF NEW.state = 'available' THEN
        NEW.metadata := NEW.metadata - 'place' || jsonb_build_object('due_at', NEW.scheduled_at);
        NEW.scheduled_at := place;
    ELSE
        NEW.metadata := NEW.metadata || jsonb_build_object('place', place);
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER keep_place BEFORE UPDATE ON river_job
    FOR EACH ROW WHEN (OLD.state <> 'available' AND NEW.state <> OLD.state
                       AND NEW.state IN ('available', 'retryable', 'scheduled') AND NEW.queue IN ('small', 'tiles'))
    EXECUTE FUNCTION keep_place_in_line();

-- Rows that change often: vacuum them before a fifth of the table is dead, and leave room for the next version beside the row.
ALTER TABLE river_job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE multiplications SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- +goose Down
ALTER TABLE river_job RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
ALTER TABLE multiplications RESET (fillfactor, autovacuum_vacuum_scale_factor);
DROP TRIGGER keep_place ON river_job;
DROP FUNCTION keep_place_in_line;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION number_multiplication_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
