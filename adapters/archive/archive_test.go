package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/license"
)

// fill puts n commits into the store: number assignments, and now and then a commit of two events.
func fill(t *testing.T, store domain.EventStore, n int) {
	t.Helper()
	for i := range n {
		stream := domain.Stream{Category: domain.NumbersCategory, ID: fmt.Sprintf("series-%d", i%3)}
		payloads := []domain.Payload{license.Assigned{For: fmt.Sprint(i), Number: "№ <&> " + strings.Repeat("ә", i)}}
		expected := uint64(i / 3)
		if i%3 == 2 {
			stream = domain.Stream{Category: domain.ApplicationCategory, ID: uuid.NewSHA1(uuid.Nil, []byte{byte(i)}).String()}
			payloads = []domain.Payload{application.Opened{Service: "x"}, application.Filed{}}
			expected = 0
		}
		meta := domain.Meta{
			Command: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, "command", i)),
			Time:    time.Date(2026, 11, 1, 9, 0, i, 0, time.UTC), Actor: domain.System,
		}
		events, err := meta.Events(payloads)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), stream, expected, events); err != nil {
			t.Fatal(err)
		}
	}
}

func export(t *testing.T, log domain.Log) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := archive.Write(t.Context(), log, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExportThenImportGivesTheSameEvents(t *testing.T) {
	for _, n := range []int{0, 1, 30} {
		from, to := memstore.New(), memstore.New()
		fill(t, from, n)
		file := export(t, from)
		sum, added, err := archive.Import(t.Context(), to, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if added != n || sum.Commits != n {
			t.Errorf("%d commits: imported %d of %d", n, added, sum.Commits)
		}
		if diff := cmp.Diff(string(file), string(export(t, to))); diff != "" {
			t.Errorf("%d commits: the second export differs:\n%s", n, diff)
		}
	}
}

func TestImportGoesOnWhereItWasBrokenOff(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	fill(t, from, 30)
	file := export(t, from)
	left := 10
	to.BeforeAppend = func(domain.Commit) error {
		if left--; left < 0 {
			return domain.ErrUnavailable
		}
		return nil
	}
	if _, added, err := archive.Import(t.Context(), to, bytes.NewReader(file)); !errors.Is(err, domain.ErrUnavailable) || added != 10 {
		t.Fatalf("first import: %d, %v", added, err)
	}
	to.BeforeAppend = nil
	if _, added, err := archive.Import(t.Context(), to, bytes.NewReader(file)); err != nil || added != 20 {
		t.Fatalf("second import: %d, %v", added, err)
	}
	if _, added, err := archive.Import(t.Context(), to, bytes.NewReader(file)); err != nil || added != 0 {
		t.Fatalf("third import: %d, %v", added, err)
	}
	if !bytes.Equal(file, export(t, to)) {
		t.Error("the store does not hold what the file says")
	}
}

// bulk is a store that takes many commits at once.
type bulk struct{ *memstore.Store }

func (b bulk) AppendAll(ctx context.Context, commits iter.Seq2[domain.Commit, error]) (durable int, err error) {
	for c, err := range commits {
		if err == nil {
			events := make([]domain.Event, len(c.Records))
			for i, r := range c.Records {
				events[i] = r.Event
			}
			_, err = b.Append(ctx, c.Stream, c.Records[0].Version-1, events)
		}
		if err != nil {
			return durable, err
		}
		durable++
	}
	return durable, nil
}

// swapped is a file that is another one from the n-th time on that it is read from its beginning.
type swapped struct {
	*bytes.Reader
	n     int
	after []byte
}

func (s *swapped) Seek(offset int64, whence int) (int64, error) {
	if s.n--; s.n == 0 {
		s.Reset(s.after)
	}
	return s.Reader.Seek(offset, whence)
}

// What goes wrong while commits are appended is told with the place, and as what it is.
func TestImportSaysWhereItBrokeOff(t *testing.T) {
	from := memstore.New()
	fill(t, from, 6)
	file := export(t, from)
	cut := file[:bytes.LastIndexByte(file[:len(file)-1], '\n')] // in the last commit's line
	for _, in := range []string{"one by one", "in bulk"} {
		into := func() (*memstore.Store, archive.Store) {
			to := memstore.New()
			if in == "in bulk" {
				return to, bulk{to}
			}
			return to, to
		}
		left := 4
		to, store := into()
		to.BeforeAppend = func(domain.Commit) error {
			if left--; left < 0 {
				return domain.ErrUnavailable
			}
			return nil
		}
		_, added, err := archive.Import(t.Context(), store, bytes.NewReader(file))
		if added != 4 || !errors.Is(err, domain.ErrUnavailable) || !strings.HasPrefix(err.Error(), "import: after 4 commits: ") {
			t.Errorf("%s: %d added, %v", in, added, err)
		}
		_, store = into()
		_, added, err = archive.Import(t.Context(), store, &swapped{bytes.NewReader(file), 3, cut})
		want := "import: after 5 commits: the file changed while it was read: the last line is cut"
		if added != 5 || !errors.Is(err, domain.ErrDamaged) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %d added, %v", in, added, err)
		}
	}
}

func TestImportRefusesAnotherLog(t *testing.T) {
	one, other, longer := memstore.New(), memstore.New(), memstore.New()
	fill(t, one, 5)
	fill(t, longer, 6)
	meta := domain.Meta{Command: uuid.New(), Time: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), Actor: domain.System}
	events, err := meta.Events([]domain.Payload{license.Assigned{For: "z", Number: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Append(t.Context(), domain.Stream{Category: domain.NumbersCategory, ID: "z"}, 0, events); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]*memstore.Store{"other": other, "longer": longer} {
		before := export(t, store)
		if _, added, err := archive.Import(t.Context(), store, bytes.NewReader(export(t, one))); !errors.Is(err, domain.ErrConflict) || added != 0 {
			t.Errorf("%s: added %d, %v", name, added, err)
		}
		if !bytes.Equal(before, export(t, store)) {
			t.Errorf("%s: the store was written to", name)
		}
	}
}

// TestDamagedFilesAreRefusedWhole cuts the file at every byte, changes every byte, and drops, repeats and
// swaps every line: nothing of it may be imported.
func TestDamagedFilesAreRefusedWhole(t *testing.T) {
	from := memstore.New()
	fill(t, from, 6)
	file := export(t, from)
	refuse := func(what string, damaged []byte) {
		t.Helper()
		to := memstore.New()
		_, added, err := archive.Import(context.Background(), to, bytes.NewReader(damaged))
		head, headErr := to.Head(t.Context())
		if !errors.Is(err, domain.ErrDamaged) || added != 0 || head != 0 || headErr != nil {
			t.Errorf("%s: added %d, head %d, %v", what, added, head, err)
		}
	}
	for i := range file {
		refuse(fmt.Sprintf("cut at %d", i), file[:i])
		changed := bytes.Clone(file)
		changed[i] ^= 1
		refuse(fmt.Sprintf("byte %d changed", i), changed)
	}
	refuse("more behind", append(bytes.Clone(file), '\n'))
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range lines {
		refuse(fmt.Sprintf("line %d dropped", i+1), bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil))
		twice := append(append([][]byte{}, lines[:i+1]...), lines[i:]...)
		refuse(fmt.Sprintf("line %d twice", i+1), bytes.Join(twice, nil))
		if i > 0 {
			swapped := append([][]byte{}, lines...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			refuse(fmt.Sprintf("lines %d and %d swapped", i, i+1), bytes.Join(swapped, nil))
		}
	}
}

// TestForgedFilesAreRefused gives altered files the digest and the counts that belong to them: what does
// not fit together is found all the same.
func TestForgedFilesAreRefused(t *testing.T) {
	from := memstore.New()
	fill(t, from, 6)
	lines := strings.SplitAfter(string(export(t, from)), "\n")
	lines = lines[:len(lines)-2] // without the summary and what follows it
	tests := map[string]func([]string) []string{
		"a commit in the middle left out": func(l []string) []string { return slices.Delete(l, 1, 2) },
		"a commit twice":                  func(l []string) []string { return append(l, strings.Replace(l[1], `"position":1`, `"position":9`, 1)) },
		"positions that go back":          func(l []string) []string { l[2], l[1] = l[1], l[2]; return l },
		"an unknown event": func(l []string) []string {
			l[1] = strings.Replace(l[1], "number-assigned", "number-invented", 1)
			return l
		},
		"an unknown category": func(l []string) []string {
			l[1] = strings.Replace(l[1], `"category":"numbers"`, `"category":"somethings"`, 1)
			return l
		},
		"another spelling": func(l []string) []string {
			l[1] = strings.Replace(l[1], `"version":1`, `"version": 1`, 1)
			return l
		},
		"another field": func(l []string) []string {
			l[1] = strings.Replace(l[1], `{"position":1`, `{"extra":1,"position":1`, 1)
			return l
		},
		"another format": func(l []string) []string { l[0] = strings.Replace(l[0], "1}", "2}", 1); return l },
	}
	for name, forge := range tests {
		forged := forge(slices.Clone(lines))
		body := strings.Join(forged, "")
		if body == strings.Join(lines, "") {
			t.Errorf("%s: nothing was changed", name)
		}
		file := fmt.Sprintf("%s{\"commits\":%d,\"events\":%d,\"sha256\":\"%x\"}\n", body, len(forged)-1, strings.Count(body, `"causation"`), sha256.Sum256([]byte(body)))
		if _, err := archive.Check(strings.NewReader(file)); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}
