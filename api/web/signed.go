package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/tizilim/tizilim/domain"
)

// Passage is lines of what is signed that belong together.
type Passage struct {
	Title string // empty for the first
	Facts []Fact
}

// signed is what the bytes say, in words and in their order. It is read from the bytes themselves and knows
// no fields: whatever is in them is shown, with its bare name where there is no word for it, so that nobody signs
// what was not shown.
//
// within is where the words for its fields are found, as those of a license are where it is a part of a decision;
// empty for what has words of its own.
func (s *Site) signed(f Frame, within string, content []byte) ([]Passage, error) {
	r := reading{site: s, frame: f, within: within, in: json.NewDecoder(bytes.NewReader(content)), passages: []Passage{{}}}
	r.in.UseNumber()
	err := r.value(within, 0, 0)
	if err == nil {
		if _, err = r.in.Token(); err == nil {
			err = errors.New("more than one value")
		}
	}
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("content to sign: %w: %w", domain.ErrDamaged, err)
	}
	return r.passages, nil
}

// reading goes through the content.
type reading struct {
	site     *Site
	frame    Frame
	within   string
	in       *json.Decoder
	passages []Passage
}

// value reads the value at the path, which is the nth of a list where n is not 0, into the passage; an object
// has a passage of its own.
func (r *reading) value(path string, passage, n int) error {
	token, err := r.in.Token()
	if err != nil {
		return unexpected(err)
	}
	switch token {
	case json.Delim('{'):
		if path != r.within {
			r.passages = append(r.passages, Passage{Title: r.heading(path, n)})
			passage = len(r.passages) - 1
		}
		return r.object(path, passage)
	case json.Delim('['):
		if !r.in.More() {
			r.add(passage, path, nil)
		}
		for i := 1; r.in.More(); i++ {
			if err := r.value(path, passage, i); err != nil {
				return err
			}
		}
		_, err := r.in.Token()
		return unexpected(err)
	}
	r.add(passage, path, token)
	return nil
}

func (r *reading) add(passage int, path string, token json.Token) {
	p := &r.passages[passage]
	p.Facts = append(p.Facts, Fact{Name: r.label(path), Value: r.words(path, token)})
}

func (r *reading) object(path string, passage int) error {
	for r.in.More() {
		name, err := r.in.Token()
		if err != nil {
			return unexpected(err)
		}
		at := name.(string) // a name is one
		if path != "" {
			at = path + "." + at
		}
		if err := r.value(at, passage, 0); err != nil {
			return err
		}
	}
	_, err := r.in.Token()
	return unexpected(err)
}

// unexpected makes an end within the content an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *reading) label(path string) string {
	if key := "signed." + path; r.site.Texts.Has(key) {
		return r.frame.T(key)
	}
	return path
}

func (r *reading) heading(path string, n int) string {
	text := path
	if key := "signed.group." + path; r.site.Texts.Has(key) {
		text = r.frame.T(key)
	}
	if n != 0 {
		text += " " + strconv.Itoa(n)
	}
	return text
}

// words are the value in words where it has some. A token of a service or an act is shown besides.
func (r *reading) words(path string, token json.Token) Wording {
	f := r.frame
	switch value := token.(type) {
	case string:
		return r.text(path, value)
	case json.Number:
		if n, err := value.Int64(); err == nil && path == "documents.size" {
			return Wording{Text: f.Count("count.bytes", int(n))}
		}
		return Wording{Text: value.String()}
	case bool:
		return Wording{Text: f.T("signed.value." + strconv.FormatBool(value))}
	}
	return Wording{Text: f.T("signed.value.none")} // null
}

// said are the fields whose values are tokens that have words, by the beginning of the words' keys.
var said = map[string]string{
	"request": "request.", "reason": "reason.", "form.sites.kind": "site-kind.",
	"kind": "license.kind.", "sites.kind": "site-kind.", "decision": "signed.decision.", "payment_proof": "proof.", "ground": "ground.", "license.kind": "license.kind.", "license.sites.kind": "site-kind.",
}

func (r *reading) text(path, value string) Wording {
	f := r.frame
	if r.within != "" {
		path = strings.TrimPrefix(path, r.within+".")
	}
	if key := said[path] + value; said[path] != "" && r.site.Texts.Has(key) {
		return Wording{Text: f.T(key)}
	}
	switch path {
	case "service":
		if service, err := r.site.Catalog().InForce(value, r.site.Now()); err == nil {
			title := f.wording(service.Title)
			title.Text += " (" + value + ")"
			return title
		}
	case "licensor":
		for _, licensor := range r.site.Catalog().Licensors() {
			if licensor.Slug == value {
				title := f.wording(licensor.Title)
				title.Text += " (" + value + ")"
				return title
			}
		}
	case "registered_on", "issued_on", "first_issued_on", "valid_until", "license.first_issued_on", "license.valid_until":
		return Wording{Text: f.Day(value)}
	case "act":
		for _, act := range r.site.Catalog().Acts {
			if act.ID == value {
				return Wording{Text: actName(f, act) + " (" + value + ")"}
			}
		}
	}
	return Wording{Text: value}
}
