package accounts

import "github.com/tizilim/tizilim/domain/access"

// What others speak of accounts in is in package access, because the server speaks of the same and knows
// nothing of this package.
type (
	Account     = access.Account
	AccountInfo = access.AccountInfo
	Assignment  = access.Assignment
	Edit        = access.Edit
	Entry       = access.Entry
	Found       = access.Found
	From        = access.From
	Lock        = access.Lock
	NewAccount  = access.NewAccount
	NewToken    = access.NewToken
	Opened      = access.Opened
	Password    = access.Password
	Question    = access.Question
	Returned    = access.Returned
	SessionInfo = access.SessionInfo
	Signed      = access.Signed
	Stamp       = access.Stamp
	Token       = access.Token
	Visitor     = access.Visitor
)
