package signature

import (
	"bytes"
	"encoding/asn1"
	"os"
	"path/filepath"
	"testing"
)

func TestToDER(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 70_000)
	octet := func(b []byte) []byte { return appendValue(nil, []byte{octets}, b) }
	sequence := func(b ...[]byte) []byte { return appendValue(nil, []byte{sequence}, bytes.Join(b, nil)) }
	nested := func(n int) []byte {
		value := []byte{2, 1, 5}
		for range n {
			value = sequence(value)
		}
		return value
	}
	tests := map[string]struct{ ber, der []byte }{
		"nested as deep as may be": {nested(maxDepth), nested(maxDepth)}, "nested deeper": {nested(maxDepth + 1), nil},

		"an integer":             {[]byte{2, 1, 5}, []byte{2, 1, 5}},
		"a length of more bytes": {[]byte{2, 0x82, 0, 1, 5}, []byte{2, 1, 5}},
		"without end":            {[]byte{0x30, 0x80, 2, 1, 5, 0, 0}, []byte{0x30, 3, 2, 1, 5}},
		"without end, empty":     {[]byte{0x30, 0x80, 0, 0}, []byte{0x30, 0}},
		"nested without end":     {[]byte{0x30, 0x80, 0x30, 0x80, 2, 1, 5, 0, 0, 0, 0}, []byte{0x30, 5, 0x30, 3, 2, 1, 5}},
		"octets in pieces":       {[]byte{0x24, 0x80, 4, 1, 1, 4, 2, 2, 3, 0, 0}, []byte{4, 3, 1, 2, 3}},
		"a tag of two bytes":     {[]byte{0x5f, 0x20, 1, 9}, []byte{0x5f, 0x20, 1, 9}},
		"long":                   {sequence(octet(long), octet(long[:200])), sequence(octet(long), octet(long[:200]))},

		"nothing": {nil, nil}, "a tag alone": {[]byte{2}, nil}, "cut": {[]byte{2, 2, 5}, nil}, "more behind it": {[]byte{2, 1, 5, 0}, nil},
		"no end": {[]byte{0x30, 0x80, 2, 1, 5}, nil}, "half an end": {[]byte{0x30, 0x80, 0}, nil}, "a primitive without end": {[]byte{2, 0x80, 5, 0, 0}, nil},
		"a length of four bytes": {[]byte{2, 0x84, 0, 0, 0, 1, 5}, nil}, "a length that is cut": {[]byte{2, 0x82, 1}, nil},
		"pieces that are none": {[]byte{0x24, 3, 2, 1, 5}, nil}, "a tag without end": {[]byte{0x1f, 0xff, 0xff, 1}, nil},
	}
	for name, tt := range tests {
		got, err := toDER(tt.ber)
		if !bytes.Equal(got, tt.der) || (err == nil) != (tt.der != nil) {
			t.Errorf("%s: %x, %v; want %x", name, got, err, tt.der)
		}
	}
}

// Whatever comes out is DER: it stays as it is, and the standard library reads it.
func FuzzToDER(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "seeds", "*.cms"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		der, err := toDER(data)
		if err != nil {
			return
		}
		if again, err := toDER(der); err != nil || !bytes.Equal(again, der) {
			t.Fatalf("%x became %x, %v", der, again, err)
		}
		var value asn1.RawValue
		if rest, err := asn1.Unmarshal(der, &value); err != nil && der[0]&0x1f != 0x1f && der[0] != 0 || len(rest) > 0 {
			t.Fatalf("%x: %v, rest %x", der, err, rest)
		}
	})
}
