package domain

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// values are JSON, or nearly.
var values = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `-1.5e+10`, `1E5`, `1e-5`, `true`, `false`, `null`, `{"a":[1,{"b":"ж"}],"c":null}`, `"\"\\\/\b\f\n\r\t\u00Ff"`,
	``, ` `, `{`, `[`, `"`, `-`, `01`, `1.`, `.5`, `1e`, `1e+`, `+1`, `tru`, `nul`, `True`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[,]`, `{a:1}`,
	`[1 ,2]`, `{"a": 1}`, "[1,\n2]", `"\x"`, `"\u12"`, `"\u12g4"`, `"\`, "\"a\nb\"", "\"\xff\"", `1 `, ` 1`, `[1]]`, `{"a":1}}`, `--1`, `1-`, `"a"b`,
	`[{]}`, `{"a":1,"a":2}`, `[[[[]]]]`, "\"\x7f\"", `{"":""}`, `-a`, `0e0`, `00`, `-01`, `1.0.0`, `1e5e5`,
}

// same fails unless skipJSON takes exactly what encoding/json takes that has no white space between its tokens.
func same(t *testing.T, b []byte) {
	t.Helper()
	var compact bytes.Buffer
	want := json.Compact(&compact, b) == nil && bytes.Equal(compact.Bytes(), b)
	if got := skipJSON(b, 0, 1) == len(b); got != want {
		t.Errorf("%.200q: %v, encoding/json says %v", b, got, want)
	}
}

func TestSkipJSON(t *testing.T) {
	for _, v := range values {
		same(t, []byte(v))
		for i := range len(v) { // cut, and with a byte changed
			same(t, []byte(v[:i]))
			for _, c := range []byte(`"\{}[],:0e-. `) {
				same(t, []byte(v[:i]+string(c)+v[i+1:]))
			}
		}
	}
	for _, depth := range []int{1, 9999, 10000, 10001, 20000} {
		same(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		same(t, []byte(strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)))
	}
}

func FuzzSkipJSON(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
	}
	f.Fuzz(same)
}
