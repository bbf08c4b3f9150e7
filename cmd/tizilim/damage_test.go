package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/archive"
	"github.com/tizilim/tizilim/adapters/memstore"
	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/projections/payments"
	"github.com/tizilim/tizilim/projections/reactor"
	"github.com/tizilim/tizilim/projections/sample"
)

// nobody is a world that does not answer, so that the registry does nothing by itself.
type nobody struct{}

func (nobody) Find(context.Context, string) (reactor.Person, error) {
	return reactor.Person{}, domain.ErrUnavailable
}

func (nobody) Request(context.Context, reactor.Order) (reactor.Receipt, error) {
	return reactor.Receipt{}, domain.ErrUnavailable
}

func (nobody) Order(context.Context, string) (payments.Standing, error) {
	return payments.Standing{}, domain.ErrUnavailable
}

// sampleFolder is a data folder with a log, its tree, and the read models.
func sampleFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{{"import", "testdata/events.jsonl"}, {"rebuild"}} {
		if out, code := command(append(args, "--data", dir)...); code != 0 {
			t.Fatal(out)
		}
	}
	return dir
}

// copyFolder copies the folder into a new one.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// started starts the registry of the folder and calls with with it, unless the start fails.
func started(t *testing.T, dir string, with func(*registry)) (err error) {
	t.Helper()
	return startedOn(t, dir, "", with)
}

// startedOn is started for a log on a server.
func startedOn(t *testing.T, dir, store string, with func(*registry)) (err error) {
	t.Helper()
	f, err := (storeFlag{dataFlag: dataFlag{Data: dir}, logAt: logAt{Store: store}}).lockExisting()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	r, err := newRegistry(t.Context(), f, sample.Rules, outside{
		registers: nobody{}, payments: nobody{}, now: time.Now, logger: slog.New(slog.DiscardHandler), starting: func(string) {},
		paymentFlags: paymentFlags{PaymentTerm: 72 * time.Hour},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	with(r)
	return nil
}

// events reads the whole log as an export of it, whatever the positions are.
func events(t *testing.T, log domain.Log) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := archive.Write(t.Context(), log, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shortened is the log as it was when it had fewer commits.
func shortened(t *testing.T, log domain.Log, commits int) *memstore.Store {
	t.Helper()
	older := memstore.New()
	for c, err := range log.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		var events []domain.Event
		for _, r := range c.Records {
			events = append(events, r.Event)
		}
		if _, err := older.Append(t.Context(), c.Stream, c.Records[0].Version-1, events); err != nil {
			t.Fatal(err)
		}
		if c.Position == domain.Position(commits) {
			break
		}
	}
	return older
}

// oldFolder is the sample's data folder as it was when the log had fewer commits.
func oldFolder(t *testing.T, commits int) string {
	t.Helper()
	file, dir := filepath.Join(t.TempDir(), "log.jsonl"), filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, events(t, shortened(t, inMemory(t), commits)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"import", file}, {"rebuild"}} {
		if out, code := command(append(args, "--data", dir)...); code != 0 {
			t.Fatal(out)
		}
	}
	return dir
}

// TestDamage damages every class of file in a data folder in every way. A start or one scrub finds it, or
// nothing that anybody is told has changed by it.
func TestDamage(t *testing.T) {
	whole := sampleFolder(t)
	original, err := os.ReadFile("testdata/events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	old := oldFolder(t, 100)
	flips := 2
	if testing.Short() {
		flips = 1
	}
	random := rand.New(rand.NewPCG(3, 4))
	ways := map[string]func(t *testing.T, path, oldPath string){
		"a copy from before": func(t *testing.T, path, oldPath string) {
			content, err := os.ReadFile(oldPath)
			if err == nil {
				err = os.WriteFile(path, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"cut": func(t *testing.T, path, _ string) {
			info, err := os.Stat(path)
			if err == nil {
				err = os.Truncate(path, info.Size()*2/3)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, path, _ string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for i := range flips {
		place := random.Float64()
		ways[fmt.Sprint("bit ", i)] = func(t *testing.T, path, _ string) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bit := int(place * float64(8*len(content)))
			content[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Logf("bit %d of byte %d of %d", bit%8, bit/8, len(content))
		}
	}
	for _, file := range files(t, whole) {
		for name, damage := range ways {
			t.Run(file+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := copyFolder(t, whole)
				damage(t, filepath.Join(dir, file), filepath.Join(old, file))
				found := looked(t, dir, file)
				t.Log("found: ", found)
				if found == nil {
					unchanged(t, dir, original)
				}
			})
		}
	}
}

// files are the files of a data folder; of the read models, which are all of one class, two.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	classes := []string{
		"tree.sqlite", "tree-made", "log/mark.json", "log/store.json", "/index.db", "/1.blk", "TIZILIM/meta.inf", "TIZILIM/meta.sum", "read/streams-", "read/licenses-",
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && slices.ContainsFunc(classes, func(c string) bool { return strings.Contains(path, c) }) {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != len(classes) {
		t.Errorf("of the classes %q there are %q", classes, all)
	}
	return all
}

// looked is what a start of the registry and one scrub find, of the part that the file belongs to.
func looked(t *testing.T, dir, file string) error {
	t.Helper()
	var found error
	if err := started(t, dir, func(r *registry) { found = r.follower.CaughtUp(t.Context()) }); err != nil || found != nil {
		return errors.Join(err, found)
	}
	part := "log"
	if strings.HasPrefix(file, "read/") {
		part = "read-models"
	}
	if out, code := command("verify", part, "--data", dir); code != 0 {
		return errors.New(out)
	}
	return nil
}

// unchanged makes sure that log and tree of the folder are those of the original.
func unchanged(t *testing.T, dir string, original []byte) {
	t.Helper()
	out, code := command("export", "--data", dir, "--out", filepath.Join(dir, "out"))
	if code != 0 || !strings.Contains(out, "root GunQ96saHJyngXgVw4ayc8EpZo0qRFy+OuKS3LDhmco=") {
		t.Errorf("%d: %s", code, out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "out")); err != nil || !bytes.Equal(got, original) {
		t.Errorf("the log is another one: %v", err)
	}
}
