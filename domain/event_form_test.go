package domain_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// The parts of an event are spelt as in the stored form of its commit, which the golden file holds.
func TestSplitEvent(t *testing.T) {
	commit, err := domain.EncodeCommit(fullCommit())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range fullCommit().Records {
		meta, data, err := domain.SplitEvent(r.Event)
		if err != nil {
			t.Fatal(err)
		}
		inner := append(append(bytes.Clone(meta[1:len(meta)-1]), `,"data":`...), data...)
		if !bytes.Contains(commit, inner) {
			t.Errorf("%s is not in %s", inner, commit)
		}
		got, err := domain.JoinEvent(r.ID, r.Type, meta, data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Event, got); diff != "" {
			t.Errorf("joined again (-want +got):\n%s", diff)
		}
	}
}

func TestSplitEventRefusesWhatCannotBeStored(t *testing.T) {
	e := fullCommit().Records[0].Event
	e.Data = []byte(`{"a":`)
	if _, _, err := domain.SplitEvent(e); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("broken data: %v", err)
	}
	e = fullCommit().Records[0].Event
	e.ID = uuid.Nil
	if _, _, err := domain.SplitEvent(e); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("no id: %v", err)
	}
}

func TestJoinEventNoticesDamage(t *testing.T) {
	e := fullCommit().Records[0].Event
	meta, data, err := domain.SplitEvent(e)
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]struct {
		token      string
		meta, data string
	}{
		"no type":                 {"", string(meta), string(data)},
		"a field more":            {e.Type, string(meta[:len(meta)-1]) + `,"x":1}`, string(data)},
		"something behind":        {e.Type, string(meta) + ` `, string(data)},
		"no meta":                 {e.Type, "", string(data)},
		"another order":           {e.Type, `{"time":"2026-03-14T09:26:53.58979Z","schema":3}`, string(data)},
		"no data":                 {e.Type, string(meta), ""},
		"white space in the data": {e.Type, string(meta), `{"a": 1}`},
		"two values":              {e.Type, string(meta), `{},{}`},
		"more closed than opened": {e.Type, string(meta), `{}}`},
		"data that is no JSON":    {e.Type, string(meta), `{"a"}`},
		"data that is cut":        {e.Type, string(meta), string(data[:len(data)-1])},
		"a string that is cut":    {e.Type, string(meta), `"abc`},
	} {
		if _, err := domain.JoinEvent(e.ID, try.token, []byte(try.meta), []byte(try.data)); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
