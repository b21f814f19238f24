-- +goose Up
-- What a tenant may have. NULL is what the settings of the API say, 0 is no limit.
ALTER TABLE tenants
    ADD COLUMN max_stored_bytes   bigint           CHECK (max_stored_bytes >= 0),
    ADD COLUMN max_queued_seconds double precision CHECK (max_queued_seconds >= 0),
    ADD COLUMN max_requests       double precision CHECK (max_requests >= 0),
    ADD COLUMN counted_bytes      bigint           NOT NULL DEFAULT 0,
    ADD COLUMN counted_before     uuid             NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';

COMMENT ON COLUMN tenants.max_stored_bytes   IS 'How many bytes its matrices may take.';
COMMENT ON COLUMN tenants.max_queued_seconds IS 'How many seconds of a core its unfinished multiplications may take.';
COMMENT ON COLUMN tenants.max_requests       IS 'How many requests it may send in a second.';
COMMENT ON COLUMN tenants.counted_bytes      IS 'What its matrices took whose ids are before counted_before, when a sweep counted them.';

-- +goose Down
ALTER TABLE tenants
    DROP COLUMN max_stored_bytes, DROP COLUMN max_queued_seconds, DROP COLUMN max_requests,
    DROP COLUMN counted_bytes, DROP COLUMN counted_before;
