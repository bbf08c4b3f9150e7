package notices_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tizilim/tizilim/adapters/notices"
)

// A ledger whose files are damaged forgets at worst what it held, and goes on taking notices.
func TestDamagedLedgerGoesOn(t *testing.T) {
	for _, file := range []string{"meta.inf", "meta.sum", "msgs/1.blk", "obs/subscriber/meta.inf", "obs/subscriber/o.dat"} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			s := embedded(t, dir)
			l, _ := in(t, s)
			publish(t, l, notice("a", 1), notice("a", 2))
			if err := l.ForSubscriber(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "nats", "jetstream", "ANNEX", "streams", notices.Stream, filepath.FromSlash(file))
			if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
			l, js := in(t, embedded(t, dir))
			publish(t, l, notice("a", 1), notice("a", 2))
			stream, err := js.Stream(t.Context(), notices.Stream)
			if err != nil || stream.CachedInfo().State.Msgs != 2 {
				t.Errorf("%+v, %v", stream, err)
			}
		})
	}
}
