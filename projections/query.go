package projections

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/calendar"
)

// Where gathers the conditions of a query. Conditions are fixed texts; what a caller gives is bound.
type Where struct {
	conditions []string
	args       []any
}

// Add adds a condition with its values.
func (w *Where) Add(condition string, args ...any) *Where {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
	return w
}

// Is demands that the column has the value, unless the value is empty.
func (w *Where) Is(column, value string) *Where {
	if value != "" {
		w.Add(column+" = ?", value)
	}
	return w
}

// In demands that the column has one of the values, unless there are none.
func In[S ~string](w *Where, column string, values []S) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	w.Add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// SQL is the clause, empty without conditions.
func (w *Where) SQL() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// Args are the values, in a slice of the caller's own.
func (w *Where) Args() []any { return append([]any(nil), w.args...) }

// Limit checks a page size: 0 is the default, anything outside 1 to most is domain.ErrInvalid.
func Limit(limit, standard, most int) (int, error) {
	switch {
	case limit == 0:
		return standard, nil
	case limit < 0 || limit > most:
		return 0, fmt.Errorf("limit %d: not between 1 and %d: %w", limit, most, domain.ErrInvalid)
	}
	return limit, nil
}

// cursorVersion is the first byte of every cursor: cursors of another form are refused, not misread.
const cursorVersion = 1

// Cursor says where a page ended, in a form that tells the caller nothing. Keys are not negative, and
// query is all that the list was asked for but the page: only the same query reads the cursor.
func Cursor(query string, keys ...int64) string {
	b := cursorHead(query)
	for _, k := range keys {
		b = binary.AppendUvarint(b, uint64(k))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func cursorHead(query string) []byte {
	digest := sha256.Sum256([]byte(query))
	return append([]byte{cursorVersion}, digest[:4]...)
}

// ParseCursor reads a cursor of one key.
func ParseCursor(query, cursor string) (int64, error) {
	keys, err := ParseCursors(query, cursor, 1)
	if err != nil {
		return 0, err
	}
	return keys[0], nil
}

// ParseCursors reads a cursor of n keys; what is none, or another query's, is domain.ErrInvalid.
func ParseCursors(query, cursor string, n int) ([]int64, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	b, ours := bytes.CutPrefix(b, cursorHead(query))
	keys := make([]int64, n)
	for i := range keys {
		k, size := binary.Uvarint(b)
		if err != nil || !ours || size <= 0 || k > math.MaxInt64 {
			return nil, noCursor(cursor)
		}
		keys[i], b = int64(k), b[size:]
	}
	if len(b) > 0 {
		return nil, noCursor(cursor)
	}
	return keys, nil
}

func noCursor(cursor string) error {
	return fmt.Errorf("cursor %.40q: not a cursor of this list: %w", cursor, domain.ErrInvalid)
}

// Instant reads the instant up to which something is to be told: one of RFC 3339, or a day, which is its
// end, for what happened on a day had happened by then. Empty is the zero time; anything else is
// domain.ErrInvalid.
func Instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := calendar.ParseDay(text); err == nil {
		return day.End().Add(-time.Microsecond), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q: neither a day nor an instant: %w", text, domain.ErrInvalid)
	}
	return at, nil
}

// QueryText writes what a list was asked for as a text for Cursor; parts are plain values.
func QueryText(list string, parts ...any) string {
	return fmt.Sprintf("%s%q", list, fmt.Sprintf("%+v", parts))
}
