// Package v1 has the structs that go over the wire at /api/v1, and nothing else: what a program sends
// and what it gets. They are not the stored form, so either can change without the other.
//
// The tags describe the fields to /openapi.json and to whoever sends them: a field without omitempty
// is required, unknown fields are refused. Days are YYYY-MM-DD in the licensor's time (Asia/Almaty),
// instants RFC 3339 in UTC. Every closed set of tokens is listed in the field's enum.
package v1

// Text is a wording by language: "ru", "kk", "en". A language that the source lacks is absent.
type Text map[string]string

// Problem is an error as RFC 9457 has it. Code is stable and what programs decide on; Title and Detail
// are for people, in the language of Accept-Language (kk, ru or en; English where none is asked for).
type Problem struct {
	Type   string `json:"type" doc:"urn:tizilim:problem: and the code"`
	Title  string `json:"title" doc:"What is wrong, in the caller's language"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail" doc:"What to do about it, in the caller's language"`
	Code   string `json:"code" doc:"Stable token of the problem"`
	// RetryAfter is there where it helps to wait.
	RetryAfter int          `json:"retry_after,omitempty" doc:"In how many seconds it may be tried again"`
	Errors     []FieldError `json:"errors,omitempty" doc:"The fields or parameters at fault"`
}

// FieldError is one field or parameter at fault.
type FieldError struct {
	Location string `json:"location" doc:"Path of the field, such as body.applicant.id"`
	Message  string `json:"message" doc:"What is wrong with it, in the caller's language"`
}
