-- +goose Up
-- The line of queue tiles is in an order that is fair: between tenants by their weights, and between the multiplications of a
-- tenant. A job's place in it, its scheduled_at, is a time that never was: after the year 1000, a tenth of a second for each
-- virtual second. Tiles of a multiplication are as many virtual seconds apart as they cost, divided by the multiplication's part of
-- the weight of its tenant. So a place is in the past, and River, which fetches by priority, scheduled_at and id, fetches by it.
CREATE TABLE line_places (
    multiplication_id uuid             PRIMARY KEY,
    tenant_id         integer          NOT NULL,
    priority          smallint         NOT NULL,
    share             real             NOT NULL,
    cost              real             NOT NULL,
    step              double precision NOT NULL,
    last              timestamptz      NOT NULL
);

COMMENT ON TABLE  line_places          IS 'The multiplications whose tiles stand in the line of queue tiles, until they have finished.';
COMMENT ON COLUMN line_places.priority IS 'Of its jobs: those of another priority are in another line.';
COMMENT ON COLUMN line_places.share    IS 'Its part of what its tenant gets, against those of the tenant''s other multiplications.';
COMMENT ON COLUMN line_places.cost     IS 'What one of its tiles costs, in seconds of a core.';
COMMENT ON COLUMN line_places.step     IS 'How far apart its tiles are, in virtual seconds; 0: they have no places yet.';
COMMENT ON COLUMN line_places.last     IS 'The place of the last tile that has a job.';

-- With share, so that what a tenant has in line is summed up without its rows.
CREATE UNIQUE INDEX line_places_of_tenant ON line_places (tenant_id, priority, multiplication_id) INCLUDE (share);

CREATE TABLE line_clocks (
    priority smallint    PRIMARY KEY,
    at       timestamptz NOT NULL
);

COMMENT ON TABLE line_clocks IS 'Where each line is: the place of what was fetched last. It does not run back.';

INSERT INTO line_clocks SELECT p, '1000-01-01 00:00:00+00' FROM generate_series(1, 4) AS p;

CREATE TABLE line_tenants (
    tenant_id integer,
    priority  smallint,
    shares    real NOT NULL,
    waiting   real NOT NULL,
    PRIMARY KEY (tenant_id, priority)
);

COMMENT ON TABLE  line_tenants         IS 'What each tenant had in line when a process looked at it last.';
COMMENT ON COLUMN line_tenants.shares  IS 'Of its multiplications that had tiles waiting.';
COMMENT ON COLUMN line_tenants.waiting IS 'That part of the shares of all that it had in line.';

CREATE TABLE line_keepers (
    one     boolean     PRIMARY KEY CHECK (one),
    kept_at timestamptz NOT NULL
);

COMMENT ON TABLE line_keepers IS 'When a process kept the line last: one of several does.';

INSERT INTO line_keepers VALUES (true, 'epoch');

ALTER TABLE workers
    ADD COLUMN tile_slots  integer NOT NULL DEFAULT 0,
    ADD COLUMN small_slots integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN workers.tile_slots  IS 'How many jobs of queue tiles it works at once; 0: none, or it does not tell.';
COMMENT ON COLUMN workers.small_slots IS 'The same of queue small.';

-- Two probes of River's index for fetching.
-- +goose StatementBegin
CREATE FUNCTION line_now(of_priority smallint) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(
        (SELECT c.at FROM line_clocks c WHERE c.priority = of_priority),
        least((SELECT j.scheduled_at FROM river_job j
               WHERE j.state = 'available' AND j.queue = 'tiles' AND j.priority = of_priority AND j.scheduled_at < '2000-01-01 00:00:00+00'
               ORDER BY j.scheduled_at, j.id LIMIT 1),
              (SELECT j.scheduled_at FROM river_job j
               WHERE j.state = 'running' AND j.queue = 'tiles' AND j.priority = of_priority AND j.scheduled_at < '2000-01-01 00:00:00+00'
               ORDER BY j.scheduled_at DESC, j.id DESC LIMIT 1)))
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION line_now IS 'Where a line is: the place of the first tile that waits, or of the last that runs if that is before.';

-- Of a tenant that has more than 1,000 multiplications in line, the number that was found last counts.
-- +goose StatementBegin
CREATE FUNCTION line_step(of_tenant integer, of_priority smallint, of_cost real, of_share real)
RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT least(1e7, of_cost * (of_share + greatest(
        coalesce((SELECT sum(x.share) FROM (SELECT p.share FROM line_places p
                                            WHERE p.tenant_id = of_tenant AND p.priority = of_priority
                                            LIMIT 1000) AS x), 0)
        * coalesce((SELECT t.waiting FROM line_tenants t WHERE t.tenant_id = of_tenant AND t.priority = of_priority), 1),
        (SELECT t.shares FROM line_tenants t
         WHERE t.tenant_id = of_tenant AND t.priority = of_priority AND t.shares > 1000)))
        / of_share / coalesce((SELECT t.weight FROM tenants t WHERE t.id = of_tenant), 1))
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION line_step IS 'How far apart the tiles of a new multiplication of a tenant are to be, in virtual seconds.';

-- +goose StatementBegin
CREATE FUNCTION line_place(after timestamptz, steps double precision) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT least(after + least(steps, 1e11) * interval '0.1 s', timestamptz '1999-12-31 00:00:00+00')
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION line_place IS 'The place that is some virtual seconds behind another one. None is after 1999.';

-- What puts a job back without a time, because it never began, does not say since when it is due: it has been all the time.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_place_in_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    place timestamptz := least(coalesce((OLD.metadata->>'place')::timestamptz, OLD.scheduled_at), NEW.scheduled_at);
BEGIN
    IF NEW.state = 'available' AND NEW.scheduled_at > clock_timestamp() THEN
        NEW.state := 'retryable';
    END IF;
    IF NEW.state = 'available' THEN
        NEW.metadata := NEW.metadata - 'place';
        IF NEW.scheduled_at >= '2000-01-01 00:00:00+00' OR NOT NEW.metadata ? 'due_at' THEN
            NEW.metadata := NEW.metadata || jsonb_build_object('due_at', greatest(NEW.scheduled_at, NEW.created_at));
        END IF;
        NEW.scheduled_at := place;
    ELSE
        NEW.metadata := NEW.metadata || jsonb_build_object('place', place);
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_place_in_line() RETURNS trigger LANGUAGE plpgsql AS $$
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
-- The version before fetches the oldest first.
-- +goose StatementBegin
DO $$
BEGIN
    IF to_regclass('river_job') IS NOT NULL THEN
        UPDATE river_job SET scheduled_at = coalesce((metadata->>'due_at')::timestamptz, created_at)
        WHERE queue = 'tiles' AND state IN ('available', 'running') AND scheduled_at < '2000-01-01 00:00:00+00';
        UPDATE river_job SET metadata = metadata || jsonb_build_object('place', coalesce(metadata->'due_at', to_jsonb(created_at)))
        WHERE queue = 'tiles' AND state IN ('retryable', 'scheduled') AND (metadata->>'place')::timestamptz < '2000-01-01 00:00:00+00';
    END IF;
END
$$;
-- +goose StatementEnd
ALTER TABLE workers DROP COLUMN tile_slots, DROP COLUMN small_slots;
DROP FUNCTION line_now, line_step, line_place;
DROP TABLE line_places, line_clocks, line_tenants, line_keepers;
