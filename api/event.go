package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// defaultEvents are in a batch where no limit is given.
const defaultEvents = 100

// heartbeat keeps a quiet feed's connection alive, and notices a client that has gone, or that may no
// longer read: who is logged out, or whose token was revoked, reads on for no longer than this.
var heartbeat = 15 * time.Second

// maxFeeds is how many streams are open at a time. Each is a reading of the log, of which a store that is a
// server allows about twice as many, the read models' own included.
var maxFeeds int32 = 50

// place is an event's place in the log: the position of its commit and its index there, from 0. The
// zero place is before the first event.
type place struct {
	position domain.Position
	index    int
	// before is the position that the log is followed from so that the commit comes once more: the one of the
	// commit before it, and its own where nothing of it is still to come. Nobody can tell it from the position,
	// as a log is followed from the positions of commits only, which may have gaps.
	before domain.Position
}

// whole is the index of all events of a commit.
const whole = 1<<31 - 1

// places gives the places of the commit's events, where the one before it is known. The last one is that of
// the whole commit.
func places(c domain.Commit, before domain.Position) []place {
	all := make([]place, len(c.Records))
	for i := range all {
		all[i] = place{c.Position, i, before}
	}
	all[len(all)-1] = place{c.Position, whole, c.Position}
	return all
}

func (p place) String() string {
	if p.index == whole {
		return strconv.FormatUint(uint64(p.position), 10)
	}
	return fmt.Sprintf("%d.%d.%d", p.position, p.index, p.before)
}

// parsePlace reads what String wrote, and "position.index", which was written before it told the one before:
// by a store without gaps.
func parsePlace(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	parts := strings.Split(text, ".")
	numbers := make([]uint64, len(parts))
	var err error
	for i, part := range parts {
		bits := 64
		if i == 1 {
			bits = 31
		}
		var wrong error
		numbers[i], wrong = strconv.ParseUint(part, 10, bits)
		err = errors.Join(err, wrong)
	}
	if err == nil {
		position := domain.Position(numbers[0])
		switch {
		case len(parts) == 1:
			return place{position, whole, position}, nil
		case len(parts) == 2 && position > 0:
			return place{position, int(numbers[1]), position - 1}, nil
		case len(parts) == 3 && numbers[2] < numbers[0]:
			return place{position, int(numbers[1]), domain.Position(numbers[2])}, nil
		}
	}
	return place{}, fail("sequence-invalid", fmt.Errorf("after %.40q: %w", text, domain.ErrInvalid))
}

type eventsInput struct {
	After  string `query:"after" maxLength:"40" doc:"The sequence of the last event that one has; from the first event where absent"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Of a batch, 100 where absent; a stream has none"`
	Accept string `header:"Accept" doc:"text/event-stream for a stream"`
	Last   string `header:"Last-Event-ID" doc:"As after, for a stream; goes before it"`
}

// events is the open feed of everything that happened, as CloudEvents: a batch in JSON, or a stream of
// server-sent events that catches up and then follows.
func (s *Server) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	stream := strings.Contains(in.Accept, "text/event-stream")
	if stream && in.Limit != 0 {
		return nil, unfit("parameter-invalid", field{location: "query.limit", key: "field.stream-limit"})
	}
	text := in.After
	if stream && in.Last != "" {
		text = in.Last
	}
	after, err := parsePlace(text)
	if err != nil {
		return nil, err
	}
	head, err := s.cfg.Log.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("head of the log: %w", err)
	}
	if after.position > head {
		return nil, fail("sequence-invalid", fmt.Errorf("after %s, the log ends at %d: %w", after, head, domain.ErrInvalid))
	}
	if err := s.accessed(ctx, subject{kind: "events", id: "after " + after.String()}); err != nil {
		return nil, err
	}
	if stream {
		return s.stream(func(w http.ResponseWriter, r *http.Request) error { return s.feed(w, r, after) }), nil
	}
	batch, err := s.batch(ctx, after, head, cmp.Or(in.Limit, defaultEvents))
	if err != nil {
		return nil, err
	}
	return s.stream(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/cloudevents-batch+json")
		w.Header().Set(positionHeader, positionText(head))
		return json.NewEncoder(w).Encode(batch)
	}), nil
}

