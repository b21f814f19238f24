package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"riverqueue.com/riverui"
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

// NewUI returns River UI for a server that serves it below prefix.
func (c *Client) NewUI(prefix string) (*UI, error) {
	log := slog.New(heard{riverLog(c.log).Handler()})
	handler, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: riverui.NewEndpoints(c.river, nil), Logger: log, Prefix: prefix,
	})
	if err != nil {
		return nil, fmt.Errorf("making River UI: %w", err)
	}
	u := &UI{handler: handler, prefix: prefix, log: log}
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u, nil
}

// ServeHTTP implements http.Handler. River UI counts all jobs again and again in the background: not before somebody looks.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.start.Do(func() {
		if err := u.handler.Start(u.ctx); err != nil {
			u.log.Error("starting River UI", "error", err)
		}
	})
	if u.isAsset(r.URL.Path) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUIBody)
	u.handler.ServeHTTP(w, r)
}

// isAsset reports whether a path is that of a script or a style sheet. Their names change with their content. To paths that
// are not there River UI answers with its page.
func (u *UI) isAsset(path string) bool {
	name, found := strings.CutPrefix(path, u.prefix+"/assets/")
	if !found {
		return false
	}
	info, err := fs.Stat(riverui.FrontendIndex, "dist/assets/"+name)
	return err == nil && info.Mode().IsRegular()
}

// Stop ends what River UI does in the background.
func (u *UI) Stop() { u.stop() }

// heard passes on what somebody still waits for. To River UI it is an error when a browser leaves a page before it has
// loaded, and when the process stops.
type heard struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h heard) Enabled(ctx context.Context, level slog.Level) bool {
	return !errors.Is(ctx.Err(), context.Canceled) && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h heard) WithAttrs(attrs []slog.Attr) slog.Handler { return heard{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h heard) WithGroup(name string) slog.Handler { return heard{h.Handler.WithGroup(name)} }
