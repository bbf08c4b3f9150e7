package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/access"
	"github.com/tizilim/tizilim/domain/application"
	"github.com/tizilim/tizilim/domain/ident"
)

// positionHeader is where a write can be seen, and what a reader may wait for.
const positionHeader = "Tizilim-Position"

// maxBody bounds a JSON body; documents have maxDocument.
const maxBody = 256 << 10

// The name spaces of ids that derive from an idempotency key.
var (
	commandSpace     = uuid.MustParse("5f1f6e9e-3a0b-5d2c-8d55-3c1f6f0a7b01")
	applicationSpace = uuid.MustParse("5f1f6e9e-3a0b-5d2c-8d55-3c1f6f0a7b02")
)

// write is what makes a write repeatable: who sends what under which key.
type write struct {
	key string
	// command is the id of the command: of the key, the account, and the route with its resource. The
	// same key for another resource is another command.
	command uuid.UUID
	// fingerprint tells another request under the same key.
	fingerprint string
	ifVersion   *uint64
}

// readWrite reads the headers of a write, and its body unless it is a document, which is streamed.
func readWrite(w http.ResponseWriter, r *http.Request, pattern string, c caller) (write, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" && keyed(pattern) {
		return write{}, fail("idempotency-key-required", domain.ErrInvalid)
	}
	if !visible(key) {
		return write{}, fail("idempotency-key-invalid", domain.ErrInvalid)
	}
	version, err := ifMatch(r.Header.Values("If-Match"))
	if err != nil {
		return write{}, err
	}
	var body []byte
	if pattern != uploadPattern {
		if body, err = readBody(w, r); err != nil {
			return write{}, err
		}
	}
	out := newWrite(key, r.Method+" "+r.URL.Path, body, c)
	out.ifVersion = version
	return out, nil
}

// newWrite is the caller's write of the body to the resource under the key.
func newWrite(key, resource string, body []byte, c caller) write {
	digest := sha256.New()
	fmt.Fprintf(digest, "%s\n", resource)
	digest.Write(body)
	return write{
		key:         key,
		command:     uuid.NewSHA1(commandSpace, []byte(key+"\x00"+c.Actor.ID+"\x00"+resource)),
		fingerprint: hex.EncodeToString(digest.Sum(nil))[:32],
	}
}

// keyed reports whether a write needs a key. Logging in and what one does with one's own sessions leave
// nothing that must not be there twice.
func keyed(pattern string) bool {
	return actions[pattern] != access.LogIn && actions[pattern] != access.ManageOwn
}

// visible reports whether the key is no more than 200 visible ASCII characters.
func visible(key string) bool {
	for _, c := range []byte(key) {
		if c < '!' || c > '~' {
			return false
		}
	}
	return len(key) <= 200
}

// ifMatch reads the version of If-Match: one strong ETag of ours, or * for any.
func ifMatch(values []string) (*uint64, error) {
	if len(values) == 0 || len(values) == 1 && strings.TrimSpace(values[0]) == "*" {
		return nil, nil
	}
	tag := strings.TrimSpace(values[0])
	number, quoted := strings.CutPrefix(tag, `"`)
	number, closed := strings.CutSuffix(number, `"`)
	version, err := strconv.ParseUint(number, 10, 64)
	if len(values) > 1 || !quoted || !closed || err != nil {
		return nil, fail("if-match-invalid", fmt.Errorf("If-Match %.40q: %w", tag, domain.ErrInvalid))
	}
	return &version, nil
}

// readBody reads a JSON body as a whole, since its digest is needed before it is decoded, and puts it
// back for the decoder.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return nil, fmt.Errorf("content type %.80q: %w", kind, errMediaType)
		}
	}
	defer hurry(w, bodyTime)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, bodyError(err, maxBody)
	}
	if !utf8.Valid(body) || controls(body) || ambiguous(body) {
		return nil, fail("json-malformed", fmt.Errorf("not UTF-8, control characters, or a name twice: %w", domain.ErrInvalid))
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// controls reports whether a string in the JSON has an escaped control character other than a tab or
// the end of a line: no text of ours has any, and what is stored is shown to people.
func controls(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		switch body[i] {
		case 'b', 'f':
			return true
		case 'u':
			n, err := strconv.ParseUint(string(body[i+1:min(i+5, len(body))]), 16, 16)
			if err == nil && n < ' ' && n != '\t' && n != '\n' && n != '\r' {
				return true
			}
		}
	}
	return false
}

// ambiguous reports whether an object in the JSON has a name twice, also in letters of another case: a
// decoder would take the last one, and another reader of the same bytes the first. What is no JSON is
// for the decoder to refuse.
func ambiguous(body []byte) bool {
	type object struct {
		names map[string]bool // nil in an array
		value bool            // a value comes next
	}
	var open []object
	for in := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := in.Token()
		if err != nil {
			return false
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if n := len(open) - 1; n >= 0 && open[n].names != nil {
			if name, ok := token.(string); ok && !open[n].value {
				name = folded(name)
				if open[n].names[name] {
					return true
				}
				open[n].names[name], open[n].value = true, true
				continue
			}
			open[n].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		}
	}
}

