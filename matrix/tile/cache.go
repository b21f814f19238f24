package tile

import (
	"context"
	"sync"
	"time"

	"github.com/millrace/millrace/matrix"
)

// panelCache holds the panels that tiles in work multiply, and as many of those they are done with as there is room
// for. A panel that several tiles want at once is read once: the tiles of one row of tiles share the panels of A,
// those of one column the panels of B. It is keyed by content and rectangle; a Source without a matrix.Content shares
// nothing.
type panelCache struct {
	buffers *bufferPool

	mu      sync.Mutex
	limit   int64 // of held, in bytes; panels in use may exceed it
	held    int64
	inUse   int   // panels
	clock   int64 // counts uses
	entries map[panelKey]*cachedPanel
	wanted  map[panelKey]int // by how many tiles in work, which have not come to it yet
	idle    *time.Timer      // empties the cache when no tile has been in work for a while
	stats   CacheStats
}

// idleTime is how long panels are kept that no tile in work uses.
const idleTime = 10 * time.Second

// CacheStats says what the panels of tiles were read for, and how much is held.
type CacheStats struct {
	Hits   int64 // panels that were there, or on their way
	Misses int64 // panels that were read or generated
	Bytes  int64 // of all panels that are held
	Limit  int64 // of Bytes
}

// panelKey says what a panel is.
type panelKey struct {
	content any // see matrix.Content; nil for a panel that is not shared
	rect    matrix.Rect
	size    int  // of an element as it is multiplied
	present bool // its source is in memory
}

// panelGroup is what the panels of A of one row of tiles have in common: they are read in turn for each tile of the
// row.
type panelGroup struct {
	content any
	row     int64
}

func (k panelKey) group() panelGroup { return panelGroup{k.content, k.rect.Row} }

// cachedPanel is a panel that is held, or on its way.
type cachedPanel struct {
	key    panelKey
	again  bool // it will be read again for the next tile
	data   []byte
	uses   int
	last   int64         // the clock at its last use
	ready  chan struct{} // is closed when it has been read
	cancel context.CancelFunc
	err    error         // after ready
	took   time.Duration // after ready
}

// panelUse is the use of a panel by one tile.
type panelUse struct {
	*cachedPanel // nil for a panel that is the memory of its source
	data         []byte
	first        bool // it is read for this use
}

// read returns what is closed when the panel has been read, or nil if there is nothing to wait for.
func (u panelUse) read() <-chan struct{} {
	if u.cachedPanel == nil {
		return nil
	}
	return u.ready
}

// get returns the use of a panel of bytes bytes, which read reads unless it is there or on its way. The reading ends
// with the last use, not with ctx.
func (c *panelCache) get(
	ctx context.Context, key panelKey, bytes int, again bool, read func(ctx context.Context, dst []byte) error,
) panelUse {
	atOnce := key.present && bytes <= maxPresent
	c.mu.Lock()
	p, first := c.take(key, bytes, again)
	if first && !atOnce {
		ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	}
	c.mu.Unlock()
	switch {
	case !first:
	case atOnce:
		p.read(ctx, read)
	default:
		go p.read(ctx, read)
	}
	return panelUse{
		cachedPanel: p,
		data:        p.data,
		first:       first,
	}
}

const (
	// minShared is the number of elements of the least panel that is shared.
	minShared = 1 << 16
	// maxPresent is the size of the panels in memory whose reading is not worth a goroutine, in bytes.
	maxPresent = 64 << 10
)

// read reads a panel.
func (p *cachedPanel) read(ctx context.Context, read func(ctx context.Context, dst []byte) error) {
	start := time.Now()
	p.err = read(ctx, p.data)
	p.took = time.Since(start)
	p.cancel()
	close(p.ready)
}

// take returns a panel, and whether it is to be read. The caller holds the lock.
func (c *panelCache) take(key panelKey, bytes int, again bool) (p *cachedPanel, first bool) {
	c.clock++
	c.inUse++
	if p := c.entries[key]; p != nil && key.content != nil {
		p.uses++
		p.last = c.clock
		c.stats.Hits++
		return p, false
	}
	c.stats.Misses++
	c.makeRoom(int64(bytes), key.group())
	p = &cachedPanel{
		key:    key,
		again:  again,
		data:   c.buffers.take(bytes),
		uses:   1,
		last:   c.clock,
		ready:  make(chan struct{}),
		cancel: func() {},
	}
	c.held += int64(bytes)
	if key.content != nil {
		c.entries[key] = p
	}
	return p, true
}

