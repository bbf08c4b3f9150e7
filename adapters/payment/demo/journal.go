package demo

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tizilim/tizilim/adapters/disk"
	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/domain"
)

// journal is a file of orders, one JSON object a line; the last line of an order counts. A line cut by
// a crash at the end of the file was never acknowledged and is dropped; anything else that is no order
// is ErrDamaged.
type journal struct {
	file   *os.File
	end    int64 // of the last whole line
	broken error // a failed write that could not be taken back: nothing is written behind it
}

// openJournal reads the orders of the file, which is made where it does not exist.
func openJournal(name string) (*journal, map[string]*order, error) {
	text, err := os.ReadFile(name)
	created := errors.Is(err, fs.ErrNotExist)
	if err != nil && !created {
		return nil, nil, err
	}
	orders, whole, err := readJournal(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{file: file, end: whole}
	if err := file.Truncate(whole); err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if created {
		if err := disk.SyncDir(filepath.Dir(name)); err != nil {
			return nil, nil, errors.Join(err, file.Close())
		}
	}
	return j, orders, nil
}

// readJournal is the orders of the text, and the length of its whole lines.
func readJournal(text []byte) (orders map[string]*order, whole int64, err error) {
	orders = map[string]*order{}
	whole = int64(bytes.LastIndexByte(text, '\n') + 1)
	lines := bufio.NewScanner(bytes.NewReader(text[:whole]))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil || o.ID == "" {
			return nil, 0, fmt.Errorf("line %d is no order: %w", n, domain.ErrDamaged)
		}
		if o.Status == payment.Paid && len(o.Payments) == 0 { // a line of before an order had payments
			p := payment.Payment{Reference: o.Reference, Amount: o.Amount, Currency: o.Currency, At: o.Decided}
			o.Payments = []received{{Payment: p, Notified: o.Notified}}
		}
		orders[o.ID] = &o
	}
	return orders, whole, lines.Err()
}

// append writes the order behind the others and flushes. Where that fails the order is not in the
// journal: what was written of it is taken back.
func (j *journal) append(o *order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if j.broken != nil {
		return j.broken
	}
	line = append(line, '\n')
	_, err = j.file.WriteAt(line, j.end)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = j.file.Truncate(j.end)
		return fmt.Errorf("write order: %w", err)
	}
	j.end += int64(len(line))
	return nil
}

func (j *journal) close() error { return j.file.Close() }
