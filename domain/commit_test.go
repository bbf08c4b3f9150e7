package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

const goldenCommit = "testdata/commit.golden"

// fullCommit has something in every field of its first event, and as little as can be in the second.
func fullCommit() domain.Commit {
	id := func(n byte) uuid.UUID { return uuid.UUID{0: 0xA0, 6: 0x50, 15: n} }
	return domain.NewCommit(domain.Stream{Category: domain.LicenseCategory, ID: "26000001"}, 7, 42, []domain.Event{{
		ID: id(1), Type: "license-issued", Schema: 3,
		Time: time.Date(2026, 3, 14, 9, 26, 53, 589790000, time.UTC),
		Actor: domain.Actor{
			ID: "demo-officer", Name: "Өтініш <беруші> & \"Ко\"\t\\ 😀\u2028", Role: domain.RoleOfficer,
			Organization: "mert", Channel: "portal",
		},
		Correlation: id(2), Causation: id(3), Fingerprint: "00ff", Regulation: "kz-mert-2012-242@2013-01-01",
		Data: json.RawMessage(`{"number":"26000001","text":"a \"b\" {c} [d, <e>\u003c","n":-1.50e3,"deep":[[],{},null,true]}`),
	}, {
		ID: id(4), Type: "x", Schema: 1, Time: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		Actor: domain.System, Data: json.RawMessage(`0`),
	}})
}

