package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// livez answers as long as the process can: whoever restarts it must not do so for a store that is
// down, because a restart helps nothing then.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) error {
	return health(w, nil)
}

// readyz says whether requests should come here: the store takes writes, nothing is known to be
// damaged, and every read model runs, has caught up, and hears of what comes.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	return health(w, s.unready(ctx))
}

// maxSilence is how long what is at the end of the log may take to come to the read models' feed.
const maxSilence = 30 * time.Second

// hearing looks whether the feed of the read models gets what the log has.
type hearing struct {
	mu    sync.Mutex // protects what follows
	owed  domain.Position
	since time.Time
}

// deaf notes where the log ends and up to where it was read. It says whether what was there before is still
// missing after maxSilence.
func (h *hearing) deaf(head, read domain.Position, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if read >= h.owed {
		h.owed, h.since = head, now
	}
	return read < h.owed && now.Sub(h.since) > maxSilence
}

// maxLag is how many commits a read model may be behind and still be ready: more than a burst, less
// than what a person would notice for long.
const maxLag = 10_000

func (s *Server) unready(ctx context.Context) []string {
	var reasons []string
	if err := s.cfg.Healthy(ctx); err != nil {
		reasons = append(reasons, "store: "+err.Error())
	}
	head, err := s.cfg.Log.Head(ctx)
	if err != nil {
		reasons = append(reasons, "log: "+err.Error())
	} else if s.hearing.deaf(head, s.cfg.Follower.Head(), s.cfg.Now()) {
		reasons = append(reasons, fmt.Sprintf("projections hear nothing: the log ends at position %d, it was read up to %d", head, s.cfg.Follower.Head()))
	}
	if err := s.damage(); err != nil {
		reasons = append(reasons, "damage: "+err.Error())
	}
	for _, p := range s.cfg.Follower.Status() {
		switch {
		case p.Err != nil:
			reasons = append(reasons, fmt.Sprintf("projection %s stopped: %v", p.Name, p.Err))
		case !p.CaughtUp:
			reasons = append(reasons, fmt.Sprintf("projection %s is being brought up to date", p.Name))
		case p.Lag > maxLag:
			reasons = append(reasons, fmt.Sprintf("projection %s is %d commits behind", p.Name, p.Lag))
		}
	}
	return reasons
}

func (s *Server) damage() error {
	if s.cfg.Damage == nil {
		return nil
	}
	return s.cfg.Damage()
}

func health(w http.ResponseWriter, reasons []string) error {
	w.Header().Set("Content-Type", "application/json")
	if len(reasons) == 0 {
		return json.NewEncoder(w).Encode(v1.Health{Status: "ok"})
	}
	w.Header().Set("Retry-After", "2")
	w.WriteHeader(http.StatusServiceUnavailable)
	return json.NewEncoder(w).Encode(v1.Health{Status: "unavailable", Reasons: reasons})
}
