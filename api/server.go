package api

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/web"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
)

// Server answers every request of the registry. Make one with New; close it after its http.Server
// has begun to shut down, so that feeds end.
type Server struct {
	cfg   Config
	log   *slog.Logger
	texts *i18n.Texts
	gate  *gate
	site  *web.Site
	mux   *http.ServeMux
	huma  huma.API

	patterns []string
	pages    map[string]bool // patterns that answer with pages
	spec     []byte          // openapi.json
	feeds    atomic.Int32    // that are open
	hearing  hearing
	closed   context.Context
	close    context.CancelFunc
}

// callback is the only route that Config can leave out.
const callback = "POST /api/v1/payments/callback"

// New makes a server. It fails where something required is missing, and where the routes and the gate's
// table of actions do not agree.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, mux: http.NewServeMux(), pages: map[string]bool{}}
	s.closed, s.close = context.WithCancel(context.Background())
	var err error
	if s.texts, err = i18n.Load(); err != nil {
		return nil, err
	}
	s.gate = &gate{accounts: cfg.Accounts, cookie: cookieName(cfg.PublicURL, "session"), proxies: cfg.Proxies}
	s.site, err = web.New(web.Config{
		Texts: s.texts, Rules: cfg.Rules, Licenses: cfg.Licenses, Deadlines: cfg.Deadlines,
		History: cfg.History, Now: cfg.Now, Viewer: s.viewer, NCALayer: cfg.NCALayer,
	})
	if err != nil {
		return nil, err
	}
	cfg.Metrics.watch(s)
	s.routes()
	if s.spec, err = s.openapi(); err != nil {
		return nil, err
	}
	return s, s.gate.check(s.patterns)
}

// complete fills in defaults and names what is missing.
func (c *Config) complete() error {
	for name, missing := range map[string]bool{
		"Store": c.Store == nil, "Log": c.Log == nil, "Rules": c.Rules == nil,
		"Licenses": c.Licenses == nil, "Applications": c.Applications == nil, "Deadlines": c.Deadlines == nil,
		"History": c.History == nil, "Follower": c.Follower == nil, "Reactor": c.Reactor == nil,
		"Accounts": c.Accounts == nil, "Verifier": c.Verifier == nil, "Blobs": c.Blobs == nil, "Now": c.Now == nil, "Healthy": c.Healthy == nil,
	} {
		if missing {
			return fmt.Errorf("api config without %s: %w", name, domain.ErrInvalid)
		}
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	c.Wait = cmp.Or(c.Wait, 3*time.Second)
	c.Version = cmp.Or(c.Version, "dev")
	c.NCALayer = cmp.Or(c.NCALayer, "wss://127.0.0.1:13579")
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
	return nil
}

// Close ends the feeds that follow the log. Everything else ends by itself.
func (s *Server) Close() { s.close() }

// visit is what the server knows of the request at hand; it travels in the request's context.
type visit struct {
	pattern string
	page    bool // answered with pages
	lang    string
	caller  caller
	address string          // where it comes from
	logged  map[string]bool // what of it stands in the access log
	write   write           // of a write
	now     time.Time       // see Server.now
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{lang: i18n.English}
}

// ServeHTTP is the one way in: it chooses the language, finds the route, lets the gate decide, reads
// what makes a write repeatable, waits for the position that a reader has seen, and hands over.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	out := &recorder{ResponseWriter: w}
	v := &visit{lang: s.texts.Choose(r.Header.Get("Accept-Language"))}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	defer func() {
		if p := recover(); p != nil {
			s.recovered(out, r, p)
		}
		s.cfg.Metrics.request(v.pattern, r.Method, out.code(), time.Since(start))
	}()
	secure(out.Header())
	handler, err := s.enter(out, r, v)
	if err != nil {
		s.refuse(out, r, err)
		return
	}
	handler.ServeHTTP(out, r)
}

