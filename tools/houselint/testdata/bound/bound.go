package bound

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	pool "github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/store/database"
)

var (
	_ = &http.Client{}
	_ = http.Client{Timeout: time.Minute}
	_ = &http.Server{ReadHeaderTimeout: time.Second}
	_ = &http.Server{ReadHeaderTimeout: time.Second, IdleTimeout: time.Minute}
	_ = http.Transport{}
	_ = net.Dialer{Timeout: time.Second}
	_ = net.Dialer{Control: nil}
	_ = new(net.Dialer)
	_ = new(sync.Mutex)
)

func connects(ctx context.Context) {
	_, _ = pgx.Connect(ctx, "")
	_, _ = pool.New(ctx, "")
	_, _ = pool.ParseConfig("")
	_, _ = net.Dial("tcp", "")
	_, _ = http.Get("")
	_ = http.DefaultClient
	_ = http.ListenAndServeTLS("", "", "", nil)
}

func contexts(ctx context.Context) {
	read(context.Background())
	read(context.WithoutCancel(ctx))
	read(database.Unhurried(ctx))
	read(context.TODO()) //house:ignore bound it reads nothing
	within, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	read(within)
	loop, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	read(loop)
	later := context.WithoutCancel(ctx)
	later, end := context.WithDeadline(later, time.Now())
	defer end()
	read(later)
}

func read(context.Context) {}

type loops struct {
	group sync.WaitGroup
	once  sync.Once
	done  chan struct{}
}

func (l *loops) Stop() {
	l.group.Wait()
	<-l.done
	l.once.Do(func() { l.group.Wait() })
	go func() { l.group.Wait() }()
	select {
	case <-l.done:
	case <-time.After(time.Second):
		<-l.done
	}
}

// run waits for as long as it takes.
func (l *loops) run() { <-l.done }
