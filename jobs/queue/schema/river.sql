-- The columns of River's job table that our queries read or write; the table itself is made by River's migrations.
CREATE TYPE river_job_state AS ENUM (
    'available', 'cancelled', 'completed', 'discarded', 'pending', 'retryable', 'running', 'scheduled'
);

CREATE TABLE river_job (
    id           bigint          PRIMARY KEY,
    args         jsonb           NOT NULL,
    attempt      smallint        NOT NULL,
    attempted_at timestamptz,
    attempted_by text[],
    errors       jsonb[],
    finalized_at timestamptz,
    kind         text            NOT NULL,
    max_attempts smallint        NOT NULL,
    metadata     jsonb           NOT NULL,
    priority     smallint        NOT NULL,
    queue        text            NOT NULL,
    state        river_job_state NOT NULL,
    scheduled_at timestamptz     NOT NULL,
    tags         text[]          NOT NULL
);

-- The columns of River's table of queues that our queries read.
CREATE TABLE river_queue (
    name      text PRIMARY KEY,
    paused_at timestamptz
);
