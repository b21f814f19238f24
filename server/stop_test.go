package server_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
)

// TestPartsStopSideBySide: the jobs of an API that stops do not wait for its requests: it gives up its lease while a
// request is still in flight, which then gets its response.
func TestPartsStopSideBySide(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	api := start(t, []string{"DATABASE_URL=" + testdb.URL(pool)}, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	body, rest := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		api.logged(`msg=serving api=(\S+)`)+"/v1/matrices", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue") // the body is sent when the handler reads it
	transport := &http.Transport{ExpectContinueTimeout: waitTimeout}
	defer transport.CloseIdleConnections()
	status := make(chan int, 1)
	go func() {
		response, err := transport.RoundTrip(request)
		if err != nil {
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	if _, err := io.WriteString(rest, "[[1, 2],"); err != nil {
		t.Fatal(err)
	}
	if err := api.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for leases := 1; leases > 0; time.Sleep(10 * time.Millisecond) {
		if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM workers").Scan(&leases); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		_, _ = io.WriteString(rest, "[3, 4]]") // a request that was ended gets no status
		_ = rest.Close()
	}()
	if got := <-status; got != http.StatusCreated {
		t.Errorf("an upload that was in flight when the process stopped: %d, want 201", got)
	}
	<-api.ended
	if api.code != 0 {
		t.Errorf("the API ended with %d, want 0", api.code)
	}
}

// TestWarnsOfTheKill: a process that may need longer to stop than it is given says so when it starts, and no other.
func TestWarnsOfTheKill(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.URL(testdb.New(t)), "MILLRACE_STOP_WITHIN=60s"}
	for _, c := range []struct {
		warns bool
		args  []string
	}{
		{false, []string{"api", "--drain=10s"}},
		{true, []string{"api", "--drain=40s"}},
		{false, []string{"api", "--drain=40s", "--stop-within=90s"}},
		{false, []string{"api", "--drain=40s", "--stop-within=0"}},
		{false, []string{"worker"}},
		{true, []string{"worker", "--soft-stop=26s"}},
	} {
		p := start(t, env, append(c.args, "--ops-addr=127.0.0.1:0", "--blocks=none")...) // it fails after that
		<-p.ended
		if got := strings.Contains(p.log.String(), "may be killed while it stops"); got != c.warns {
			t.Errorf("%v warns: %t, want %t", c.args, got, c.warns)
		}
	}
}

// TestProfiles: profiles are for administrators, except where only this machine reaches them and needs no key for
// anything.
func TestProfiles(t *testing.T) {
	t.Parallel()
	env := []string{"DATABASE_URL=" + testdb.URL(testdb.New(t)), "MILLRACE_BLOCKS=postgres"}
	key := func(scopes string) string {
		t.Helper()
		p := start(t, env, "keys", "create", "--name="+scopes, "--scopes="+scopes)
		<-p.ended
		return strings.TrimSpace(p.out.String())
	}
	reader, admin := key("read"), key("admin")
	flags := []string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}
	open := start(t, env, flags...).logged(`msg=serving api=\S+ ops=(\S+)`)
	closed := start(t, env, append(flags, "--auth")...).logged(`msg=serving api=\S+ ops=(\S+)`)
	for _, c := range []struct {
		url, token string
		want       int
	}{
		{open + "/debug/pprof/goroutine?debug=1", "", http.StatusOK},
		{open + "/debug/pprof/cmdline", "", http.StatusNotFound},
		{open + "/debug/pprof/profile?seconds=3600", "", http.StatusBadRequest},
		{closed + "/debug/pprof/goroutine", "", http.StatusUnauthorized},
		{closed + "/debug/pprof/goroutine", "mr_none", http.StatusUnauthorized},
		{closed + "/debug/pprof/goroutine", reader, http.StatusForbidden},
		{closed + "/debug/pprof/goroutine?debug=2", admin, http.StatusOK},
		{closed + "/debug/pprof/heap", admin, http.StatusOK},
		{closed + "/debug/pprof/profile?seconds=0.01", admin, http.StatusOK},
		{closed + "/debug/pprof/trace?seconds=0.01", admin, http.StatusOK},
		{closed + "/metrics", "", http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			request.Header.Set("Authorization", "Bearer "+c.token)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != c.want || len(text) == 0 {
			t.Errorf("GET %s with %.6q: %s, %d bytes, %v, want %d", c.url, c.token, response.Status, len(text), err, c.want)
		}
	}
}
