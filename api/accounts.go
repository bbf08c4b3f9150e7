package api

import (
	"context"

	"github.com/tizilim/tizilim/domain/access"
)

// Accounts knows who somebody is, and keeps the log of who looked at whose data. It may be asked by many
// goroutines at once, and is asked at every request: nothing of it is remembered here, so that what ends
// has ended at the next one. Where it cannot answer its errors are domain.ErrUnavailable; what somebody
// may not do is a domain.Rejection.
type Accounts interface {
	visitors
	logins
	administration
}

// visitors is what the gate asks.
type visitors interface {
	// Session is who the session lets in, and Token who the API token does; domain.ErrNotFound where there is
	// none, or it has ended.
	Session(ctx context.Context, token string) (access.Visitor, error)
	Token(ctx context.Context, token string) (access.Visitor, error)
	// Record adds entries to the access log. Who shows personal data calls it before; where it fails,
	// nothing is shown.
	Record(ctx context.Context, entries ...access.Entry) error
}

// logins begin sessions and end them.
type logins interface {
	Login(ctx context.Context, p access.Password) (access.Opened, error)
	// Challenge is a text to sign; LoginCertificate begins a session for who signed it, and is
	// domain.ErrNotFound where nobody logs in so.
	Challenge(ctx context.Context) (string, error)
	LoginCertificate(ctx context.Context, in access.Signed) (access.Opened, error)
	// StartOpenID is where to send the browser, and what it has to keep until FinishOpenID.
	StartOpenID(ctx context.Context) (url, cookie string, err error)
	FinishOpenID(ctx context.Context, in access.Returned) (access.Opened, error)
	// End ends the session; one that is none is no error.
	End(ctx context.Context, token string) error
	// Act goes on in another role of the account, under another token.
	Act(ctx context.Context, token string, as access.Assignment) (access.Opened, error)
	// ChangePassword ends all sessions of the account.
	ChangePassword(ctx context.Context, id, present, next string, from access.From) (access.Account, error)
}

// administration is what administrators do, and everybody with their own sessions. by is who does it.
type administration interface {
	Account(ctx context.Context, id string) (access.AccountInfo, error)
	List(ctx context.Context, after string, limit int) ([]access.AccountInfo, error)
	Add(ctx context.Context, by string, n access.NewAccount, password string) (access.Account, error)
	Edit(ctx context.Context, by, id string, e access.Edit) (access.Account, error)
	Disable(ctx context.Context, by, id string) (access.Account, error)
	Enable(ctx context.Context, by, id string) (access.Account, error)
	Remove(ctx context.Context, by, id string) error
	AddRole(ctx context.Context, by, id string, r access.Assignment) (access.Account, error)
	RemoveRole(ctx context.Context, by, id string, r access.Assignment) (access.Account, error)
	SetPassword(ctx context.Context, by, id, password string) (access.Account, error)
	LockOf(ctx context.Context, login string) (access.Lock, error)
	Unlock(ctx context.Context, by, id string) (bool, error)

	// Sessions are those that have not ended, of the account; the last begun first.
	Sessions(ctx context.Context, id string) ([]access.SessionInfo, error)
	EndSession(ctx context.Context, by, account, id string) error
	EndSessions(ctx context.Context, by, id string) error

	Tokens(ctx context.Context) ([]access.Token, error)
	// AddToken makes a token and tells it. Nobody can be told it again.
	AddToken(ctx context.Context, by string, n access.NewToken) (string, access.Token, error)
	RevokeToken(ctx context.Context, by, name string) error

	// Accesses looks into the access log, and writes into it that it was looked into.
	Accesses(ctx context.Context, by string, q access.Question) (access.Found, error)
}
