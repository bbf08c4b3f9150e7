package demo

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
)

// issued and revoked are lines of the authority's records, authority/issued.jsonl and revoked.jsonl.
type issued struct {
	Serial string    `json:"serial"` // hexadecimal
	Holder string    `json:"holder"`
	Usage  Usage     `json:"usage"`
	End    time.Time `json:"end"`
}

type revoked struct {
	Serial string    `json:"serial"`
	At     time.Time `json:"at"`
	Reason int       `json:"reason"` // code of RFC 5280
}

func (a *Authority) recordFile(name string) string {
	return filepath.Join(a.config.Dir, "authority", name+".jsonl")
}

func (a *Authority) openRecords() error {
	a.issued, a.revoked = map[string]issued{}, map[string]revoked{}
	return errors.Join(
		readLines(a.recordFile("issued"), func(i issued) { a.issued[i.Serial] = i }),
		readLines(a.recordFile("revoked"), func(r revoked) { a.revoked[r.Serial] = r }))
}

// readLines reads a record. A line cut by a crash at the end was never acknowledged, and is cut off.
func readLines[T any](file string, each func(T)) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) {
		if err := os.Truncate(file, int64(whole)); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(text[:whole]))
	for n := 1; lines.Scan(); n++ {
		var line T
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("%s: line %d: %w: %w", file, n, domain.ErrDamaged, err)
		}
		each(line)
	}
	return lines.Err()
}

// appendLine writes a line, durable when it returns.
func appendLine(file string, line any) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// record notes that the certificate was issued.
func (a *Authority) record(c *x509.Certificate, holder string, usage Usage) error {
	i := issued{Serial: c.SerialNumber.Text(16), Holder: holder, Usage: usage, End: c.NotAfter}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := appendLine(a.recordFile("issued"), i); err != nil {
		return err
	}
	a.issued[i.Serial] = i
	return nil
}

// Revoke revokes the certificate of the serial number, in hexadecimal, since the time. Who was revoked
// before stays so. domain.ErrNotFound where no such certificate was issued.
func (a *Authority) Revoke(serial string, reason int, at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.issued[serial]; !ok {
		return fmt.Errorf("revoke certificate %q: %w", serial, domain.ErrNotFound)
	}
	if _, ok := a.revoked[serial]; ok {
		return nil
	}
	r := revoked{Serial: serial, At: at.UTC().Truncate(time.Second), Reason: reason}
	if err := appendLine(a.recordFile("revoked"), r); err != nil {
		return fmt.Errorf("revoke certificate: %w: %w", domain.ErrUnavailable, err)
	}
	a.revoked[serial] = r
	return nil
}

func (a *Authority) revokePosted(w http.ResponseWriter, r *http.Request) {
	reason, err := strconv.Atoi(r.FormValue("reason"))
	if r.FormValue("reason") == "" {
		reason, err = cessation, nil
	}
	if err != nil || reason < 0 || reason > 10 || reason == 7 || reason == 8 {
		http.Error(w, "reason is a code of RFC 5280: 0 to 6, 9, 10", http.StatusBadRequest)
		return
	}
	err = a.Revoke(strings.ToLower(r.FormValue("serial")), reason, a.config.Now())
	switch {
	case errors.Is(err, domain.ErrNotFound):
		http.Error(w, "no such certificate", http.StatusNotFound)
	case err != nil:
		a.broken(w, err)
	default:
		fmt.Fprintln(w, "revoked")
	}
}
