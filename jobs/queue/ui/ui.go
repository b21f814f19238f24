// Package ui serves River UI: pages to look at jobs, and to retry, cancel and delete them.
package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"riverqueue.com/riverui"

	"github.com/millrace/millrace/jobs/queue/riverlog"
)

// maxUIBody is the size of the largest request to River UI: it reads them whole, and the largest are lists of job ids.
const maxUIBody = 1 << 20

// UI is River UI: pages to look at jobs, and to retry, cancel and delete them.
type UI struct {
	handler *riverui.Handler
	prefix  string
	log     *slog.Logger
	start   sync.Once
	ctx     context.Context //nolint:containedctx // lives from NewUI to Stop
	stop    context.CancelFunc
}

// New returns River UI of a client for a server that serves it below prefix.
func New(client *river.Client[pgx.Tx], prefix string, log *slog.Logger) (*UI, error) {
	log = slog.New(unlessCancelled{riverlog.New(log).Handler()})
	handler, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(client, nil),
		Logger:    log,
		Prefix:    prefix,
	})
	if err != nil {
		return nil, fmt.Errorf("making River UI: %w", err)
	}
	u := &UI{
		handler: handler,
		prefix:  prefix,
		log:     log,
	}
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u, nil
}

// ServeHTTP implements http.Handler. River UI counts jobs in the background, which begins with the first request.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.start.Do(func() {
		if err := u.handler.Start(u.ctx); err != nil {
			u.log.Error("starting River UI", "error", err)
		}
	})
	if u.opens(r) {
		w.Header().Set("Location", "jobs?state="+string(u.fullest(r)))
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	if u.isAsset(r.URL.Path) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	inner := r.WithContext(r.Context()) // the server looks at the body of its own request
	inner.Body = http.MaxBytesReader(w, r.Body, maxUIBody)
	defer func() { r.Pattern = inner.Pattern }() // also after a panic
	u.handler.ServeHTTP(w, inner)
}

// isAsset reports whether a path is that of a script or a style sheet, whose names change with their content. For
// paths that do not exist River UI serves its page.
func (u *UI) isAsset(path string) bool {
	name, found := strings.CutPrefix(path, u.prefix+"/assets/")
	if !found {
		return false
	}
	info, err := fs.Stat(riverui.FrontendIndex, "dist/assets/"+name)
	return err == nil && info.Mode().IsRegular()
}

// Stop ends River UI's work in the background.
func (u *UI) Stop() { u.stop() }

// unlessCancelled drops records whose context was cancelled. River UI logs an error when a browser leaves a page
// before it has loaded, and when the process stops.
type unlessCancelled struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h unlessCancelled) Enabled(ctx context.Context, level slog.Level) bool {
	return !errors.Is(ctx.Err(), context.Canceled) && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h unlessCancelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return unlessCancelled{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h unlessCancelled) WithGroup(name string) slog.Handler {
	return unlessCancelled{h.Handler.WithGroup(name)}
}
