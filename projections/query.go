package projections

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tizilim/tizilim/domain"
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

// Cursor says where a page ended, in a form that tells the caller nothing.
func Cursor(keys ...int64) string {
	var b []byte
	for _, k := range keys {
		b = binary.AppendVarint(b, k)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads a cursor of one key.
func ParseCursor(cursor string) (int64, error) {
	keys, err := ParseCursors(cursor, 1)
	if err != nil {
		return 0, err
	}
	return keys[0], nil
}

// ParseCursors reads a cursor of n keys; what is none is domain.ErrInvalid.
func ParseCursors(cursor string, n int) ([]int64, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	keys := make([]int64, n)
	for i := range keys {
		k, size := binary.Varint(b)
		if err != nil || size <= 0 {
			return nil, fmt.Errorf("cursor %.40q: not a cursor of this list: %w", cursor, domain.ErrInvalid)
		}
		keys[i], b = k, b[size:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("cursor %.40q: not a cursor of this list: %w", cursor, domain.ErrInvalid)
	}
	return keys, nil
}