// folded is one spelling for all that strings.EqualFold takes for the same.
func folded(name string) string {
	return strings.Map(func(c rune) rune {
		least := c
		for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name)
}

// How long a client may take to send a body, so that slow ones do not hold connections for ever.
const (
	bodyTime   = 30 * time.Second
	uploadTime = 5 * time.Minute
)

// hurry bounds the time for reading until the returned function is called.
func hurry(w http.ResponseWriter, limit time.Duration) func() {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(limit)) // without a deadline it works as well, only slower
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

// bodyError says why a body could not be read: it is too large, or the client broke off.
func bodyError(err error, limit int64) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, domain.ErrTooLarge) {
		return fail("too-large", fmt.Errorf("body: %w", domain.ErrTooLarge), "limit", strconv.FormatInt(limit, 10))
	}
	if errors.Is(err, domain.ErrUnavailable) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("read body: %w: %w", domain.ErrInvalid, err)
}

func parsePosition(value string) (domain.Position, error) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, fail("position-invalid", fmt.Errorf("position %.40q: %w", value, domain.ErrInvalid))
	}
	return domain.Position(n), nil
}

// now is when the request at hand does what it asks for: one instant however often it is asked, because the
// term that a command sets is counted from the time of the event that tells of it.
func (s *Server) now(ctx context.Context) time.Time {
	v := visitOf(ctx)
	if v.now.IsZero() {
		v.now = s.cfg.Now()
	}
	return v.now
}

// meta is the metadata of the command that the request at hand asks for.
func (s *Server) meta(ctx context.Context, act string) domain.Meta {
	v := visitOf(ctx)
	return domain.Meta{
		Command: v.write.command, Fingerprint: v.write.fingerprint, IfVersion: v.write.ifVersion,
		Time: s.now(ctx), Actor: v.caller.Actor, Regulation: act,
	}
}

// seen waits, for no longer than Config.Wait, until the read models have the position and the
// registry has done its part of the application (empty where the write concerns none). False means
// that the write is recorded and not yet readable; that is never an error.
func (s *Server) seen(ctx context.Context, position domain.Position, application string) bool {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Wait)
	defer cancel()
	if s.cfg.Follower.Wait(ctx, position) != nil {
		return false
	}
	if application == "" {
		return true
	}
	after, err := s.cfg.Reactor.Settle(ctx, application)
	return err == nil && s.cfg.Follower.Wait(ctx, after) == nil
}

// load is the application as its events say now; it sees every acknowledged write. An application
// out of the caller's sight is not found, and what is in it stands in the access log.
func (s *Server) load(ctx context.Context, id string) (application.State, error) {
	if number, err := ident.Normalize(id); err == nil && len(id) != 36 {
		found, err := s.cfg.Applications.ByNumber(ctx, number)
		if err != nil {
			return application.State{}, err
		}
		id = found.ID
	}
	if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
		return application.State{}, fmt.Errorf("application id: %w", domain.ErrNotFound)
	}
	stream, err := domain.NewStream(domain.ApplicationCategory, strings.ToLower(id))
	if err != nil {
		return application.State{}, err
	}
	state, err := domain.Load(ctx, s.cfg.Store, stream, application.Fold)
	if err != nil {
		return state, err
	}
	if !visitOf(ctx).caller.sees(state) {
		return state, fmt.Errorf("%s: out of sight: %w", stream, domain.ErrNotFound)
	}
	return state, s.accessed(ctx, subject{"application", state.ID, state.Applicant.ID})
}

// do gives a command to an application and answers with the application as it is then.
func (s *Server) do(ctx context.Context, id, act string, command application.Command) (*applicationReply, error) {
	return s.doAs(ctx, s.meta(ctx, act), id, command)
}

func (s *Server) doAs(ctx context.Context, meta domain.Meta, id string, command application.Command) (*applicationReply, error) {
	stream, err := domain.NewStream(domain.ApplicationCategory, id)
	if err != nil {
		return nil, err
	}
	result, err := domain.Execute(ctx, s.cfg.Store, stream, meta, application.Fold,
		func(state application.State) ([]domain.Payload, error) { return s.cfg.Rules().Decide(state, command) })
	if err != nil {
		return nil, err
	}
	// At this point the events are durable: whatever fails below must not turn into a refusal.
	settle := id
	if _, waits := command.(application.ReceiveSignature); waits { // for others, and perhaps for long
		settle = ""
	}
	if !s.seen(ctx, result.Position, settle) {
		return recordedApplication(id, result), nil
	}
	state, err := domain.Load(ctx, s.cfg.Store, stream, application.Fold)
	if err != nil {
		s.log.Warn("read an application after its write", "stream", stream.String(), "err", err)
		return recordedApplication(id, result), nil
	}
	return s.replyApplication(ctx, state), nil
}