// The stored form is for ever: the golden file is what registries have on their disks.
func TestCommitForm(t *testing.T) {
	data, err := domain.EncodeCommit(fullCommit())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(goldenCommit); *update && errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(goldenCommit, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(goldenCommit)
	if err != nil {
		t.Fatal(err)
	}
	golden = bytes.TrimSuffix(golden, []byte("\n"))
	if diff := cmp.Diff(string(golden), string(data)); diff != "" {
		t.Errorf("encoded (-golden +now):\n%s", diff)
	}
	got, err := domain.DecodeCommit(42, golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullCommit(), got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	// Every field of Event, and nothing else, is in it: to a JSON decoder it is the same.
	var plain struct {
		Stream  domain.Stream
		Version uint64
		Events  []domain.Event
	}
	d := json.NewDecoder(bytes.NewReader(golden))
	d.DisallowUnknownFields()
	if err := d.Decode(&plain); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullCommit(), domain.NewCommit(plain.Stream, plain.Version-1, 42, plain.Events)); diff != "" {
		t.Errorf("decoded by encoding/json (-want +got):\n%s", diff)
	}
}

func TestCommitDropsWhiteSpace(t *testing.T) {
	c := fullCommit()
	c.Records[0].Data = json.RawMessage("{ \"a\" :\n[1, 2 ] }")
	data, err := domain.EncodeCommit(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := domain.DecodeCommit(42, data)
	if err != nil || string(got.Records[0].Data) != `{"a":[1,2]}` {
		t.Errorf("%s, %v", got.Records[0].Data, err)
	}
}

func TestCommitDamaged(t *testing.T) {
	whole, err := domain.EncodeCommit(fullCommit())
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, data []byte) {
		t.Helper()
		if _, err := domain.DecodeCommit(1, data); !errors.Is(err, domain.ErrDamaged) {
			t.Errorf("%s: %v\n%s", what, err, data)
		}
	}
	damaged("nothing", nil)
	for n := range whole {
		damaged("cut", whole[:n])
	}
	damaged("something behind", append(bytes.Clone(whole), '\n'))
	for _, change := range [][2]string{
		{`"category":"license"`, `"category":"License"`},
		{`"id":"26000001"}`, `"id":"a.b"}`},
		{`"version":8`, `"version":0`}, {`"version":8`, `"version":08`}, {`"version":8`, `"version":-8`},
		{`"version":8`, `"version":8.0`}, {`"version":8`, `"version":18446744073709551615`}, {`"version":8`, `"version":18446744073709551616`},
		{`"version":8`, `"version": 8`}, {`"version":8`, `"Version":8`}, {`"version":8`, `"version":8,"version":8`},
		{`"version":8`, `"version":8,"more":1`},
		{`{"stream"`, ` {"stream"`},
		{`"schema":3`, `"schema":0`}, {`"schema":3`, `"schema":99999999999999999999`}, {`"schema":3`, `"schema":18446744073709551615`},
		{`"id":"a0000000`, `"id":"A0000000`}, {`"id":"a0000000-`, `"id":"a0000000`}, {`"id":"a0`, `"id":"g0`},
		{`000000000001","type"`, `000000000004","type"`}, // the second event's
		{`26:53.58979Z`, `26:53.589790Z`}, {`26:53.58979Z`, `26:53.58979+00:00`}, {`26:53.58979Z`, `26:53.5897901Z`}, {`26:53.58979Z`, `26:60.58979Z`},
		{`"type":"x"`, `"type":""`},
		{`"name":"Ө`, `"name":"\u04e8`}, {`\u0009`, `\t`}, {`\u0009`, "\t"}, {`\"Ко`, `\"К` + "\xff"}, {`\"Ко`, `К` + "\xff"}, {`\\ `, `\z `},
		{`"organization":"mert"`, `"organization":""`}, {`"organization":"mert",`, ``},
		{`"role":"officer"`, `"role":null`},
		{`"data":0`, `"data":`}, {`"data":0`, `"data":00`}, {`"data":0`, `"data":{"a" :1}`}, {`"data":0`, `"data":0,"data":0`},
		{`"data":0`, `"data":{]}`}, {`"data":0`, `"data":"a`}, {`"data":0`, "\"data\":\"a\nb\""}, {`"data":0`, `"data":{"a":1}}`},
	} {
		if !bytes.Contains(whole, []byte(change[0])) {
			t.Fatalf("the commit has no %s:\n%s", change[0], whole)
		}
		if change[1] == `` {
			continue // leaving out an optional field makes another good commit
		}
		damaged(change[0]+" as "+change[1], bytes.Replace(whole, []byte(change[0]), []byte(change[1]), 1))
	}
	damaged("no events", []byte(`{"stream":{"category":"license","id":"1"},"version":1,"events":[]}`))
}

func TestCommitRefused(t *testing.T) {
	for name, change := range map[string]func(*domain.Commit){
		"no events":      func(c *domain.Commit) { c.Records = nil },
		"bad stream":     func(c *domain.Commit) { c.Stream.ID = "a.b" },
		"no version":     func(c *domain.Commit) { c.Records[0].Version = 0 },
		"no id":          func(c *domain.Commit) { c.Records[1].ID = uuid.Nil },
		"repeated id":    func(c *domain.Commit) { c.Records[1].ID = c.Records[0].ID },
		"no type":        func(c *domain.Commit) { c.Records[0].Type = "" },
		"no schema":      func(c *domain.Commit) { c.Records[0].Schema = 0 },
		"no time":        func(c *domain.Commit) { c.Records[0].Time = time.Time{} },
		"nanoseconds":    func(c *domain.Commit) { c.Records[0].Time = c.Records[0].Time.Add(1) },
		"local time":     func(c *domain.Commit) { c.Records[0].Time = c.Records[0].Time.In(time.FixedZone("", 5*3600)) },
		"far future":     func(c *domain.Commit) { c.Records[0].Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no data":        func(c *domain.Commit) { c.Records[0].Data = nil },
		"broken data":    func(c *domain.Commit) { c.Records[0].Data = json.RawMessage(`{`) },
		"two data":       func(c *domain.Commit) { c.Records[0].Data = json.RawMessage(`{} {}`) },
		"name not UTF-8": func(c *domain.Commit) { c.Records[0].Actor.Name = "\xff" },
	} {
		c := fullCommit()
		change(&c)
		if data, err := domain.EncodeCommit(c); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %s, %v", name, data, err)
		}
	}
	c := fullCommit()
	c.Records[0].Data = json.RawMessage(`"` + strings.Repeat("x", domain.MaxCommitBytes) + `"`)
	if _, err := domain.EncodeCommit(c); !errors.Is(err, domain.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// FuzzDecodeCommit: what is decoded is encoded to the same bytes, and is what any JSON decoder reads.
func FuzzDecodeCommit(f *testing.F) {
	whole, err := domain.EncodeCommit(fullCommit())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(`{"stream":{"category":"a","id":"-"},"version":1,"events":[{"id":"` + uuid.NewString() + `\`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := domain.DecodeCommit(1, data)
		if err != nil {
			if !errors.Is(err, domain.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		again, err := domain.EncodeCommit(c)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("encoded again: %v\n%s\n%s", err, data, again)
		}
		var plain struct {
			Stream  domain.Stream
			Version uint64
			Events  []domain.Event
		}
		if err := json.Unmarshal(data, &plain); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(domain.NewCommit(plain.Stream, plain.Version-1, 1, plain.Events), c); diff != "" {
			t.Fatalf("encoding/json reads it otherwise:\n%s", diff)
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	c := fullCommit()
	c.Records = c.Records[:1]
	c.Records[0].Data = json.RawMessage(`{"form":"` + strings.Repeat("ж", 150) + `"}`)
	data, err := domain.EncodeCommit(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := domain.EncodeCommit(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := domain.DecodeCommit(1, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
