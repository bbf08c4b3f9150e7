package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tizilim/tizilim/adapters/jetstream"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/loss"
	"golang.org/x/mod/sumdb/tlog"
)

// replaceLog puts the log of one folder in the place of another one's.
func replaceLog(t *testing.T, dir, from string) {
	t.Helper()
	log := filepath.Join(dir, "log")
	if err := errors.Join(os.RemoveAll(log), os.CopyFS(log, os.DirFS(filepath.Join(from, "log")))); err != nil {
		t.Fatal(err)
	}
}

// want runs a command line and wants its exit code, and texts in what it says.
func want(t *testing.T, code int, texts []string, args ...string) string {
	t.Helper()
	out, got := command(args...)
	if got != code {
		t.Errorf("tizilim %s: exit code %d, want %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("tizilim %s: it does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
	return out
}

// An old copy of the log beside a newer tree is refused, by everything that would write to it, until an
// operator declares the loss. The declaration is an event; from it on everything goes its way.
func TestRestoreAnOldCopy(t *testing.T) {
	dir := sampleFolder(t)
	replaceLog(t, dir, oldFolder(t, 100))
	refusal := "event 106 of the log, after position 100: it is missing, with 90 that followed it"
	refused := func() {
		t.Helper()
		if err := started(t, dir, func(*registry) { t.Error("a registry started on it") }); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), refusal) {
			t.Errorf("start: %v", err)
		}
		for _, args := range [][]string{{"export"}, {"import", "testdata/events.jsonl"}, {"verify", "log"}} {
			want(t, 1, []string{refusal}, append(args, "--data", dir)...)
		}
		want(t, 1, []string{"read model", "is at position 186, and the log ends at 100"}, "verify", "read-models", "--data", dir)
		want(t, 1, []string{"91 events are lost, the first of them is event 106, after position 100", refusal,
			"Merkle tree of 196 events, root GunQ96saHJyngXgVw4ayc8EpZo0qRFy+OuKS3LDhmco="}, "restore", "--data", dir)
	}
	refused()
	want(t, 1, []string{"--reason"}, "restore", "--accept-loss", "--data", dir)
	refused()
	interrupted(t, dir)
	want(t, 0, []string{"91 events are lost"}, "restore", "--accept-loss", "--reason", "the disk burned", "--data", dir)
	want(t, 0, []string{"up to position 100", "The log goes on to position 101"}, "verify", "log", "--data", dir)
	losses := 0
	err := started(t, dir, func(r *registry) {
		if err := r.follower.CaughtUp(t.Context()); err != nil {
			t.Error(err)
		}
		for rec, err := range r.store.Read(t.Context(), loss.Stream, 1) {
			if err != nil {
				t.Fatal(err)
			}
			p, err := loss.Decode(rec.Event)
			if err != nil {
				t.Fatal(err)
			}
			losses++
			got := p.(loss.Accepted)
			got.Root = ""
			if diff := cmp.Diff(loss.Accepted{Kept: 105, Had: 196, HadRoot: "GunQ96saHJyngXgVw4ayc8EpZo0qRFy+OuKS3LDhmco=", Reason: "the disk burned"}, got); diff != "" {
				t.Errorf("the declaration (-want +got):\n%s", diff)
			}
		}
	})
	if err != nil || losses != 1 {
		t.Errorf("%d declarations, %v", losses, err)
	}
	want(t, 0, []string{"of 106 events"}, "verify", "log", "--data", dir)
	want(t, 0, nil, "verify", "read-models", "--data", dir)
	want(t, 1, []string{"nothing is lost", "no loss to accept"}, "restore", "--accept-loss", "--reason", "r", "--data", dir)
	file := filepath.Join(t.TempDir(), "log.jsonl")
	out := want(t, 0, nil, "export", "--out", file, "--data", dir)
	_, root, _ := strings.Cut(out, "Merkle tree")
	root, _, _ = strings.Cut(root, "\n")
	want(t, 0, []string{"Merkle tree" + root}, "import", file, "--data", filepath.Join(t.TempDir(), "other"))
}

