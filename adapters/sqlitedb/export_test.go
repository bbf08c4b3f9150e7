package sqlitedb

import "github.com/tizilim/tizilim/adapters/accounts"

// Statements are those that run on what can be large, by the index each has to use.
func Statements() map[string]string {
	person, _ := question(accounts.Question{Person: "x"}, 100)
	account, _ := question(accounts.Question{Account: "x", Before: 7}, 100)
	return map[string]string{
		person: "entry_person", account: "entry_account", forget: "entry_at", expire: "record_expires", listOwned: "record_owner", list: "PRIMARY KEY",
	}
}