// want notes that so many tiles in work more, or less, will come to panels.
func (c *panelCache) want(keys []panelKey, tiles int) {
	if len(keys) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		if c.wanted[key] += tiles; c.wanted[key] == 0 {
			delete(c.wanted, key)
		}
	}
}

// release ends a use. The panel may not be touched any more. If it is still being read, and for nothing else, release
// waits for the end of that.
func (c *panelCache) release(u panelUse) {
	p := u.cachedPanel
	if p == nil {
		return
	}
	c.mu.Lock()
	c.inUse--
	p.uses--
	if p.uses > 0 {
		c.mu.Unlock()
		return
	}
	select {
	case <-p.ready:
	default:
		c.forget(p) // so that nothing else wants it
		c.mu.Unlock()
		p.cancel()
		<-p.ready
		c.mu.Lock()
	}
	if p.err != nil || c.entries[p.key] != p {
		c.drop(p)
	}
	c.makeRoom(0, p.key.group())
	if c.inUse == 0 && c.held > 0 {
		if c.idle != nil {
			c.idle.Stop()
		}
		c.idle = time.AfterFunc(idleTime, c.empty)
	}
	c.mu.Unlock()
}

// forget takes a panel out of the map.
func (c *panelCache) forget(p *cachedPanel) {
	if c.entries[p.key] == p {
		delete(c.entries, p.key)
	}
}

// drop gives the memory of a panel back that has no uses.
func (c *panelCache) drop(p *cachedPanel) {
	c.forget(p)
	c.held -= int64(len(p.data))
	c.buffers.put(p.data)
	p.data = nil
}

// empty drops all panels, unless tiles have come meanwhile.
func (c *panelCache) empty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inUse > 0 {
		return
	}
	for _, p := range c.entries {
		c.drop(p)
	}
}

// makeRoom drops panels until there is room for bytes more, or all that are left are in use; next is whose panel comes.
func (c *panelCache) makeRoom(bytes int64, next panelGroup) {
	for c.held+bytes > c.limit {
		p := c.leastUseful(next)
		if p == nil {
			return
		}
		c.drop(p)
	}
}

// restUses is the number of uses of other panels after which a row of tiles is taken to be done: between two tiles of
// a row there are some, while a tile is stored.
const restUses = 64

// leastUseful returns the panel without uses that is to be dropped first: panels of rows of tiles that are done, then
// those of B, then those of rows without a tile at this moment, all of them the least recently used first. Of a row in
// work they are read in turn, for each tile from the first on: the one that was used last is the one that is needed
// last. What a tile in work has not come to yet, but another one has, stays to the end.
func (c *panelCache) leastUseful(next panelGroup) *cachedPanel {
	last := map[panelGroup]int64{next: c.clock} // uses
	for _, p := range c.entries {
		group := p.key.group()
		if p.uses > 0 {
			last[group] = c.clock
		}
		last[group] = max(last[group], p.last)
	}
	// rank orders by kind, then by what follows from the last use: the least is the least useful.
	rank := func(p *cachedPanel) (kind int, order int64) {
		switch {
		case c.wanted[p.key] > 0:
			return 4, -p.last
		case !p.again:
			return 1, p.last
		case c.clock-last[p.key.group()] > restUses:
			return 0, p.last
		case c.clock > last[p.key.group()]:
			return 2, p.last
		}
		return 3, -p.last
	}
	var least *cachedPanel
	for _, p := range c.entries {
		if p.uses > 0 {
			continue
		}
		if least == nil {
			least = p
			continue
		}
		kind, last := rank(p)
		leastKind, leastLast := rank(least)
		if kind < leastKind || kind == leastKind && last < leastLast {
			least = p
		}
	}
	return least
}

// counted returns the figures of the cache.
func (c *panelCache) counted() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Bytes = c.held
	s.Limit = c.limit
	return s
}