// interrupted declares the loss as a run does that is killed before it cuts the tree.
func interrupted(t *testing.T, dir string) {
	t.Helper()
	kept, err := os.ReadFile(filepath.Join(dir, "tree.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, 0, nil, "restore", "--accept-loss", "--reason", "the disk burned", "--data", dir)
	if err := os.WriteFile(filepath.Join(dir, "tree.sqlite"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := started(t, dir, func(*registry) { t.Error("a registry started on it") }); !errors.Is(err, domain.ErrDamaged) {
		t.Errorf("after a run that was cut off: %v", err)
	}
}

// The store alone knows how far its log went where the tree had not followed it so far: that loss is declared too.
func TestRestoreTheEnd(t *testing.T) {
	dir := sampleFolder(t)
	mark := filepath.Join("log", "mark.json")
	keep := map[string]string{mark: dir, "tree.sqlite": oldFolder(t, 100)}
	for file, from := range keep {
		content, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		keep[file] = string(content)
	}
	replaceLog(t, dir, oldFolder(t, 150))
	for file, content := range keep {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refusal := "position 186"
	if err := started(t, dir, func(*registry) { t.Error("a registry started on it") }); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), refusal) {
		t.Errorf("start: %v", err)
	}
	want(t, 1, []string{refusal}, "restore", "--data", dir)
	want(t, 0, []string{"the end of the log is lost", refusal, "Merkle tree of 158 events"}, "restore", "--accept-loss", "--reason", "the disk burned", "--data", dir)
	// As a run leaves it that is killed when it has declared the loss.
	if err := os.WriteFile(filepath.Join(dir, mark), []byte(keep[mark]), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, 1, []string{refusal}, "export", "--data", dir)
	want(t, 0, []string{"the end of the log is lost"}, "restore", "--accept-loss", "--reason", "the disk burned", "--data", dir)
	err := started(t, dir, func(r *registry) {
		if err := r.follower.CaughtUp(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]loss.Accepted{{Kept: 158}}, lossesIn(t, r.store)); diff != "" {
			t.Errorf("the declarations (-want +got):\n%s", diff)
		}
	})
	if err != nil {
		t.Error(err)
	}
	want(t, 0, []string{"of 159 events"}, "verify", "log", "--data", dir)
	want(t, 0, nil, "verify", "read-models", "--data", dir)
	want(t, 1, []string{"no loss to accept"}, "restore", "--accept-loss", "--reason", "r", "--data", dir)
}

// Without its tree a log is refused too; a tree whose root still tells that the log is whole is mended
// without a loss.
func TestRestoreWithoutTheTree(t *testing.T) {
	dir := sampleFolder(t)
	file := filepath.Join(dir, "tree.sqlite")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	leaf := firstLeaf(t, dir)
	other := leaf
	other[7] ^= 1
	damaged := bytes.ReplaceAll(whole, leaf[:], other[:])
	if bytes.Equal(damaged, whole) {
		t.Fatal("the file does not have the hash of the first event")
	}
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	refusal := "the Merkle tree at event 1 of the log, position 1: a hash was changed"
	if err := started(t, dir, func(*registry) { t.Error("a registry started on it") }); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("start: %v", err)
	}
	want(t, 1, []string{refusal, "nothing is lost"}, "restore", "--data", dir)
	want(t, 0, []string{"nothing is lost", "of 196 events, root GunQ96saHJyngXgVw4ayc8EpZo0qRFy+OuKS3LDhmco="}, "restore", "--accept-loss", "--reason", "r", "--data", dir)
	want(t, 0, []string{"of 196 events"}, "verify", "log", "--data", dir)

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := started(t, dir, func(*registry) { t.Error("a registry started on it") }); !errors.Is(err, domain.ErrDamaged) || !strings.Contains(err.Error(), "tree.sqlite is gone") {
		t.Errorf("start: %v", err)
	}
	want(t, 1, []string{"the Merkle tree is lost"}, "restore", "--data", dir)
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) > 0 {
		t.Errorf("a run that changes nothing left %v, %v", left, err)
	}
	want(t, 0, []string{"the Merkle tree is lost"}, "restore", "--accept-loss", "--reason", "r", "--data", dir)
	if err := os.Remove(file); err != nil { // as after a crash between the declaration and the tree
		t.Fatal(err)
	}
	want(t, 0, []string{"the Merkle tree is lost"}, "restore", "--accept-loss", "--reason", "r", "--data", dir)
	if err := started(t, dir, func(r *registry) {
		if err := r.follower.CaughtUp(t.Context()); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Error(err)
	}
	want(t, 0, []string{"of 197 events"}, "verify", "log", "--data", dir)
}

// Nodes that share a log have a tree each, which may know more or less of it. A loss that was declared on one
// is accepted on the others, and what the log does not tell of it yet goes into the log.
func TestRestoreOnSeveralNodes(t *testing.T) {
	whole := inMemory(t)
	log := shortened(t, whole, 100)
	had := func(events int64) loss.Accepted { return loss.Accepted{Kept: 105, Had: events} }
	for _, node := range []struct {
		knows int // commits
		want  []loss.Accepted
	}{
		{150, []loss.Accepted{had(158)}},
		{120, []loss.Accepted{had(158)}},
		{186, []loss.Accepted{had(158), had(196)}},
		{100, []loss.Accepted{had(158), had(196)}},
	} {
		f, err := lockFolder(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		f.at.Store = "elsewhere"
		tr, err := openTree(t.Context(), f, whole)
		if err == nil {
			err = errors.Join(grow(t.Context(), tr, shortened(t, whole, node.knows)), tr.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		r := restoration{restoreCmd: restoreCmd{AcceptLoss: true, Reason: "r", storeFlag: storeFlag{dataFlag: dataFlag{Data: f.path}}}, folder: f, store: log, out: io.Discard, now: time.Now}
		if node.knows > 100 {
			if _, err := openTree(t.Context(), f, log); !errors.Is(err, domain.ErrDamaged) {
				t.Errorf("a tree of %d commits: %v", node.knows, err)
			}
			if err := r.run(t.Context()); err != nil {
				t.Errorf("a tree of %d commits: %v", node.knows, err)
			}
		}
		tr, err = openTree(t.Context(), f, log)
		if err == nil {
			err = errors.Join(grow(t.Context(), tr, log), tr.Check(t.Context(), log), tr.Close())
		}
		if err != nil {
			t.Errorf("a tree of %d commits, afterwards: %v", node.knows, err)
		}
		if diff := cmp.Diff(node.want, lossesIn(t, log)); diff != "" {
			t.Errorf("after a tree of %d commits, the declarations (-want +got):\n%s", node.knows, diff)
		}
	}
}

// lossesIn are the declarations in the log, without what their texts and roots are.
func lossesIn(t *testing.T, log domain.EventStore) (all []loss.Accepted) {
	t.Helper()
	for rec, err := range log.Read(t.Context(), loss.Stream, 1) {
		if err != nil {
			t.Fatal(err)
		}
		p, err := loss.Decode(rec.Event)
		if err != nil {
			t.Fatal(err)
		}
		l := p.(loss.Accepted)
		all = append(all, loss.Accepted{Kept: l.Kept, Had: l.Had})
	}
	return all
}

// firstLeaf is the hash of the first event of the folder's log.
func firstLeaf(t *testing.T, dir string) (h tlog.Hash) {
	t.Helper()
	store, err := jetstream.Open(t.Context(), jetstream.Config{Dir: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for c, err := range store.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := domain.AppendCanonical(nil, c.Records[0])
		if err != nil {
			t.Fatal(err)
		}
		return tlog.RecordHash(data)
	}
	return h
}

// A log that was changed is no loss that could be accepted.
func TestRestoreRefusesAChangedLog(t *testing.T) {
	original, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(t.TempDir(), "forged.jsonl")
	body := bytes.Replace(original[:bytes.LastIndex(original, []byte(`{"commits"`))], []byte(`"number":"26000001"`), []byte(`"number":"26000009"`), 1)
	body = fmt.Appendf(body, "{\"commits\":186,\"events\":196,\"sha256\":\"%x\"}\n", sha256.Sum256(body))
	if err := os.WriteFile(forged, body, 0o600); err != nil {
		t.Fatal(err)
	}
	other, dir := filepath.Join(t.TempDir(), "other"), sampleFolder(t)
	want(t, 0, nil, "import", forged, "--data", other)
	replaceLog(t, dir, other)
	for _, args := range [][]string{{"restore"}, {"restore", "--accept-loss", "--reason", "r"}, {"export"}} {
		want(t, 1, []string{"event ", "it is not the event that was written there"}, append(args, "--data", dir)...)
	}
}
