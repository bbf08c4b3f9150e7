package v1

import (
	"encoding/json"
	"time"
)

// CloudEvent is an event of the log as a CloudEvents 1.0 message in JSON. The attributes after Data
// are extensions; Sequence is the event's place in the log. It begins with the position of the event's commit.
type CloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source" doc:"The stream: /streams/<category>/<id>"`
	Type            string          `json:"type" doc:"Wire token of the event, such as license-issued"`
	Subject         string          `json:"subject" doc:"Id of the application, license or series"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	Sequence        string          `json:"sequence" doc:"Place in the log: send it back as after, as it is"`
	StreamVersion   string          `json:"streamversion"`
	Schema          int             `json:"schemanumber"`
	ActorID         string          `json:"actorid"`
	ActorName       string          `json:"actorname,omitempty"`
	ActorRole       string          `json:"actorrole"`
	Organization    string          `json:"actororganization,omitempty"`
	Channel         string          `json:"actorchannel,omitempty"`
	Correlation     string          `json:"correlationid"`
	Causation       string          `json:"causationid"`
	Fingerprint     string          `json:"fingerprint,omitempty"`
	Regulation      string          `json:"regulation,omitempty"`
}

// Health is the state of the server. Reasons say why it is not ready, in English, for operators.
type Health struct {
	Status  string   `json:"status" enum:"ok,unavailable"`
	Reasons []string `json:"reasons,omitempty"`
}
