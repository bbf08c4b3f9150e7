package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections"
	"github.com/tizilim/tizilim/projections/streams"
)

// source is where a history is read from.
type source struct {
	name string // for people
	read func(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error]
	// find is the application with the registration number; nil where the log itself tells.
	find  func(ctx context.Context, number string) (domain.Stream, error)
	close func() error
}

// source chooses: an address where one is given, the event log where no server uses the folder, and
// beside a running server its index of the log.
func (c replayCmd) source(ctx context.Context) (*source, error) {
	if c.URL != "" {
		return httpSource(c.URL, c.Token), nil
	}
	log, err := openStopped(ctx, c.lockExisting)
	if errors.Is(err, errLocked) {
		return indexSource(c.Data)
	}
	if err != nil {
		return nil, err
	}
	return &source{name: "the event log in " + log.where(), read: log.store.Read, close: log.close}, nil
}

// indexSource reads the streams read model that a running server keeps.
func indexSource(data string) (*source, error) {
	model, err := streams.Open((&folder{path: data}).read(), projections.ReadOnly())
	if err != nil {
		return nil, fmt.Errorf("read beside the running server: %w", err)
	}
	return &source{
		name: fmt.Sprintf("the index in %s, beside the running server, up to position %d", data, model.Position()),
		read: model.Read, close: model.Close,
	}, nil
}

// records reads what happened on the stream before until, all of it where until is zero.
func (s *source) records(ctx context.Context, stream domain.Stream, until time.Time) ([]domain.Record, error) {
	var records []domain.Record
	for rec, err := range s.read(ctx, stream, 1) {
		if err != nil {
			return nil, err
		}
		if until.IsZero() || rec.Time.Before(until) {
			records = append(records, rec)
		}
	}
	return records, nil
}

// httpSource asks a registry over HTTP.
func httpSource(address, token string) *source {
	address = strings.TrimSuffix(address, "/")
	read := func(ctx context.Context, stream domain.Stream, from uint64) iter.Seq2[domain.Record, error] {
		return func(yield func(domain.Record, error) bool) {
			records, err := askHistory(ctx, address, token, stream)
			for _, rec := range records {
				if rec.Version >= from && !yield(rec, nil) {
					return
				}
			}
			if err != nil {
				yield(domain.Record{}, err)
			}
		}
	}
	find := func(ctx context.Context, number string) (domain.Stream, error) {
		var a v1.Application
		if err := ask(ctx, address+"/api/v1/applications/"+url.PathEscape(number), token, &a); err != nil {
			return domain.Stream{}, err
		}
		return domain.NewStream(domain.ApplicationCategory, a.ID)
	}
	return &source{name: address, read: read, find: find, close: func() error { return nil }}
}

// maxHistory bounds what is read of an answer.
const maxHistory = 64 << 20

func askHistory(ctx context.Context, address, token string, stream domain.Stream) ([]domain.Record, error) {
	at := fmt.Sprintf("%s/api/v1/%ss/%s/history", address, stream.Category, url.PathEscape(stream.ID))
	var history v1.History
	if err := ask(ctx, at, token, &history); err != nil {
		return nil, err
	}
	return historyRecords(history, stream)
}

// ask gets what the registry answers at the address.
func ask(ctx context.Context, at, token string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return fmt.Errorf("--url %s: %w: %w", at, domain.ErrInvalid, err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", domain.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxHistory))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", at, domain.ErrUnavailable, err)
	}
	if resp.StatusCode != http.StatusOK {
		var problem v1.Problem
		_ = json.Unmarshal(body, &problem) // what is no problem+json has no title
		return fmt.Errorf("%s answers %s %s", at, resp.Status, problem.Title)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("%s: not what was asked for: %w", at, err)
	}
	return nil
}

// historyRecords makes the records of the stream out of an answer, which may hold other streams too.
func historyRecords(history v1.History, stream domain.Stream) ([]domain.Record, error) {
	var records []domain.Record
	for _, e := range history.Items {
		if e.Stream != stream.String() {
			continue
		}
		id, err := uuid.Parse(e.Event)
		if err != nil {
			return nil, fmt.Errorf("event id %q: %w", e.Event, domain.ErrDamaged)
		}
		rec := domain.Record{Stream: stream, Version: e.Version, Position: domain.Position(e.Position)}
		rec.Event = domain.Event{ID: id, Type: e.Type, Schema: 1, Time: e.Time, Actor: domain.Actor{
			ID: e.Actor.ID, Name: e.Actor.Name, Role: domain.Role(e.Actor.Role), Organization: e.Actor.Organization, Channel: e.Actor.Channel,
		}}
		if e.Data != nil {
			if rec.Data, err = json.Marshal(e.Data); err != nil {
				return nil, err
			}
		}
		records = append(records, rec)
	}
	return records, nil
}
