package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/blobstore"
	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/domain"
)

// check compares the running server with what was acknowledged in the round that is over, and repeats every
// write of the round: what was acknowledged has the same outcome, what was not has one now.
func (tr *trial) check() {
	tr.t.Helper()
	l := &tr.notes
	l.mu.Lock()
	acked, tried := l.acked, l.tried
	l.acked, l.tried = nil, nil
	l.mu.Unlock()
	for _, a := range acked {
		tr.isThere(a)
	}
	again := &writer{trial: tr, ctx: tr.t.Context()}
	for _, w := range tried {
		a := again.again(w)
		if !a.taken() {
			tr.t.Errorf("%s %s, which nobody answered, again: %d, %v: %s", w.method, w.path, a.status, a.err, a.body)
		}
		l.note(tr.t, a)
	}
	tr.checkAccounts()
	for _, a := range acked {
		tr.repeat(again, a)
	}
	tr.t.Logf("%d writes were acknowledged, %d were not; %d accounts, %d payments; %d answers 503 so far", len(acked), len(tried), len(l.accounts), len(l.paid), l.refused)
	l.mu.Lock()
	l.before = append(l.before, acked...)
	l.before = append(l.before, l.acked...) // of those that nobody had answered
	l.acked = nil
	l.mu.Unlock()
}

// isThere makes sure that the application, or its document, is what it was when the write was answered.
func (tr *trial) isThere(a acknowledged) {
	tr.t.Helper()
	if a.sha != "" {
		content, _, err := blobstore.View(filepath.Join(tr.data, "documents")).Get(tr.t.Context(), a.sha)
		if err != nil {
			tr.t.Errorf("a document that was acknowledged: %v", err)
			return
		}
		defer content.Close()
		if got, err := io.ReadAll(content); err != nil || !bytes.Equal(got, a.body) {
			tr.t.Errorf("a document that was acknowledged is another: %v", err)
		}
		return
	}
	var now v1.Application
	got, ok := tr.read(tr.t.Context(), company, "/applications/"+a.application, &now)
	if !ok || got.version < a.version || now.Status == "being-recorded" || a.result != "" && now.Result != a.result {
		tr.t.Errorf("%s was acknowledged at version %d with the license %q; now %d %v: %s", a.event, a.version, a.result, got.status, got.err, got.body)
	}
}

// again sends a write again; while read models catch up it may be told to wait.
func (c *writer) again(w *write) answer {
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // it was told to wait
		a := c.send(c.ctx, w)
		if a.status != http.StatusServiceUnavailable || time.Now().After(end) {
			return a
		}
	}
}

// repeat sends what was acknowledged a second time: the same answer, but for what came to it since.
func (tr *trial) repeat(c *writer, a acknowledged) {
	tr.t.Helper()
	got := c.again(a.write)
	if a.sha != "" && got.status == http.StatusConflict { // nothing is attached to an application that is over
		return
	}
	if !got.taken() || got.version < a.version {
		tr.t.Errorf("%s %s again: %d %v, version %d of %d: %s", a.method, a.path, got.status, got.err, got.version, a.version, got.body)
		return
	}
	var told struct{ ID, SHA256, Result string }
	if got.decode(tr.t, &told) && (told.SHA256 != a.sha || a.event == "application-opened" && told.ID != a.application || a.result != "" && told.Result != a.result) {
		tr.t.Errorf("%s %s again: %s", a.method, a.path, got.body)
	}
}

