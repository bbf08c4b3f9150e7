package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tizilim/tizilim/domain"
)

// The canonical bytes are for ever: digests of them are in registries, and in the hands of others.
func TestCanonical(t *testing.T) {
	const golden = "testdata/canonical.golden"
	var got []byte
	for _, r := range fullCommit().Records {
		start := len(got)
		var err error
		if got, err = domain.AppendCanonical(got, r); err != nil {
			t.Fatal(err)
		}
		c, err := domain.DecodeCommit(r.Position, got[start:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]domain.Record{r}, c.Records); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		got = append(got, '\n')
	}
	if _, err := os.Stat(golden); *update && errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-golden +now):\n%s", diff)
	}
}

// What a store adds, or spells its own way, is not in them; all the rest is.
func TestCanonicalIsOfTheEventAlone(t *testing.T) {
	r := fullCommit().Records[0]
	of := func(r domain.Record) string {
		t.Helper()
		b, err := domain.AppendCanonical(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	same, other := r, r
	same.Position = 4711
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, r.Data, "", "  "); err != nil {
		t.Fatal(err)
	}
	same.Data = spaced.Bytes()
	if of(same) != of(r) {
		t.Errorf("the store's own is in it:\n%s\n%s", of(r), of(same))
	}
	for name, change := range map[string]func(*domain.Record){
		"stream":  func(r *domain.Record) { r.Stream.ID = "26000002" },
		"version": func(r *domain.Record) { r.Version++ },
		"id":      func(r *domain.Record) { r.ID[15]++ },
		"time":    func(r *domain.Record) { r.Time = r.Time.Add(1000) },
		"actor":   func(r *domain.Record) { r.Actor.Channel = "" },
		"data":    func(r *domain.Record) { r.Data = json.RawMessage(`{}`) },
	} {
		other = r
		change(&other)
		if of(other) == of(r) {
			t.Errorf("another %s has the same bytes", name)
		}
	}
	broken := r
	broken.Data = json.RawMessage(`{`)
	if _, err := domain.AppendCanonical(nil, broken); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("broken data: %v", err)
	}
}

func BenchmarkCanonical(b *testing.B) {
	r := fullCommit().Records[0]
	r.Data = json.RawMessage(`{"form":"` + strings.Repeat("ж", 150) + `"}`)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buffer, err = domain.AppendCanonical(buffer[:0], r); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buffer)))
}
