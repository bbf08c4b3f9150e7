package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/calendar"
	"github.com/tizilim/tizilim/domain/ident"
	"github.com/tizilim/tizilim/domain/license"
)

// replayCmd prints a history, folded event by event.
type replayCmd struct {
	Of     string `arg:"" name:"license-or-application" help:"Number of a license or permit, or id or registration number of an application."`
	At     string `placeholder:"DATE" env:"-" help:"Only what had happened by the end of that day (YYYY-MM-DD, in Asia/Almaty), or by an instant (RFC 3339)."`
	Format string `enum:"text,json" default:"text" env:"-" help:"text or json."`
	URL    string `placeholder:"URL" env:"-" help:"Ask the registry at this address instead of reading the data folder."`
	Token  string `placeholder:"TOKEN" help:"Bearer token of an employee's account, for --url: without one the events come without their data, and so without states."`
	storeFlag
}

// Help says where the history comes from.
func (replayCmd) Help() string {
	return `Just run it: where no server uses the data folder, the history comes from the event log itself;
beside a running server it comes from that server's index of the log, up to the last moment.
The first line of the output says which.`
}

// Run prints the history of the license with the applications it came of, or of the application.
func (c replayCmd) Run(ctx context.Context, out io.Writer) error {
	until, err := c.until()
	if err != nil {
		return err
	}
	src, err := c.source(ctx)
	if err != nil {
		return err
	}
	defer src.close()
	h, err := replay(ctx, src, c.Of, until)
	if err != nil {
		return fmt.Errorf("replay %s: %w", c.Of, err)
	}
	if c.Format == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(h)
	}
	return h.print(out)
}

// until is the instant before which an event has to have happened, zero for no end.
func (c replayCmd) until() (time.Time, error) {
	if c.At == "" {
		return time.Time{}, nil
	}
	if day, err := calendar.ParseDay(c.At); err == nil {
		return day.End(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.At)
	if err != nil {
		return t, fmt.Errorf("--at %s: neither a day (YYYY-MM-DD) nor an instant (2026-11-02T10:00:00+05:00): %w", c.At, domain.ErrInvalid)
	}
	return t.Add(time.Microsecond), nil // the instant itself is included
}

// story is a history as it is printed.
type story struct {
	Of     string         `json:"of"`
	Source string         `json:"source"`
	AsOf   string         `json:"as_of"` // the last day that is looked at
	Events []told         `json:"events"`
	State  map[string]any `json:"state,omitempty"` // of what was asked for, at the end
}

// told is one event with the state after it.
type told struct {
	domain.Record
	Progress *application.Progress `json:"progress,omitempty"`
	After    map[string]any        `json:"after,omitempty"`
}

// replay reads and folds what concerns the license or application.
func replay(ctx context.Context, src *source, of string, until time.Time) (*story, error) {
	stream, err := resolve(ctx, src, of)
	if err != nil {
		return nil, err
	}
	records, err := src.records(ctx, stream, until)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("no such license or application by that time: %w", domain.ErrNotFound)
	}
	records, err = withApplications(ctx, src, records, until)
	if err != nil {
		return nil, err
	}
	return tell(src, stream, records, until)
}

// resolve finds the stream that an argument names, a number as people write it or an id.
func resolve(ctx context.Context, src *source, of string) (domain.Stream, error) {
	if id, err := uuid.Parse(of); err == nil {
		return domain.NewStream(domain.ApplicationCategory, id.String())
	}
	number, err := ident.Normalize(of)
	if err != nil {
		return domain.Stream{}, err
	}
	if class, n, err := ident.ParsePermitNumber(number); err == nil && class == "APP" {
		if src.find != nil {
			return src.find(ctx, number)
		}
		return registered(ctx, src, n)
	}
	return domain.NewStream(domain.LicenseCategory, number)
}

// registered is the application that the registration number was assigned to: the number is the
// version of that event in its series.
func registered(ctx context.Context, src *source, n uint64) (domain.Stream, error) {
	series := domain.Stream{Category: domain.NumbersCategory, ID: "application"}
	for rec, err := range src.read(ctx, series, n) {
		if err != nil {
			return domain.Stream{}, err
		}
		assigned, err := license.DecodeAssigned(rec.Event)
		if err != nil {
			return domain.Stream{}, err
		}
		return domain.NewStream(domain.ApplicationCategory, assigned.For)
	}
	return domain.Stream{}, fmt.Errorf("no application has this number: %w", domain.ErrNotFound)
}

// withApplications adds to the records of a license those of the applications it and its copies came
// of, in the order of the log.
func withApplications(ctx context.Context, src *source, records []domain.Record, until time.Time) ([]domain.Record, error) {
	var streams []domain.Stream
	for _, rec := range records {
		if id := applicationOf(rec); id != "" {
			streams = append(streams, domain.Stream{Category: domain.ApplicationCategory, ID: id})
		}
	}
	for _, stream := range streams {
		more, err := src.records(ctx, stream, until)
		if err != nil && !errors.Is(err, domain.ErrNotFound) {
			return nil, err
		}
		records = append(records, more...)
	}
	slices.SortStableFunc(records, func(a, b domain.Record) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Version, b.Version))
	})
	return records, nil
}

// applicationOf is the application that a license's event came of, "" for none.
func applicationOf(rec domain.Record) string {
	if rec.Stream.Category != domain.LicenseCategory || len(rec.Data) == 0 {
		return ""
	}
	switch p, _ := license.Decode(rec.Event); e := p.(type) { // told again where it is folded
	case license.Issued:
		return e.Application
	case license.Duplicated:
		return e.Application
	}
	return ""
}

// tell folds the records, each into the state of its own stream.
func tell(src *source, asked domain.Stream, records []domain.Record, until time.Time) (*story, error) {
	today := calendar.DayOf(time.Now())
	if !until.IsZero() {
		today = calendar.DayOf(until.Add(-time.Microsecond))
	}
	h := &story{Of: asked.String(), Source: src.name, AsOf: string(today)}
	licenses, applications := map[string]*license.State{}, map[string]*application.State{}
	for _, rec := range records {
		one := told{Record: rec}
		if len(rec.Data) > 0 {
			var err error
			if rec.Stream.Category == domain.LicenseCategory {
				one.After, err = foldLicense(licenses, rec, string(calendar.DayOf(rec.Time)))
			} else {
				one.Progress, one.After, err = foldApplication(applications, rec)
			}
			if err != nil {
				return nil, err
			}
		}
		h.Events = append(h.Events, one)
	}
	if s := licenses[asked.ID]; s != nil {
		h.State = licenseState(*s, string(today))
	} else if s := applications[asked.ID]; s != nil {
		h.State = applicationState(*s)
	}
	return h, nil
}

func foldLicense(states map[string]*license.State, rec domain.Record, day string) (map[string]any, error) {
	s := states[rec.Stream.ID]
	if s == nil {
		s = &license.State{}
		states[rec.Stream.ID] = s
	}
	if err := license.Fold(s, rec); err != nil {
		return nil, err
	}
	return licenseState(*s, day), nil
}

func foldApplication(states map[string]*application.State, rec domain.Record) (*application.Progress, map[string]any, error) {
	s := states[rec.Stream.ID]
	if s == nil {
		s = &application.State{}
		states[rec.Stream.ID] = s
	}
	if err := application.Fold(s, rec); err != nil {
		return nil, nil, err
	}
	payload, err := application.Decode(rec.Event)
	if err != nil {
		return nil, nil, err
	}
	way := application.Way(payload)
	return &way, applicationState(*s), nil
}
