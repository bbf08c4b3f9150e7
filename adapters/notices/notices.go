// Package notices puts notices of deadlines where others can take them: on subjects of NATS, and from
// there before a webhook. A notice is a CloudEvents 1.0 message in structured form.
//
// The ledger (ledger.go) is a JetStream stream with one subject for each notice, which takes one
// message and no second one, whoever sends it: so a notice is told once, by however many nodes, and across all
// starts. The webhook (webhook.go) is a durable consumer of that stream.
package notices

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Notice is a message to be told.
type Notice struct {
	Type string    // a token such as "deadline-missed"
	At   time.Time // since when it holds
	Data
}

// Data is what a notice says: which visit of which step, until when, and who acts there. It names no
// applicant.
type Data struct {
	Application string     `json:"application"`
	Number      string     `json:"number,omitempty"` // of the application's registration
	Service     string     `json:"service"`
	Channel     string     `json:"channel"`
	Licensor    string     `json:"licensor"`
	Request     string     `json:"request"`
	Visit       int        `json:"visit"` // among all visits of steps of the application, from 1
	Step        int        `json:"step"`
	Action      string     `json:"action"`
	Role        string     `json:"role"` // who acts in the step
	EnteredAt   time.Time  `json:"entered_at"`
	DueAt       time.Time  `json:"due_at"`
	DueDay      string     `json:"due_day,omitempty"`  // last day of a term that is counted in days
	Calendar    string     `json:"calendar,omitempty"` // version that such a term was counted with
	LeftAt      *time.Time `json:"left_at,omitempty"`  // nil while the visit is open
}

// Stream is the ledger's name.
const Stream = "TIZILIM-NOTICES"

// Subjects are those of all notices: type, licensor, application and visit follow the prefix. The event
// log's subjects have three tokens, so the two can never meet.
const (
	prefix   = "tizilim.notices."
	Subjects = prefix + "*.*.*.*"
)

// subject is the notice's own: it is told once because of it.
func (n Notice) subject() string {
	return prefix + strings.Join([]string{token(n.Type), token(n.Licensor), token(n.Application), strconv.Itoa(n.Visit)}, ".")
}

// token makes the text one token of a subject. Texts that are tokens of ours stay as they are.
func token(text string) string {
	if text == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(".*>", r) {
			return '_'
		}
		return r
	}, text)
}

// MediaType is that of a notice.
const MediaType = "application/cloudevents+json"

// event is a notice as a CloudEvent, in the form that the feed of the log's events has.
type event struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            Data      `json:"data"`
}

// id follows from application, visit and type: whoever is told twice can notice.
func (n Notice) id() uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "urn:tizilim:notice:%s:%d:%s", n.Application, n.Visit, n.Type))
}

func (n Notice) encode() ([]byte, error) {
	return json.Marshal(event{
		SpecVersion: "1.0", ID: n.id().String(), Source: "/streams/application/" + n.Application,
		Type: n.Type, Subject: n.Application, Time: n.At.UTC(), DataContentType: "application/json", Data: n.Data,
	})
}
