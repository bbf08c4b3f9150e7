package main

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tizilim/tizilim/api/v1"
)

// entrance answers at the registry's address from the first moment on. While the registry starts,
// which takes as long as its read models are behind, it says so: a probe that hangs looks like a process
// that is dead, and is restarted.
type entrance struct {
	server  *http.Server
	ended   chan error // the server has stopped by itself
	handler atomic.Pointer[http.Handler]
	doing   atomic.Pointer[string]
}

// enter begins to answer at the door.
func enter(door net.Listener, logger *slog.Logger) *entrance {
	e := &entrance{ended: make(chan error, 1)}
	e.say("opening the data folder")
	var starting http.Handler = http.HandlerFunc(e.starting)
	e.handler.Store(&starting)
	e.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*e.handler.Load()).ServeHTTP(w, r) }),
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	go func() { e.ended <- e.server.Serve(door) }()
	return e
}

// say tells what the start is at.
func (e *entrance) say(doing string) { e.doing.Store(&doing) }

// open lets requests through to the registry.
func (e *entrance) open(registry http.Handler) { e.handler.Store(&registry) }

// cut ends what has not ended in order.
func (e *entrance) cut() { _ = e.server.Close() } // the door is gone already after an orderly end

// starting answers before the registry does: the process lives and is not ready.
func (e *entrance) starting(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/livez" {
		writeJSON(w, "application/json", http.StatusOK, v1.Health{Status: "ok"})
		return
	}
	reason := "starting: " + *e.doing.Load()
	w.Header().Set("Retry-After", "2")
	if r.URL.Path == "/readyz" {
		writeJSON(w, "application/json", http.StatusServiceUnavailable, v1.Health{Status: "unavailable", Reasons: []string{reason}})
		return
	}
	writeJSON(w, "application/problem+json", http.StatusServiceUnavailable,
		v1.Problem{Type: "urn:tizilim:problem:unavailable", Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The registry is starting", Detail: reason})
}

func writeJSON(w http.ResponseWriter, media string, status int, body any) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error here is a client that went away
}
