package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/payment"
	"github.com/tizilim/tizilim/adapters/signature"
	"github.com/tizilim/tizilim/api/v1"
)

var signatureForm = signature.Signing{}

// write is one write as a client sends it, and may send it again.
type write struct {
	account, method, path, key string
	media, file                string // content type, and the name of a document
	body                       []byte
	// application is whose write it is, empty for an opening, whose answer tells; event is what it leaves there.
	application, event string
	state              *accountState // what it makes of an account
}

// answer is what came of a write: its status, or that nothing came.
type answer struct {
	err       error
	status    int
	body      []byte
	version   uint64
	position  uint64
	retry     bool // told when to try again
	requestOf *write
}

func (a answer) taken() bool { return a.err == nil && a.status < 300 }

func (a answer) decode(t *testing.T, v any) bool {
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Errorf("%v in the answer %d %s", err, a.status, a.body)
		return false
	}
	return true
}

// accountState is what the checks look at of an account.
type accountState struct {
	id, name string
	disabled bool
}

// acknowledged is a write that was answered with success.
type acknowledged struct {
	*write
	version, position uint64
	sha               string // of a document
	result            string // the license
}

// notebook is what all clients note, of this round and of those before.
type notebook struct {
	mu       sync.Mutex
	acked    []acknowledged // of applications and documents, this round's
	before   []acknowledged // of the earlier rounds
	tried    []*write       // without success: what became of them is not known
	paid     map[string]bool
	accounts map[string]accountState   // the last acknowledged
	maybe    map[string][]accountState // what tries after that would have made of them
	refused  int                       // answers 503
	enough   int                       // acknowledgements after which full is closed
	count    int
	full     chan struct{}
}

// expect is closed after so many more acknowledgements.
func (l *notebook) expect(n int) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enough, l.full = l.count+n, make(chan struct{})
	return l.full
}

// note notes what came of a write.
func (l *notebook) note(t *testing.T, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := a.requestOf
	switch {
	case !a.taken():
		l.tried = append(l.tried, w)
		if w.state != nil {
			l.maybe[w.state.id] = append(l.maybe[w.state.id], *w.state)
		}
		if a.status == http.StatusServiceUnavailable {
			l.refused++
		}
		return
	case w.state != nil:
		l.accounts[w.state.id] = *w.state
		delete(l.maybe, w.state.id)
	case w.event != "" || w.file != "":
		ack := acknowledged{write: w, version: a.version, position: a.position}
		var told struct{ ID, SHA256, Result string }
		if a.decode(t, &told) {
			ack.sha, ack.result = told.SHA256, told.Result
			if w.application == "" {
				w.application = told.ID
			}
		}
		l.acked = append(l.acked, ack)
	}
	if l.count++; l.count == l.enough {
		close(l.full)
	}
}

type bodyKey struct{}

// keepBody lets notice see what the request said.
func keepBody(r *http.Request) *http.Request {
	body, _ := io.ReadAll(r.Body) // what is missing of it the server refuses
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r.WithContext(context.WithValue(r.Context(), bodyKey{}, body))
}

// notice notes a payment of which the registry has taken notice.
func (l *notebook) notice(r *http.Response) error {
	var n payment.Notice
	if body, ok := r.Request.Context().Value(bodyKey{}).([]byte); r.StatusCode < 300 && ok && json.Unmarshal(body, &n) == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.paid[n.Application] = true
	}
	return nil
}

// send sends the write once.
func (tr *trial) send(ctx context.Context, w *write) answer {
	a := answer{requestOf: w}
	req, err := http.NewRequestWithContext(ctx, w.method, tr.at.Load().String()+"/api/v1"+w.path, bytes.NewReader(w.body))
	if err != nil {
		return answer{err: err, requestOf: w}
	}
	for name, value := range map[string]string{"Content-Type": w.media, "Idempotency-Key": w.key} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if w.file != "" {
		req.Header.Set("Content-Disposition", "attachment; filename="+w.file)
	}
	if token, ok := tr.token.Load(w.account); ok {
		req.Header.Set("Authorization", "Bearer "+token.(string))
	}
	resp, err := tr.http.Do(req)
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	if a.body, a.err = io.ReadAll(resp.Body); a.err != nil {
		return a
	}
	a.status, a.retry = resp.StatusCode, resp.Header.Get("Retry-After") != ""
	a.version, _ = strconv.ParseUint(strings.Trim(resp.Header.Get("ETag"), `"`), 10, 64) // 0 where there is none
	a.position, _ = strconv.ParseUint(resp.Header.Get("Tizilim-Position"), 10, 64)
	return a
}

// read gets what is at the path, as the account.
func (tr *trial) read(ctx context.Context, account, path string, v any) (answer, bool) {
	a := tr.send(ctx, &write{account: account, method: http.MethodGet, path: path})
	return a, a.taken() && (v == nil || a.decode(tr.t, v))
}

// writer writes until the server does not answer any more.
type writer struct {
	*trial
	ctx  context.Context
	stop context.Context // ends when it is to begin nothing more
	name string
	n    int
}

// errStop ends a client's piece of work: the server is gone, or refuses.
var errStop = errors.New("no answer")

// put sends a write under a key of its own and notes what came of it. It is an error where nothing did, or
// where the server could not.
func (c *writer) put(w write) (answer, error) {
	c.n++
	w.key = fmt.Sprintf("%s-%d", c.name, c.n)
	a := c.send(c.ctx, &w)
	c.notes.note(c.t, a)
	switch {
	case a.taken():
		return a, nil
	case a.err == nil && (a.status != http.StatusServiceUnavailable || !a.retry):
		c.t.Errorf("%s %s: %d, to be tried again: %t: %s", w.method, w.path, a.status, a.retry, a.body)
	}
	return a, errStop
}