// batch is the events after a place that are there now, up to the head.
func (s *Server) batch(ctx context.Context, after place, head domain.Position, limit int) ([]v1.CloudEvent, error) {
	batch := []v1.CloudEvent{}
	if last := after.before; last < head {
		for c, err := range s.cfg.Log.Follow(ctx, last) {
			if errors.Is(err, domain.ErrInvalid) {
				return nil, fail("sequence-invalid", err)
			}
			if err != nil {
				return nil, fmt.Errorf("read the log: %w", err)
			}
			batch = append(batch, cloudEvents(c, last, after)...)
			last = c.Position
			if c.Position >= head || len(batch) >= limit {
				break
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return batch[:min(limit, len(batch))], nil
}

// feed sends events as they come until the client goes or the server shuts down. A feed that breaks
// off says nothing: the client comes back with its Last-Event-ID and misses nothing. ErrUnavailable where
// there are too many.
func (s *Server) feed(w http.ResponseWriter, r *http.Request, after place) error {
	defer s.feeds.Add(-1)
	if open := s.feeds.Add(1); open > maxFeeds {
		return fmt.Errorf("%d feeds are open: %w", maxFeeds, domain.ErrUnavailable)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closed, cancel)()
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a feed has no end of its own
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if _, err := fmt.Fprint(w, "retry: 2000\n\n"); err != nil || out.Flush() != nil {
		return nil
	}
	commits, failed := s.follow(ctx, after)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for last := after.before; ; {
		var err error
		select {
		case c := <-commits:
			err = sendEvents(w, cloudEvents(c, last, after))
			last = c.Position
		case err := <-failed:
			return err // nil where the log ended because everything ends
		case <-beat.C:
			if _, err := s.gate.visitor(ctx, visitOf(ctx).caller.token); isNotFound(err) {
				return nil
			}
			_, err = fmt.Fprint(w, ": still here\n\n")
		}
		if err != nil || out.Flush() != nil {
			return nil
		}
	}
}

// follow reads the log in the background until ctx ends; failed says why it ended.
func (s *Server) follow(ctx context.Context, after place) (<-chan domain.Commit, <-chan error) {
	commits, failed := make(chan domain.Commit), make(chan error, 1)
	go func() {
		for c, err := range s.cfg.Log.Follow(ctx, after.before) {
			if err != nil {
				failed <- fmt.Errorf("follow the log: %w", err)
				return
			}
			select {
			case commits <- c:
			case <-ctx.Done():
			}
		}
		failed <- nil
	}()
	return commits, failed
}

func sendEvents(w http.ResponseWriter, events []v1.CloudEvent) error {
	for _, e := range events {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", e.Sequence, e.Type, data); err != nil {
			return err
		}
	}
	return nil
}

// cloudEvents are the commit's events after a place. The commit before it is at a position.
func cloudEvents(c domain.Commit, before domain.Position, after place) []v1.CloudEvent {
	var events []v1.CloudEvent
	for i, at := range places(c, before) {
		if r := c.Records[i]; at.position > after.position || at.position == after.position && i > after.index {
			events = append(events, cloudEvent(r, at))
		}
	}
	return events
}

func cloudEvent(r domain.Record, at place) v1.CloudEvent {
	return v1.CloudEvent{
		SpecVersion: "1.0", ID: r.ID.String(), Source: "/streams/" + r.Stream.Category + "/" + r.Stream.ID, Type: r.Type,
		Subject: r.Stream.ID, Time: r.Time, DataContentType: "application/json", Data: r.Data,
		Sequence: at.String(), StreamVersion: strconv.FormatUint(r.Version, 10), Schema: r.Schema,
		ActorID: r.Actor.ID, ActorName: r.Actor.Name, ActorRole: string(r.Actor.Role), Organization: r.Actor.Organization,
		Channel: r.Actor.Channel, Correlation: r.Correlation.String(), Causation: r.Causation.String(),
		Fingerprint: r.Fingerprint, Regulation: r.Regulation,
	}
}
