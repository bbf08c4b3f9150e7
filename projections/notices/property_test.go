package notices_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/deadlines"
	"github.com/tizilim/tizilim/projections/notices"
	"github.com/tizilim/tizilim/projections/sample"
)

// Whatever befalls the applications, whenever one looks, and however often the sender or its model begins anew:
// what is told is what the visits in the read model of deadlines say.
func TestNoticesAreWhatTheDeadlinesSay(t *testing.T) {
	var near, missed int
	rapid.Check(t, func(r *rapid.T) {
		commits := sample.Commits(rapid.IntRange(60, 120).Draw(r, "applications"), rapid.Uint64().Draw(r, "seed"))
		lead := rapid.SampledFrom([]time.Duration{14 * day, day, time.Hour, 10 * time.Second, 0}).Draw(r, "lead")
		w := &watch{r: r, commits: commits, lead: lead, now: sample.Begin, book: &book{}}
		defer w.close()
		w.anew(true)
		end := sample.Begin.Add(time.Duration(rapid.IntRange(15*86400, 40*86400).Draw(r, "end")) * time.Second) // of 300 days
		for w.now.Before(end) {
			gap := rapid.Int64Range(0, int64(notices.Forgotten-time.Hour)).Draw(r, "gap")
			w.look(w.now.Add(time.Duration(gap).Truncate(time.Microsecond) + time.Microsecond))
			if again := rapid.IntRange(0, 60).Draw(r, "anew"); again < 5 {
				w.anew(again == 0)
			}
		}
		want := w.expected()
		if diff := cmp.Diff(want, w.book.keys()); diff != "" {
			r.Errorf("told (-want +got):\n%s", diff)
		}
		for _, n := range w.book.kept {
			if n.Type == notices.Missed {
				missed++
			} else {
				near++
			}
		}
	})
	if !testing.Short() && (near == 0 || missed == 0) { // which looks at a few histories only
		t.Errorf("%d near and %d missed: the samples are too well behaved", near, missed)
	}
}

// watch follows a log with a sender, look by look.
type watch struct {
	r       *rapid.T
	commits []domain.Commit
	seen    int // of the commits
	lead    time.Duration
	now     time.Time
	looks   []time.Time
	book    *book

	dirs   []string
	model  *notices.Model
	sender *notices.Sender
}

// anew begins again with a new sender, and with a model that is built anew if so wanted. Models that
// were built in one go and look by look are the same.
func (w *watch) anew(rebuilt bool) {
	if rebuilt {
		old := w.model
		dir, err := os.MkdirTemp("", "notices-")
		w.must(err)
		w.dirs = append(w.dirs, dir)
		w.model, err = notices.Open(dir)
		w.must(err)
		w.must(w.model.Apply(w.r.Context(), w.commits[:w.seen]))
		if old != nil {
			if diff := cmp.Diff(w.dump(old), w.dump(w.model)); diff != "" {
				w.r.Errorf("built anew the model is another (-before +after):\n%s", diff)
			}
			w.must(old.Close())
		}
	}
	var err error
	w.sender, err = notices.NewSender(w.r.Context(), notices.Config{
		Model: w.model, Publisher: w.book, Lead: w.lead, Now: func() time.Time { return w.now }, Logger: slog.New(slog.DiscardHandler),
		CaughtUp: func(context.Context) error { return nil },
	})
	w.must(err)
}

func (w *watch) dump(m *notices.Model) string {
	var b bytes.Buffer
	w.must(m.Dump(w.r.Context(), &b))
	return b.String()
}

// look lets the time come, with all that happens until then, and tells what there is to tell.
func (w *watch) look(now time.Time) {
	first := w.seen
	for w.now = now; w.seen < len(w.commits) && !w.commits[w.seen].Records[0].Time.After(now); {
		w.seen++
	}
	w.must(w.model.Apply(w.r.Context(), w.commits[first:w.seen]))
	w.must(w.sender.Tell(w.r.Context()))
	w.looks = append(w.looks, now)
}

// expected is what has to be told, by the visits in the other read model.
func (w *watch) expected() []string {
	dir, err := os.MkdirTemp("", "notices-")
	w.must(err)
	w.dirs = append(w.dirs, dir)
	m, err := deadlines.Open(dir)
	w.must(err)
	defer m.Close()
	w.must(m.Apply(w.r.Context(), w.commits[:w.seen]))
	want := []string{}
	for _, c := range w.commits[:w.seen] {
		if c.Stream.Category != domain.ApplicationCategory || c.Records[0].Version != 1 {
			continue
		}
		visits, err := m.Visits(w.r.Context(), c.Stream.ID, w.now)
		w.must(err)
		visits = slices.DeleteFunc(visits, func(v deadlines.Visit) bool { return v.Step == deadlines.Whole })
		for i, v := range visits {
			if slices.ContainsFunc(w.looks, func(look time.Time) bool { return w.near(v, look) }) {
				want = append(want, fmt.Sprintf("deadline-approaching %s %d", v.Application, i+1))
			}
			if !v.Due.IsZero() && (v.Left.After(v.Due) || v.Left.IsZero() && !w.now.Before(v.Due.Add(notices.Settling))) {
				want = append(want, fmt.Sprintf("deadline-missed %s %d", v.Application, i+1))
			}
		}
	}
	slices.Sort(want)
	return want
}

func (w *watch) near(v deadlines.Visit, look time.Time) bool {
	return w.lead > 0 && v.Due.Sub(v.Entered) > w.lead && !look.Before(v.Due.Add(-w.lead)) && look.Before(v.Due) &&
		!look.Before(v.Entered) && (v.Left.IsZero() || v.Left.After(look))
}

func (w *watch) must(err error) {
	if err != nil {
		w.r.Helper()
		w.r.Fatal(err)
	}
}

func (w *watch) close() {
	if w.model != nil {
		w.model.Close()
	}
	for _, dir := range w.dirs {
		os.RemoveAll(dir)
	}
}
