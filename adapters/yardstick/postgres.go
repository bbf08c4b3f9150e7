package yardstick

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tizilim/tizilim/domain"
)

// Postgres is a plain table of events, each inserted by a transaction of its own over one of a fixed
// number of connections, with a statement that was prepared before. That a stream and version are there
// once makes the expected version hold.
type Postgres struct {
	table string
	free  chan *pgconn.PgConn
	conns int
}

const insertCommit = "insert_commit"

// types of the parameters, as Postgres numbers them: text, bigint, bytea.
var insertTypes = []uint32{25, 20, 17}

// insertFormats: all parameters are binary.
var insertFormats = []int16{1}

// OpenPostgres connects and makes a table of its own, which Close drops. The address is a URL or
// "key=value …"; what it leaves out comes from PGHOST, PGPASSWORD and so on. A server that does not
// flush what it commits is domain.ErrInvalid.
func OpenPostgres(ctx context.Context, address string, connections int) (_ *Postgres, err error) {
	p := &Postgres{table: "tizilim_bench_" + strings.ToLower(rand.Text()), free: make(chan *pgconn.PgConn, connections)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("postgres: %w", err), p.Close())
		}
	}()
	for range connections {
		conn, err := pgconn.Connect(ctx, address)
		if err != nil {
			return nil, err
		}
		p.free <- conn
		if p.conns++; p.conns == 1 {
			if err := p.create(ctx, conn); err != nil {
				return nil, err
			}
		}
		insert := "INSERT INTO " + p.table + " (stream, version, data) VALUES ($1, $2, $3)"
		if _, err := conn.Prepare(ctx, insertCommit, insert, insertTypes); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// create makes the table, once it is known that what is put into it will be flushed.
func (p *Postgres) create(ctx context.Context, conn *pgconn.PgConn) error {
	for _, setting := range []string{"fsync", "synchronous_commit"} {
		results, err := conn.Exec(ctx, "SHOW "+setting).ReadAll()
		if err != nil {
			return err
		}
		if value := string(results[0].Rows[0][0]); value == "off" {
			return fmt.Errorf("%s is off, so nothing it acknowledges is durable: %w", setting, domain.ErrInvalid)
		}
	}
	_, err := conn.Exec(ctx, "CREATE TABLE "+p.table+` (
		position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
		stream text NOT NULL, version bigint NOT NULL, data bytea NOT NULL,
		UNIQUE (stream, version))`).ReadAll()
	return err
}

// Append inserts the commit; the position is always 0. A version that is there already is ErrConflict.
func (p *Postgres) Append(ctx context.Context, stream domain.Stream, expected uint64, events []domain.Event) (domain.Position, error) {
	data, err := encode(stream, expected, events)
	if err != nil {
		return 0, err
	}
	conn := <-p.free
	defer func() { p.free <- conn }()
	version := binary.BigEndian.AppendUint64(nil, expected+uint64(len(events)))
	values := [][]byte{[]byte(stream.String()), version, data}
	result := conn.ExecPrepared(ctx, insertCommit, values, insertFormats, nil).Read()
	if pg, ok := errors.AsType[*pgconn.PgError](result.Err); ok && pg.Code == "23505" {
		return 0, fmt.Errorf("insert: %w: %w", domain.ErrConflict, result.Err)
	}
	if result.Err != nil {
		return 0, fmt.Errorf("insert: %w", result.Err)
	}
	return 0, nil
}

// Close drops the table.
func (p *Postgres) Close() error {
	ctx := context.Background()
	var errs []error
	for i := range p.conns {
		conn := <-p.free
		if i == 0 {
			_, err := conn.Exec(ctx, "DROP TABLE IF EXISTS "+p.table).ReadAll()
			errs = append(errs, err)
		}
		errs = append(errs, conn.Close(ctx))
	}
	return errors.Join(errs...)
}
