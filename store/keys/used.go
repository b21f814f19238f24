package keys

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/loop"
)

const (
	// useInterval is how exact the time of the last use is.
	useInterval = time.Hour
	// writeInterval is the pause between two statements that write uses.
	writeInterval = 10 * time.Second
	// deleteInterval is the pause between two deletions of old rows.
	deleteInterval = time.Hour
	// upkeepTimeout bounds each of these statements.
	upkeepTimeout = 5 * time.Second
)

// use notes that a key, or a session and its key, was used, if that was not written lately.
func (v *Verifier) use(e *entry, id string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(e.used) < useInterval || len(v.used) >= maxCached {
		return
	}
	e.used = now
	v.used[id] = struct{}{}
	v.used[e.principal.KeyID] = struct{}{}
}

// Run writes when keys were used, and deletes old rows, until ctx is done.
func (v *Verifier) Run(ctx context.Context) {
	var deleted time.Time
	loop.Every(ctx, writeInterval, func(ctx context.Context) {
		v.writeUses(ctx)
		if time.Since(deleted) >= deleteInterval {
			deleted = time.Now()
			v.deleteOld(ctx)
		}
	})
}

func (v *Verifier) writeUses(ctx context.Context) {
	v.mu.Lock()
	ids := slices.Collect(maps.Keys(v.used))
	clear(v.used)
	v.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, upkeepTimeout)
	defer cancel()
	if err := v.store.db.TouchKeys(ctx, ids); err != nil && ctx.Err() == nil {
		v.log.WarnContext(ctx, "writing when keys were used; the list of keys is less exact", "error", err)
	}
}

func (v *Verifier) deleteOld(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, upkeepTimeout)
	defer cancel()
	if err := v.store.db.DeleteOldKeys(ctx); err != nil && ctx.Err() == nil {
		v.log.WarnContext(ctx, "deleting old keys and sessions; the next attempt is in an hour", "error", err)
	}
}
