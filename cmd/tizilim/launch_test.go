package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/api/v1"
	"github.com/tizilim/tizilim/cmd/tizilim/demo"
	"github.com/tizilim/tizilim/domain"
)

// While the registry starts, probes are answered: alive, and not ready because of what.
func TestStartingIsAnswered(t *testing.T) {
	rules, err := openRules(rulesFlags{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, logger := filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler)
	d := demonstration{data: data, begin: time.Now(), out: io.Discard, logger: logger, world: demo.NewWorld(rules.rules().Catalog), fees: rules.fees}
	var at string
	greeted := make(chan struct{})
	around := func(ctx context.Context, f *folder, addr *net.TCPAddr) (*surroundings, error) {
		at = "http://" + addr.String()
		s, err := d.around(ctx, f, addr)
		if err != nil {
			return nil, err
		}
		s.fill = func(context.Context, *registry) error {
			if h := health(t, at+"/livez", 200); h.Status != "ok" {
				t.Errorf("livez while starting: %+v", h)
			}
			if h := health(t, at+"/readyz", 503); len(h.Reasons) != 1 || !strings.HasPrefix(h.Reasons[0], "starting: ") {
				t.Errorf("readyz while starting: %+v", h)
			}
			health(t, at+"/api/v1/licenses", 503)
			return nil
		}
		s.greet = func(ctx context.Context, r *registry) error {
			defer close(greeted)
			if err := r.follower.CaughtUp(ctx); err != nil {
				return err
			}
			health(t, at+"/readyz", 200)
			health(t, at+"/api/v1/licenses", 200)
			return nil
		}
		return s, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- launch{listenFlag: listenFlag{"127.0.0.1:0"}, storeFlag: storeFlag{dataFlag: dataFlag{Data: data}}, kind: demoKind, rules: rules, logger: logger, around: around}.run(ctx)
	}()
	select {
	case err := <-ended:
		t.Fatalf("ended: %v", err)
	case <-greeted:
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func health(t *testing.T, url string, status int) (h v1.Health) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return h
	}
	defer resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("%s: %s, want %d", url, resp.Status, status)
	}
	if strings.HasSuffix(url, "z") {
		if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	return h
}

func TestStartWithoutAPortLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := filepath.Join(t.TempDir(), "data")
	out, code := command("demo", "--data", data, "--listen", taken.Addr().String())
	if code != 1 || !strings.Contains(out, "is taken by another program") {
		t.Errorf("%d: %s", code, out)
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the start left %s behind: %v", data, err)
	}
}

// A folder that lost its note of the kind gets it back, so that the next start need not read the log for it.
func TestKindIsWrittenAgain(t *testing.T) {
	f, err := storeFlag{dataFlag: dataFlag{Data: sampleFolder(t)}}.lockExisting()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := os.Stat(f.kindFile()); !os.IsNotExist(err) {
		t.Fatalf("an import has left a note: %v", err)
	}
	if err := f.claim(t.Context(), demoKind); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("as a demo: %v", err)
	}
	for range 2 {
		if err := f.claim(t.Context(), registryKind); err != nil {
			t.Error(err)
		}
		if is, err := os.ReadFile(f.kindFile()); err != nil || string(is) != "registry\n" {
			t.Errorf("the note says %q, %v", is, err)
		}
	}
}
