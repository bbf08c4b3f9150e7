// Package stateregister asks the state registers of persons and organizations who an IIN or BIN belongs to.
//
// The protocol is small: GET {URL}/persons/{iin} or {URL}/organizations/{bin} answers 200 with an Answer
// that repeats the identifier and says whether there is such a person. Only that is ever taken for an
// absence: refusing an applicant rests on it. Whatever else comes back (a 404 of some proxy, an error
// page, half an answer, nothing in time) is domain.ErrUnavailable.
//
// The package demo is a service that speaks it, with made-up people and organizations.
package stateregister

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/tizilim/tizilim/domain"
	"github.com/tizilim/tizilim/domain/ident"
)

// Answer is what the registers say of an identifier.
type Answer struct {
	ID      string `json:"id"`
	Found   bool   `json:"found"`
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Source  string `json:"source"` // which register answered
	// Reference is the register's own number of this answer, where it numbers them.
	Reference string `json:"reference,omitempty"`
	// Text is the body of the answer, byte for byte: the evidence.
	Text string `json:"-"`
}

// Timeout is how long a Client without a Timeout waits for an answer.
const Timeout = 5 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// Client asks the registers at URL. It may be used by many goroutines at once.
type Client struct {
	URL string // without a slash at the end
	// Timeout bounds one question; 0 means Timeout of the package.
	Timeout time.Duration
	// HTTP carries the questions; nil means http.DefaultClient.
	HTTP *http.Client
}

// Find asks who the IIN or BIN belongs to. *domain.Rejection for what is neither,
// domain.ErrUnavailable where the registers give no sound answer.
func (c *Client) Find(ctx context.Context, id string) (Answer, error) {
	parsed, err := ident.Parse(id)
	if err != nil {
		return Answer{}, fmt.Errorf("ask state registers: %w", err)
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := c.ask(ctx, Path(parsed))
	if err == nil && (answer.ID != parsed.String() || answer.Source == "" || answer.Found == (answer.Name == "")) {
		err = fmt.Errorf("not an answer to what was asked")
	}
	if err != nil {
		return Answer{}, fmt.Errorf("ask state registers: %w: %w", domain.ErrUnavailable, err)
	}
	return answer, nil
}

// Path is where the registers answer for the identifier.
func Path(id ident.ID) string {
	if id.Kind() == ident.BIN {
		return "/organizations/" + id.String()
	}
	return "/persons/" + id.String()
}

// ask gets one answer. Its errors do not name the path, which holds personal data.
func (c *Client) ask(ctx context.Context, path string) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("the address is not set up right")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return parse(body)
}

// parse reads the body of an answer, whole. Its errors do not repeat the body.
func parse(body []byte) (a Answer, err error) {
	if len(body) > maxAnswer || !utf8.Valid(body) {
		return Answer{}, fmt.Errorf("the answer is too long, or no text")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("the answer is not of the form it should have")
	}
	if _, err := dec.Token(); err != io.EOF {
		return Answer{}, fmt.Errorf("something follows the answer")
	}
	a.Text = string(body)
	return a, nil
}

// withoutURL takes the address, and with it the identifier, out of a client's error.
func withoutURL(err error) error {
	if e, ok := err.(*url.Error); ok {
		return e.Err
	}
	return err
}
