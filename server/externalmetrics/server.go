// Package externalmetrics serves the depth of the queues as an external metric of Kubernetes: an HPA follows it with
// neither Prometheus nor an adapter in between. Its server is one of an aggregated API: requests come from the API
// server of Kubernetes, which proves by a certificate that it says for whom, and RBAC decides what they may read. The
// metric is that of one installation, in its namespace. Of Kubernetes' libraries it uses none: the few objects that it
// reads and writes are structs of its own.
package externalmetrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/server/certificate"
)

// Settings say where external metrics are served, and what Kubernetes tells the pod that does.
type Settings struct {
	Address string `name:"external-metrics" placeholder:"ADDRESS" help:"Serve the depth of the queues to the HPAs of Kubernetes, as external metrics by HTTPS on this address, like :10250. Off by default."`
	Cert    string `name:"external-metrics-tls-cert" placeholder:"FILE" help:"Certificate of --external-metrics and its chain, in PEM; by default one that signs itself. The file and that of the key are read again when they change."`
	Key     string `name:"external-metrics-tls-key" placeholder:"FILE" help:"Key of --external-metrics-tls-cert, in PEM."`

	Kubernetes     string `name:"external-metrics-kubernetes" placeholder:"URL" help:"Address of the API of Kubernetes; by default that of the cluster in which the process runs."`
	ServiceAccount string `name:"external-metrics-service-account" default:"/var/run/secrets/kubernetes.io/serviceaccount" help:"Folder with the token, ca.crt and namespace of the pod."`
}

// prefix is that of the names of the flags.
const prefix = "external-metrics-"

func (s Settings) files() certificate.Files {
	return certificate.Files{
		TLSCert: s.Cert,
		TLSKey:  s.Key,
		Prefix:  prefix,
	}
}

// Validate returns an error that names the flag if they cannot be used.
func (s Settings) Validate() error { return s.files().Validate() }

// Certificate returns what the server shows: the certificate of the settings, or one that signs itself.
func (s Settings) Certificate(log *slog.Logger) (*certificate.Pair, error) {
	if files := s.files(); files.Given() {
		return certificate.Open(files, log)
	}
	return certificate.SelfSigned("millrace", log)
}

// requestTimeout bounds a request, what it waits for included.
const requestTimeout = 10 * time.Second

// Server is the handler of the metric. It responds to the API server of Kubernetes only.
type Server struct {
	namespace string
	depths    *depths
	callers   *callers
	access    *access
	log       *logs.Limited
}

// New returns a server of the depths that a client reads, which leads. It must be started.
func New(s Settings, q *queue.Client, log *slog.Logger) (*Server, error) {
	c, err := newCluster(s.Kubernetes, s.ServiceAccount)
	if err != nil {
		return nil, fmt.Errorf("--external-metrics: %w", err)
	}
	namespace, err := c.namespace()
	if err != nil {
		return nil, fmt.Errorf("--external-metrics: %w", err)
	}
	return &Server{
		namespace: namespace,
		depths:    &depths{queue: q, log: log},
		callers:   newCallers(c, log),
		access:    newAccess(c),
		log:       logs.NewLimited(log),
	}, nil
}

// Start reads which certificates prove that a request comes from the API server, and follows them until ctx is done.
// Until they could be read, all requests get a 503.
func (s *Server) Start(ctx context.Context) {
	s.callers.read(ctx)
	go s.callers.follow(ctx)
}

// refusal is a response that is not what was asked for.
type refusal struct {
	code   int
	reason string // of Kubernetes' list
	text   string
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

func notFound(format string, args ...any) error {
	return &refusal{
		code:   http.StatusNotFound,
		reason: "NotFound",
		text:   fmt.Sprintf(format, args...),
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	body, err := s.respond(ctx, r)
	if err == nil {
		write(w, http.StatusOK, body)
		return
	}
	var refused *refusal
	if !errors.As(err, &refused) {
		refused = &refusal{
			code:   http.StatusServiceUnavailable,
			reason: "ServiceUnavailable",
			text:   err.Error(),
		}
	}
	if refused.code != http.StatusNotFound {
		s.log.Log(ctx, slog.LevelWarn, refused.reason, "external metrics: a request was refused", "status", refused.code,
			"error", refused.text, "path", logs.Text(r.URL.Path), "client", r.RemoteAddr)
	}
	write(w, refused.code, refused.document())
}

// respond returns the document that a request asks for.
func (s *Server) respond(ctx context.Context, r *http.Request) (document, error) {
	if r.ContentLength != 0 {
		return document{}, &refusal{
			code:   http.StatusRequestEntityTooLarge,
			reason: "RequestEntityTooLarge",
			text:   "a request has no body here",
		}
	}
	who, err := s.callers.of(ctx, r)
	if err != nil {
		return document{}, err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return document{}, &refusal{
			code:   http.StatusMethodNotAllowed,
			reason: "MethodNotAllowed",
			text:   "metrics are only read here",
		}
	}
	asked, ok := parsePath(r.URL.Path)
	if !ok {
		return document{}, notFound("there is no %.200q here", r.URL.Path)
	}
	if err := s.access.check(ctx, who, asked); err != nil {
		return document{}, err
	}
	if asked.metric == "" {
		return discovery(asked.path, r.Header.Get("Accept"))
	}
	return s.values(ctx, asked, r.URL.Query())
}

// document is the body of a response.
type document struct {
	kind string // its Content-Type; JSON if it is empty
	text []byte
}

// document returns the refusal as an object of Kubernetes.
func (r *refusal) document() document {
	text, _ := json.Marshal(map[string]any{ // texts and a number
		"kind":       "Status",
		"apiVersion": "v1",
		"metadata":   map[string]any{},
		"status":     "Failure",
		"message":    r.text,
		"reason":     r.reason,
		"code":       r.code,
	})
	return document{text: text}
}

func write(w http.ResponseWriter, code int, d document) {
	if d.kind == "" {
		d.kind = "application/json"
	}
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Cache-Control", "no-cache, private")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(d.text) // a client that has left needs no response
}
