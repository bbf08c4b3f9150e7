package standin

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tizilim/tizilim/domain"
)

const (
	seedFile    = "demo-seed"         // 32 bytes in hexadecimal
	revokedFile = "demo-revoked.json" // one JSON object a line
	seedSize    = 32
)

// openSeed reads the seed, and makes it where there is none. Of two processes that make one at the
// same time both get the one that was there first.
func openSeed(dir string) ([]byte, error) {
	name := filepath.Join(dir, seedFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSeed(dir, name); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(seed) != seedSize {
		return nil, fmt.Errorf("%s is no seed: %w", name, domain.ErrDamaged)
	}
	return seed, nil
}

func makeSeed(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, seedFile+"-") // only its owner may read it
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	seed := make([]byte, seedSize)
	rand.Read(seed) // never fails
	_, err = fmt.Fprintln(tmp, hex.EncodeToString(seed))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	// A link never replaces: whoever comes second keeps the first one's seed.
	if err := os.Link(tmp.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// revocation is a line of the file of revocations.
type revocation struct {
	Serial string    `json:"serial"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
}

// Revoke makes the key of the serial number sign nothing any more, from now on and in every process of
// the demonstration. What was accepted before stays accepted.
func (d *Demo) Revoke(serial, reason string) error {
	line, err := json.Marshal(revocation{Serial: serial, At: d.now().UTC(), Reason: reason})
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(d.dir, revokedFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("revoke key: %w: %w", domain.ErrUnavailable, err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("revoke key: %w: %w", domain.ErrUnavailable, err)
	}
	return nil
}

// revoked looks the serial number up. The file is read each time, because another process may have
// written it. A line that cannot be read is an error: nobody knows which key it revoked.
func (d *Demo) revoked(serial string) (bool, error) {
	f, err := os.Open(filepath.Join(d.dir, revokedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read revocations: %w: %w", domain.ErrUnavailable, err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r revocation
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return false, fmt.Errorf("read revocations: %w: %w", domain.ErrUnavailable, err)
		}
		if r.Serial == serial {
			return true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("read revocations: %w: %w", domain.ErrUnavailable, err)
	}
	return false, nil
}