// checkAccounts makes sure that each account is what was acknowledged last, or what was tried after that.
func (tr *trial) checkAccounts() {
	tr.t.Helper()
	is := map[string]accountState{}
	for cursor := ""; ; {
		var page v1.Accounts
		if got, ok := tr.read(tr.t.Context(), admin, "/accounts?limit=500&cursor="+cursor, &page); !ok {
			tr.t.Errorf("the accounts: %d %v: %s", got.status, got.err, got.body)
			return
		}
		for _, a := range page.Items {
			is[a.ID] = accountState{a.ID, a.Name, a.Disabled}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	l := &tr.notes
	for id, want := range l.accounts {
		if is[id] != want && !slices.Contains(l.maybe[id], is[id]) {
			tr.t.Errorf("account %+v was acknowledged, %v was tried, it is %+v", want, l.maybe[id], is[id])
		}
	}
}

// logged is what the log has of a stream.
type logged struct {
	versions []uint64 // after each commit
	at       []uint64 // the commit's position
	types    map[string][]uint64
}

// checkFolder looks at the folder of a server that has ended: the log and the tree are one, the read models
// are what a rebuild gives, all that was acknowledged is in the log, once, and nothing that nobody sent.
func (tr *trial) checkFolder() {
	tr.t.Helper()
	file := filepath.Join(tr.t.TempDir(), "events.jsonl")
	for _, args := range [][]string{{"verify", "log"}, {"verify", "read-models"}, {"export", "--out", file}} {
		if out, code := command(append(args, "--data", tr.data)...); code != 0 || strings.Contains(out, "is not there") {
			tr.t.Errorf("%s: %d %s", strings.Join(args, " "), code, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		tr.t.Fatal(err)
	}
	if _, err := archive.Check(bytes.NewReader(text)); err != nil { // versions without gaps, no event twice
		tr.t.Errorf("the exported log: %v", err)
	}
	streams := tr.streams(text)
	applications := map[string]bool{}
	for _, a := range tr.notes.before {
		if a.application == "" || a.sha != "" {
			continue
		}
		applications["application/"+a.application] = true
		tr.checkAcknowledged(streams["application/"+a.application], a)
	}
	for id := range tr.notes.paid {
		if n := len(streams["application/"+id].types["application-paid"]); n != 1 {
			tr.t.Errorf("application %s: its payment was acknowledged, and stands there %d times", id, n)
		}
	}
	for name := range streams {
		if strings.HasPrefix(name, "application/") && !applications[name] {
			tr.t.Errorf("%s was opened by nobody", name)
		}
	}
	tr.checkEffects(streams)
}

// streams reads an exported log. Its positions have no gaps.
func (tr *trial) streams(export []byte) map[string]logged {
	tr.t.Helper()
	streams := map[string]logged{}
	lines := strings.Split(strings.TrimSuffix(string(export), "\n"), "\n")
	for i, text := range lines[1 : len(lines)-1] {
		var line struct {
			Position uint64
			Commit   json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			tr.t.Fatal(err)
		}
		c, err := domain.DecodeCommit(domain.Position(line.Position), line.Commit)
		if err != nil || line.Position != uint64(i)+1 {
			tr.t.Fatalf("position %d stands at place %d of the log: %v", line.Position, i+1, err)
		}
		name := c.Stream.Category + "/" + c.Stream.ID
		s := streams[name]
		if s.types == nil {
			s.types = map[string][]uint64{}
		}
		for _, r := range c.Records {
			s.types[r.Type] = append(s.types[r.Type], r.Version)
		}
		s.versions, s.at = append(s.versions, c.Records[len(c.Records)-1].Version), append(s.at, line.Position)
		streams[name] = s
	}
	return streams
}

// checkAcknowledged finds in the log what was acknowledged: its event, at the version and by the position that
// the answer named.
func (tr *trial) checkAcknowledged(s logged, a acknowledged) {
	tr.t.Helper()
	if of := s.types[a.event]; len(of) != 1 || of[0] > a.version {
		tr.t.Errorf("application %s: %s was acknowledged at version %d, and stands at %v", a.application, a.event, a.version, of)
	}
	seen := uint64(0)
	for i, at := range s.at {
		if at <= a.position {
			seen = s.versions[i]
		}
	}
	if seen < a.version {
		tr.t.Errorf("application %s: version %d was acknowledged at position %d, where it is at %d", a.application, a.version, a.position, seen)
	}
}

// checkEffects makes sure that nothing happened twice, and that what was begun by an approval was finished:
// one license each, with numbers in a row.
func (tr *trial) checkEffects(streams map[string]logged) {
	tr.t.Helper()
	approved, issued := 0, []int{}
	for name, s := range streams {
		for kind, versions := range s.types {
			if len(versions) > 1 && kind != "number-assigned" {
				tr.t.Errorf("%s: %s stands there %d times", name, kind, len(versions))
			}
		}
		if len(s.types["application-approved"]) > 0 {
			if approved++; len(s.types["application-completed"]) == 0 {
				tr.t.Errorf("%s was approved and never completed", name)
			}
		}
		if number, ok := strings.CutPrefix(name, "license/"); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				tr.t.Error(err)
			}
			issued = append(issued, n)
		}
	}
	slices.Sort(issued)
	if len(issued) != approved || approved > 0 && issued[approved-1]-issued[0] != approved-1 {
		tr.t.Errorf("%d applications were approved, the licenses are %v", approved, issued)
	}
}

// over says what a trial came to.
func (tr *trial) over(rounds int, what string) {
	licenses := 0
	for _, a := range tr.notes.before {
		if a.result != "" {
			licenses++
		}
	}
	tr.t.Logf("%d × %s: %d acknowledged writes of applications and documents, %d licenses, %d accounts, %d payments: compared with what is there",
		rounds, what, len(tr.notes.before), licenses, len(tr.notes.accounts), len(tr.notes.paid))
	if len(tr.notes.before) == 0 {
		tr.t.Error("nothing was acknowledged")
	}
}
