package domain

import "errors"

// The kinds of error every part of the registry tells apart, always wrapped with what was attempted.
var (
	// ErrInvalid: the input itself is wrong, whatever the state.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: there is no such thing, or none that the caller may know of.
	ErrNotFound = errors.New("not found")
	// ErrConflict: another writer was first; reading again and deciding again may succeed.
	ErrConflict = errors.New("conflict")
	// ErrVersion: the caller asked to act on a version that is no longer, or not yet, there.
	ErrVersion = errors.New("version mismatch")
	// ErrKeyReused: the idempotency key was used before, for another request.
	ErrKeyReused = errors.New("idempotency key reused")
	// ErrForbidden: the caller may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrTooLarge: the input exceeds a stated limit.
	ErrTooLarge = errors.New("too large")
	// ErrUnavailable: a part that is needed does not answer. Nothing was acknowledged; repeating
	// the same command later is safe.
	ErrUnavailable = errors.New("unavailable")
	// ErrDamaged: what is stored is not what was written: a gap, a cut or altered bytes. Never
	// served as complete.
	ErrDamaged = errors.New("damaged")
)

// Rejection is a rule's refusal of a command: a normal answer, with a public, stable, translated
// code. Message is for developers and logs and carries no personal data.
type Rejection struct {
	Code    string
	Message string
	// Params fill the placeholders of the translated text.
	Params map[string]string
}

func (r *Rejection) Error() string { return r.Code + ": " + r.Message }

// Reject makes a Rejection; params are name, value pairs.
func Reject(code, message string, params ...string) *Rejection {
	r := &Rejection{Code: code, Message: message}
	for i := 0; i+1 < len(params); i += 2 {
		if r.Params == nil {
			r.Params = map[string]string{}
		}
		r.Params[params[i]] = params[i+1]
	}
	return r
}
