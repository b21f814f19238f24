package queue

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch/notify"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(poisonedDatabase); database != "" {
		if err := poisonedWorker(database); err != nil {
			panic(err)
		}
		return
	}
	if database := os.Getenv(sleepingDatabase); database != "" {
		if err := sleepingWorker(database); err != nil {
			panic(err)
		}
		return
	}
	testdb.Main(m)
}

// waitTimeout bounds a wait that should end long before.
const waitTimeout = 60 * time.Second

// testBundle is a store on a database of its own and what a test needs to run clients on it.
type testBundle struct {
	t     *testing.T
	store *store.Store
	log   *slog.Logger
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	t.Parallel()
	return &testBundle{
		t:     t,
		store: store.Open(testdb.New(t), nil, time.Hour),
		log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// tileArgs is a job of a multiplication, as package jobs has it.
type tileArgs struct {
	MultiplicationID uuid.UUID `json:"multiplication_id"`
	Tile             int64     `json:"tile"`
}

// Kind implements river.JobArgs.
func (tileArgs) Kind() string { return "multiply_tile" }

// work is what a worker does with a tile.
type work func(context.Context, *river.Job[tileArgs]) error

// idle does nothing.
func idle(context.Context, *river.Job[tileArgs]) error { return nil }

func workers(w work) *river.Workers {
	all := river.NewWorkers()
	river.AddWorker(all, river.WorkFunc(w))
	return all
}

// client returns a client that is not started; it is stopped at the end of the test.
func (b *testBundle) client(config Config, w work) *Client {
	b.t.Helper()
	config.Tiles = cmp.Or(config.Tiles, 2)
	config.Small = cmp.Or(config.Small, 2)
	sender := notify.NewSender(b.store.Pool, b.log)
	c, err := New(b.store, sender, config, Parts{Workers: workers(w)}, b.log)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(sender.Stop)
	b.t.Cleanup(c.Stop)
	return c
}

// start returns a client that has been started.
func (b *testBundle) start(config Config, w work) *Client {
	b.t.Helper()
	c := b.client(config, w)
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// fourM, fourK and fourN are the shape of a multiplication of four tiles.
const (
	fourM = 2600
	fourK = 2
	fourN = 2100
)

// enqueue writes the row of a multiplication, m×k times k×n, and enqueues its jobs.
func (b *testBundle) enqueue(c *Client, queue string, m, k, n int64) Group {
	b.t.Helper()
	plan := matrix.NewPlan(m, k, n)
	id := store.NewID()
	var group Group
	err := b.store.InTx(b.t.Context(), func(tx *store.Tx) (err error) {
		order := Order{
			Kind:     tileArgs{}.Kind(),
			Queue:    queue,
			Priority: 2,
			Across:   plan.Across(),
			Title:    b.t.Name(),
		}
		if group, err = c.EnqueueTx(b.t.Context(), tx, id, order, 0, plan.Tiles()-1); err != nil {
			return err
		}
		return b.insertTx(tx, plan, group)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return group
}

// insertTx writes the row of a multiplication, and those of its matrices.
func (b *testBundle) insertTx(tx *store.Tx, plan matrix.Plan, g Group) error {
	var ids [3]uuid.UUID
	for i := range ids {
		m, err := tx.For(identity.DefaultTenant).InsertMatrix(b.t.Context(), store.NewRandom(matrix.Shape{DType: matrix.Float64}, 1))
		if err != nil {
			return err
		}
		ids[i] = m.ID
	}
	_, err := tx.For(identity.DefaultTenant).InsertMultiplication(b.t.Context(), store.Multiplication{
		ID:         g.ID,
		A:          ids[0],
		B:          ids[1],
		C:          ids[2],
		Priority:   2,
		State:      "pending",
		M:          plan.M,
		K:          plan.K,
		N:          plan.N,
		DType:      matrix.Float64,
		TileRows:   plan.TileRows,
		TileCols:   plan.TileCols,
		TilesTotal: plan.Tiles(),
		FirstJob:   g.First,
		LastJob:    g.Last,
	})
	return err
}

func (b *testBundle) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.store.Pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatal(err)
	}
}

// query returns the only row of a query, which has one column.
func query[T any](b *testBundle, sql string, args ...any) T {
	b.t.Helper()
	rows, err := b.store.Pool.Query(b.t.Context(), sql, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	var value T
	select {
	case value = <-c:
	case <-time.After(waitTimeout):
		t.Fatalf("waiting for the %s: nothing within %s", what, waitTimeout)
	}
	return value
}

// notifications are those on the channel on which River's producers listen.
type notifications struct {
	b    *testBundle
	conn *pgx.Conn
}

// insertNotifications is the name in Postgres of the channel on which River's producers listen.
const insertNotifications = "public.river_insert"

// listen begins to receive notifications.
func (b *testBundle) listen() *notifications {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), testdb.URL(b.store.Pool))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(b.t.Context(), "LISTEN "+pgx.Identifier{insertNotifications}.Sanitize()); err != nil {
		b.t.Fatal(err)
	}
	return &notifications{b: b, conn: conn}
}

// next waits for a notification and returns its payload.
func (n *notifications) next() string {
	n.b.t.Helper()
	ctx, cancel := context.WithTimeout(n.b.t.Context(), waitTimeout)
	defer cancel()
	notification, err := n.conn.WaitForNotification(ctx)
	if err != nil {
		n.b.t.Fatal(err)
	}
	return notification.Payload
}

// sent returns the payloads of the notifications that were sent before the call.
func (n *notifications) sent() []string {
	n.b.t.Helper()
	const last = "the last one"
	n.b.exec("SELECT pg_notify($1, $2)", insertNotifications, last)
	var payloads []string
	for {
		payload := n.next()
		if payload == last {
			return payloads
		}
		payloads = append(payloads, payload)
	}
}
