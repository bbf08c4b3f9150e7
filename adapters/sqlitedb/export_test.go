package sqlitedb

import (
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/tizilim/tizilim/adapters/accounts"
)

// Synchronous is how the writer flushes: 2 is at every commit.
func (db *DB) Synchronous() (int, error) {
	return sqlitex.ResultInt(db.writer.Prep("PRAGMA synchronous"))
}

// Statements are those that run on what can be large, by the index each has to use.
func Statements() map[string]string {
	person, _ := question(accounts.Question{Person: "x"}, 100)
	account, _ := question(accounts.Question{Account: "x", Before: 7}, 100)
	return map[string]string{
		person: "entry_person", account: "entry_account", forget: "entry_at", expire: "record_expires", listOwned: "record_owner", list: "PRIMARY KEY",
	}
}
