// Package archive writes the whole event log as a text file and reads it back: for a backup that can
// be read without this program, for moving to another store, for an auditor.
//
// The file is JSON, one object a line. The first line says what it is, every further line is one
// commit with its position, and the last one counts them and carries the SHA-256 of every byte before
// it. Nothing in it depends on when it was made, so two exports of one log are the same bytes.
//
// Check reads a file without touching anything; Import does so first, and only then appends. A file
// that was cut or altered is refused with the line at fault.
package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"github.com/tizilim/tizilim/domain"
)

// kind and format are what the first line of a file says.
const (
	kind   = "tizilim event log"
	format = 1
)

// header is the first line.
type header struct {
	Kind   string `json:"kind"`
	Format int    `json:"format"`
}

// line is a commit with the position it had where the file was written. Other stores give it another.
type line struct {
	Position domain.Position `json:"position"`
	Commit   json.RawMessage `json:"commit"`
}

// Summary is the last line: what the file holds.
type Summary struct {
	Commits int    `json:"commits"`
	Events  int    `json:"events"`
	SHA256  string `json:"sha256"` // of every byte before the last line, hex
}

// Write writes every commit that is in the log now.
func Write(ctx context.Context, log domain.Log, w io.Writer) (Summary, error) {
	out := &writer{buffer: bufio.NewWriterSize(w, 1<<20), digest: sha256.New()}
	if err := out.line(header{kind, format}); err != nil {
		return Summary{}, err
	}
	head, err := log.Head(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("export: %w", err)
	}
	var sum Summary
	var last domain.Position
	for c, err := range present(ctx, log, head) {
		if err != nil {
			return Summary{}, fmt.Errorf("export after position %d: %w", last, err)
		}
		data, err := domain.EncodeCommit(c)
		if err != nil {
			return Summary{}, fmt.Errorf("export position %d: %w", c.Position, err)
		}
		if err := out.line(line{c.Position, data}); err != nil {
			return Summary{}, err
		}
		sum.Commits, sum.Events, last = sum.Commits+1, sum.Events+len(c.Records), c.Position
	}
	if last != head {
		return Summary{}, fmt.Errorf("export ended at position %d of %d: %w", last, head, context.Cause(ctx))
	}
	sum.SHA256 = hex.EncodeToString(out.digest.Sum(nil))
	if err := out.line(sum); err != nil {
		return Summary{}, err
	}
	return sum, out.buffer.Flush()
}

// present yields the commits up to head and then stops, where Follow alone would wait for more.
func present(ctx context.Context, log domain.Log, head domain.Position) func(func(domain.Commit, error) bool) {
	return func(yield func(domain.Commit, error) bool) {
		if head == 0 {
			return
		}
		for c, err := range log.Follow(ctx, 0) {
			if !yield(c, err) || err != nil || c.Position >= head {
				return
			}
		}
	}
}

// writer writes lines and digests them.
type writer struct {
	buffer *bufio.Writer
	digest hash.Hash
}

func (w *writer) line(v any) error {
	enc := json.NewEncoder(io.MultiWriter(w.digest, w.buffer))
	enc.SetEscapeHTML(false) // a commit keeps the bytes it is stored as
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// strict decodes one JSON object that has nothing but v's fields.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return fmt.Errorf("more than one value in the line")
	}
	return nil
}
