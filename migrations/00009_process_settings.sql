-- +goose Up
CREATE TABLE process_settings (
    process text NOT NULL REFERENCES workers (id) ON DELETE CASCADE,
    name    text NOT NULL,
    value   text NOT NULL,
    PRIMARY KEY (process, name)
);

COMMENT ON TABLE process_settings IS
    'The settings that all processes must agree on, of each process with a lease: one that starts compares its own with them.';

-- +goose Down
DROP TABLE process_settings;
