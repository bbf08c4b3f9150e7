package jetstream

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
)

// safeBuffer is a buffer that is read while others write to it.
type safeBuffer struct {
	mu  sync.Mutex // protects buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestSayOpening: whoever waits for a start is told why it takes long, and that it goes on.
func TestSayOpening(t *testing.T) {
	defer func(d time.Duration) { openingEvery = d }(openingEvery)
	openingEvery = time.Millisecond
	var said safeBuffer
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(&said, nil))
	// use opens the log, appends to it and closes it.
	use := func(slow bool) string {
		said.mu.Lock()
		said.buf.Reset()
		said.mu.Unlock()
		s, err := Open(t.Context(), Config{Dir: dir, Logger: logger, step: func(name string) error {
			if slow && name == "selftest" { // until it has been told that it takes long
				for !strings.Contains(said.String(), "still opening") {
					time.Sleep(time.Millisecond)
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		text := said.String()
		head, err := s.Head(t.Context())
		if err == nil {
			_, err = s.Append(t.Context(), domain.Stream{Category: "a", ID: "a"}, uint64(head), []domain.Event{{
				ID: uuid.New(), Type: "a", Schema: 1, Time: time.Unix(1, 0).UTC(), Actor: domain.System, Data: []byte("{}"),
			}})
		}
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if text := use(false); strings.Contains(text, "force") {
		t.Errorf("a new log: %s", text)
	}
	if text := use(false); !strings.Contains(text, "the last process closed it") || !strings.Contains(text, "the log is open") {
		t.Errorf("after a close: %s", text)
	}
	if err := os.Remove(filepath.Join(dir, closedName)); err != nil {
		t.Fatal(err)
	}
	if text := use(true); !strings.Contains(text, "ended by force") || !strings.Contains(text, "still opening the log") {
		t.Errorf("after a kill: %s", text)
	}
}