func (c *writer) json(account, method, path, application, event string, body any) (answer, error) {
	content := []byte{}
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	return c.put(write{account: account, method: method, path: path, media: "application/json", body: content, application: application, event: event})
}

// open opens an application.
func (c *writer) open() (id string, err error) {
	a, err := c.json(company, "POST", "/applications", "", "application-opened",
		v1.Opening{Service: "import-export-license", Channel: "portal", Request: "issue", Applicant: v1.Applicant{ID: bin}})
	if err != nil || a.requestOf.application == "" {
		return "", errStop
	}
	return a.requestOf.application, nil
}

// application opens one, attaches a document to it and files it. Every third goes all the way to its license.
func (c *writer) application(i int) error {
	id, err := c.open()
	if err != nil {
		return err
	}
	at := "/applications/" + id
	text := strings.Repeat(c.name+" "+strconv.Itoa(i)+"\n", 50)
	a, err := c.put(write{account: company, method: "POST", path: at + "/documents", media: "text/plain", file: "sample.txt", body: []byte(text), application: id})
	if err != nil {
		return err
	}
	var uploaded v1.Uploaded
	if !a.decode(c.t, &uploaded) {
		return errStop
	}
	filing := v1.Filing{Form: v1.Form{Name: "ТОО «Үлгі Экспорт»"}, Documents: []v1.Attached{{Name: "sample.txt", SHA256: uploaded.SHA256}}}
	if _, err = c.json(company, "PUT", at+"/form", id, "application-filed", filing); err != nil || i%3 > 0 {
		return err
	}
	return c.license(id)
}

// license takes a filed application to its license.
func (c *writer) license(id string) error {
	at := "/applications/" + id
	if err := c.await(company, id, "pay"); err != nil {
		return err
	}
	a, err := c.json(company, "POST", at+"/payment", id, "payment-requested", nil)
	if err != nil {
		return err
	}
	var order v1.Payment
	if !a.decode(c.t, &order) {
		return errStop
	}
	if _, err := c.services.Settle(c.ctx, order.Order, true); err != nil {
		return err
	}
	if err := c.await(company, id, "choose-certificate"); err != nil {
		return err
	}
	if err := c.signed(company, bin, at+"/signature", id, "application-signed"); err != nil {
		return err
	}
	if err := c.await(head, id, "issue-or-refuse"); err != nil {
		return err
	}
	if _, err := c.json(officer, "POST", at+"/decision", id, "decision-drafted", v1.Decision{Decision: "approve", Order: "1-Д"}); err != nil {
		return err
	}
	return c.signed(head, head, at+"/decision/signature", id, "application-approved")
}

func (c *writer) signed(account, holder, path, id, event string) error {
	content, ok := c.read(c.ctx, account, path, nil)
	if !ok {
		return errStop
	}
	cms, err := c.sign(c.ctx, holder, content.body)
	if err != nil {
		return err
	}
	_, err = c.json(account, "POST", path, id, event, v1.Signing{Signature: base64.StdEncoding.EncodeToString(cms)})
	return err
}

// await asks until the application waits in a step with the action.
func (c *writer) await(account, id, action string) error {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) { // there is nothing to wait on over HTTP
		var a v1.Application
		got, ok := c.read(c.ctx, account, "/applications/"+id, &a)
		switch {
		case ok && a.Step != nil && a.Step.Action == action:
			return nil
		case !ok && got.status != 0 && got.status != http.StatusServiceUnavailable:
			c.t.Errorf("read application %s: %d %s", id, got.status, got.body)
			return errStop
		case !ok || time.Now().After(end) || c.stop.Err() != nil:
			return errStop
		}
	}
}

// account makes an account, gives it another name, and shuts it.
func (c *writer) account(i int) error {
	login := fmt.Sprintf("%s-%d", c.name, i)
	a, err := c.json(admin, "POST", "/accounts", "", "", v1.NewAccount{Login: login, Name: "Бірінші", Roles: []v1.Role{{Role: "auditor"}}})
	if err != nil {
		return err
	}
	var made v1.Account
	if !a.decode(c.t, &made) {
		return errStop
	}
	s := accountState{id: made.ID, name: made.Name}
	c.notes.mu.Lock()
	c.notes.accounts[s.id] = s
	c.notes.mu.Unlock()
	s.name = "Екінші " + strconv.Itoa(i)
	body, err := json.Marshal(v1.AccountEdit{Name: s.name})
	if err != nil {
		return err
	}
	renamed, shut := s, s
	if _, err := c.put(write{account: admin, method: "PUT", path: "/accounts/" + s.id, media: "application/json", body: body, state: &renamed}); err != nil {
		return err
	}
	shut.disabled = true
	_, err = c.put(write{account: admin, method: "PUT", path: "/accounts/" + s.id + "/disabled", state: &shut})
	return err
}

// load lets the clients write until stop ends or the server is gone, and returns when all have ended.
func (tr *trial) load(stop context.Context, round string) *sync.WaitGroup {
	const applicants = 6
	var clients sync.WaitGroup
	for n := range applicants + 1 {
		c := &writer{trial: tr, ctx: tr.t.Context(), stop: stop, name: fmt.Sprintf("%s-%d", round, n)}
		work := c.application
		if n == applicants {
			work = c.account
			clients.Go(func() { tr.login(c.ctx, admin) })
		}
		clients.Go(func() {
			for i := 0; stop.Err() == nil; i++ {
				if work(i) == nil {
					continue
				}
				if a, _ := tr.read(c.ctx, "", "/services", nil); a.err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond) // a client that is told to wait does
			}
		})
	}
	return &clients
}
