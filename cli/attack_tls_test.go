package cli_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/reexec"
	"github.com/millrace/millrace/internal/testtls"
)

// hello is the head of a record of TLS with 16 KiB, and that of a ClientHello with 64 KiB in it.
var hello = "\x16\x03\x01\x40\x00\x01\x00\xff\xfc" + strings.Repeat("\x03", 15<<10)

// TestMemoryUnderHandshakes: 500 handshakes that hang, of which a half is large, take no memory to speak of and keep no
// others out.
func TestMemoryUnderHandshakes(t *testing.T) {
	const (
		clients = 500
		maxMiB  = 691 // nine tenths of the limit of the container
	)
	authority := testtls.New(t)
	cert, key := authority.Issue(t.TempDir(), time.Now().Add(time.Hour))
	d := deploy(t)
	args := []string{"api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--tls-cert=" + cert, "--tls-key=" + key}
	cmd := reexec.Command(t, d.env, args...)
	if binary := plainBinary(t); binary != "" {
		cmd = exec.Command(binary, args...)
		cmd.Env = append(os.Environ(), d.env...)
	}
	cmd.Env = append(cmd.Env, "GOMEMLIMIT=691MiB")
	api := startCommand(t, cmd)
	api.untilLogs("msg=serving")
	url := apiAddress.FindStringSubmatch(api.stderr.String())[1]
	for i := range clients {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if i%2 == 1 {
			_, _ = io.WriteString(conn, hello) // it may be refused at any time
		}
	}
	transport := &http.Transport{
		TLSClientConfig: authority.Config(),
		DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext,
	}
	t.Cleanup(transport.CloseIdleConnections)
	client := http.Client{Transport: transport, Timeout: waitTimeout}
	response, err := client.Post(url+"/v1/multiplications", "application/json", strings.NewReader(twoByTwo))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		t.Errorf("a request beside them: %s, want 202", response.Status)
	}
	if peak := api.residentMiB("VmHWM"); peak >= maxMiB {
		t.Errorf("the API takes up to %d MiB, want less than %d", peak, maxMiB)
	} else {
		t.Logf("at most %d MiB", peak)
	}
}