// enter does everything that comes before a handler.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, v *visit) (http.Handler, error) {
	handler, pattern := s.mux.Handler(r)
	v.pattern, v.page = pattern, s.pages[pattern] || pattern == "" && !strings.HasPrefix(r.URL.Path, "/api/")
	if v.page {
		v.lang = s.site.Language(r)
	}
	if pattern == "" {
		return nil, unrouted(w, r, handler)
	}
	v.address = s.gate.address(r)
	if err := s.damage(); err != nil && actions[pattern] != access.ReadServer {
		return nil, fail("damaged", fmt.Errorf("%w: %w", domain.ErrUnavailable, err))
	}
	var err error
	if v.caller, err = s.gate.admit(r, pattern, v.page); err != nil {
		return nil, err
	}
	if err := plainQuery(r, v.page); err != nil {
		return nil, err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && pattern != callback && !v.page {
		if v.write, err = readWrite(w, r, pattern, v.caller); err != nil {
			return nil, err
		}
	} else if err := s.await(r, pattern); err != nil {
		return nil, err
	}
	return s.mux, nil
}

// unrouted tells an address that does not exist from a method that it does not have, by asking the
// mux's own answer.
func unrouted(w http.ResponseWriter, r *http.Request, fallback http.Handler) error {
	probe := &probe{header: http.Header{}}
	fallback.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		return fmt.Errorf("%s: %w", r.Method, errMethod)
	}
	return fmt.Errorf("no such address: %w", domain.ErrNotFound)
}

// plainQuery refuses a query to the API in which something cannot be read, or stands twice: which one was
// meant nobody knows.
func plainQuery(r *http.Request, page bool) error {
	if page {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return unfit("parameter-invalid")
	}
	for name, values := range query {
		if len(values) > 1 {
			return unfit("parameter-invalid", field{location: "query." + name, key: "field.twice"})
		}
	}
	return nil
}

// operations are the routes that say how the server is: they never wait for it.
var operations = map[string]bool{"GET /livez": true, "GET /readyz": true, "GET /metrics": true}

// await waits until the read models have what the reader has seen elsewhere. What is not in the log at
// all was seen nowhere, and is not waited for.
func (s *Server) await(r *http.Request, pattern string) error {
	value := r.Header.Get(positionHeader)
	if value == "" || operations[pattern] {
		return nil
	}
	position, err := parsePosition(value)
	if err != nil {
		return err
	}
	if position > s.cfg.Follower.Head() {
		head, err := s.cfg.Log.Head(r.Context())
		if err != nil {
			return fmt.Errorf("head of the log: %w", err)
		}
		if position > head {
			return fail("position-invalid", fmt.Errorf("position %d, the log ends at %d: %w", position, head, domain.ErrInvalid))
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Wait)
	defer cancel()
	if err := s.cfg.Follower.Wait(ctx, position); err != nil {
		return fail("not-yet-visible", fmt.Errorf("wait for position %d: %w: %w", position, domain.ErrUnavailable, err))
	}
	return nil
}

// recovered answers a request whose handler panicked.
func (s *Server) recovered(out *recorder, r *http.Request, p any) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	s.refuse(out, r, fmt.Errorf("panic: %v", p))
}

// secure sets the headers that every answer has. Pages are ours alone: no script, no frame, nothing
// from elsewhere; one that is to be signed says itself what more it needs. Nothing is to be kept by
// anybody, but for what says so itself: files that do not change.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", web.Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

func (w *recorder) code() int { return cmp.Or(w.status, http.StatusOK) }

// Unwrap lets http.ResponseController reach the connection: feeds flush.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// probe takes an answer that nobody is to see.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// handler is a plain net/http handler that returns its error.
type handler func(w http.ResponseWriter, r *http.Request) error

// plain registers a handler outside of huma: for what is not JSON, or a stream.
func (s *Server) plain(pattern string, h handler) {
	s.patterns = append(s.patterns, pattern)
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.refuse(w, r, err)
		}
	})
}
