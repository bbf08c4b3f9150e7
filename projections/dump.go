package projections

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"zombiezen.com/go/sqlite"
)

// Dump writes every row of every table as text, ordered by the table's first columns. Two models with
// equal dumps hold the same. Full-text tables are left out: they follow from the others, and Check
// compares them with those.
func (f *File) Dump(ctx context.Context, w io.Writer) error {
	return f.View(ctx, func(conn *sqlite.Conn) error {
		tables, err := tables(conn)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := dump(conn, t, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func dump(conn *sqlite.Conn, table string, w io.Writer) error {
	out := bufio.NewWriter(w)
	if err := errors.Join(dumpTable(conn, table, out), out.Flush()); err != nil {
		return fmt.Errorf("dump %s: %w", table, err)
	}
	return nil
}

// tables lists the tables but for the virtual ones and what they keep.
func tables(conn *sqlite.Conn) (names []string, err error) {
	var virtual []string
	err = Query(conn, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
		func(stmt *sqlite.Stmt) error {
			name := stmt.ColumnText(0)
			if strings.HasPrefix(stmt.ColumnText(1), "CREATE VIRTUAL") {
				virtual = append(virtual, name)
				return nil
			}
			for _, v := range virtual {
				if strings.HasPrefix(name, v+"_") {
					return nil
				}
			}
			names = append(names, name)
			return nil
		})
	return names, err
}

func dumpTable(conn *sqlite.Conn, table string, out *bufio.Writer) error {
	fmt.Fprintf(out, "table %s\n", table)
	return Query(conn, "SELECT * FROM "+table+" ORDER BY 1, 2", func(stmt *sqlite.Stmt) error {
		for i := range stmt.ColumnCount() {
			if i > 0 {
				out.WriteByte('\t')
			}
			switch stmt.ColumnType(i) {
			case sqlite.TypeNull:
				out.WriteString("NULL")
			case sqlite.TypeBlob:
				fmt.Fprintf(out, "x%x", Bytes(stmt, i))
			case sqlite.TypeText:
				fmt.Fprintf(out, "%q", stmt.ColumnText(i))
			default:
				out.WriteString(stmt.ColumnText(i))
			}
		}
		return out.WriteByte('\n')
	})
}
