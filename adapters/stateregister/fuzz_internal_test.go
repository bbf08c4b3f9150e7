package stateregister

import "testing"

// FuzzParse: whatever a register sends, it is refused, or kept as it came and within bounds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"id":"850312300121","found":true,"name":"Үлгі","address":"a","source":"x","reference":"r"}`,
		` { "id":"120540001238", "found":false, "source":"x" } ` + "\r\n", "", "{}", "null", "[]", `{"id":"x"}{}`, `{"found":1}`, "<html>", "{\"name\":\"\xff\"}",
		`{"text":"x"}`, `{"FOUND":true,"found":false}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parse(body)
		if err != nil && a != (Answer{}) {
			t.Fatalf("refused, and yet %+v", a)
		}
		if err == nil && (a.Text != string(body) || len(a.Text) > maxAnswer) {
			t.Fatalf("kept %q of %q", a.Text, body)
		}
	})
}
