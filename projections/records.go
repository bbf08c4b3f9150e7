package projections

import (
	"encoding/json"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"github.com/tizilim/tizilim/domain"
)

// RecordColumns are the columns that hold a record without its stream and version, for the models
// that keep whole events; InsertRecord and ScanRecord write and read them in this order.
const RecordColumns = `position, id, type, schema, time, actor, name, role, organization, channel,
	correlation, causation, fingerprint, regulation, data`

// RecordTypes declares them.
const RecordTypes = `position INTEGER NOT NULL, id BLOB NOT NULL, type TEXT NOT NULL, schema INTEGER NOT NULL,
	time INTEGER NOT NULL, actor TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL, organization TEXT NOT NULL,
	channel TEXT NOT NULL, correlation BLOB NOT NULL, causation BLOB NOT NULL, fingerprint TEXT NOT NULL,
	regulation TEXT NOT NULL, data BLOB NOT NULL`

// RecordValues are the placeholders for them.
const RecordValues = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

// InsertRecord runs an insert whose first value is key, which are followed by RecordValues and then
// by the other values.
func InsertRecord(conn *sqlite.Conn, query string, r domain.Record, key any, others ...any) error {
	stmt, err := conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt, 1, key)
	stmt.BindInt64(2, int64(r.Position))
	stmt.BindBytes(3, r.ID[:])
	stmt.BindText(4, r.Type)
	stmt.BindInt64(5, int64(r.Schema))
	stmt.BindInt64(6, r.Time.UnixMicro())
	stmt.BindText(7, r.Actor.ID)
	stmt.BindText(8, r.Actor.Name)
	stmt.BindText(9, string(r.Actor.Role))
	stmt.BindText(10, r.Actor.Organization)
	stmt.BindText(11, r.Actor.Channel)
	stmt.BindBytes(12, r.Correlation[:])
	stmt.BindBytes(13, r.Causation[:])
	stmt.BindText(14, r.Fingerprint)
	stmt.BindText(15, r.Regulation)
	stmt.BindBytes(16, r.Data)
	for i, v := range others {
		bind(stmt, 17+i, v)
	}
	if _, err = stmt.Step(); err != nil {
		_ = stmt.Reset() // says the same again
		return err
	}
	return stmt.Reset()
}

// ScanRecord reads the columns from col on.
func ScanRecord(stmt *sqlite.Stmt, col int, stream domain.Stream, version uint64) domain.Record {
	return domain.Record{
		Stream: stream, Version: version, Position: domain.Position(stmt.ColumnInt64(col)),
		Event: domain.Event{
			ID: scanUUID(stmt, col+1), Type: stmt.ColumnText(col + 2), Schema: stmt.ColumnInt(col + 3), Time: Time(stmt, col+4),
			Actor: domain.Actor{
				ID: stmt.ColumnText(col + 5), Name: stmt.ColumnText(col + 6), Role: domain.Role(stmt.ColumnText(col + 7)),
				Organization: stmt.ColumnText(col + 8), Channel: stmt.ColumnText(col + 9),
			},
			Correlation: scanUUID(stmt, col+10), Causation: scanUUID(stmt, col+11),
			Fingerprint: stmt.ColumnText(col + 12), Regulation: stmt.ColumnText(col + 13),
			Data: json.RawMessage(Bytes(stmt, col+14)),
		},
	}
}

func scanUUID(stmt *sqlite.Stmt, col int) (id uuid.UUID) {
	stmt.ColumnBytes(col, id[:])
	return id
}
