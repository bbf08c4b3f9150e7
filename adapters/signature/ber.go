package signature

import (
	"errors"
)

// maxDepth bounds how deep values may be nested. A CMS with certificates has about a dozen levels.
const maxDepth = 32

// errBER is any input that is not one whole BER value.
var errBER = errors.New("not one whole BER value")

// toDER writes one BER value with definite lengths of the shortest form and with octet strings in one
// piece: signing software writes indefinite lengths, encoding/asn1 reads none. What was DER before
// stays as it was, byte for byte, and so does every primitive value; a certificate inside that was not
// DER changes, and its signature does not hold any more.
//
// It is also the guard before the libraries: theirs recurse as deep as the input says.
func toDER(ber []byte) ([]byte, error) {
	der, rest, err := appendDER(make([]byte, 0, len(ber)), ber, maxDepth)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errBER
	}
	return der, nil
}

// appendDER appends the first value of in to out, and returns what stands behind it.
func appendDER(out, in []byte, depth int) (der, rest []byte, err error) {
	h, rest, err := readHeader(in)
	if err != nil {
		return nil, nil, err
	}
	if !h.constructed {
		if h.length < 0 || h.length > len(rest) {
			return nil, nil, errBER
		}
		return appendValue(out, h.tag, rest[:h.length]), rest[h.length:], nil
	}
	if depth == 0 {
		return nil, nil, errBER
	}
	content, rest, err := transcode(h, rest, depth-1)
	if err != nil {
		return nil, nil, err
	}
	if h.tag[0] == constructedOctets {
		if content, err = joinOctets(content); err != nil {
			return nil, nil, err
		}
		return appendValue(out, []byte{octets}, content), rest, nil
	}
	return appendValue(out, h.tag, content), rest, nil
}

// The tags of an octet string in one piece and in several.
const (
	octets            = 0x04
	constructedOctets = 0x24
)

// transcode is what stands inside a constructed value, as DER, and what stands behind the value.
func transcode(h header, in []byte, depth int) (content, rest []byte, err error) {
	if h.length > len(in) {
		return nil, nil, errBER
	}
	inside, rest := in, []byte(nil)
	if h.length >= 0 {
		inside, rest = in[:h.length], in[h.length:]
	}
	for {
		if h.length < 0 && len(inside) >= 2 && inside[0] == 0 && inside[1] == 0 {
			return content, inside[2:], nil
		}
		if h.length >= 0 && len(inside) == 0 {
			return content, rest, nil
		}
		if content, inside, err = appendDER(content, inside, depth); err != nil {
			return nil, nil, err
		}
	}
}

// joinOctets makes one octet string's content of the octet strings in der.
func joinOctets(der []byte) ([]byte, error) {
	var joined []byte
	for len(der) > 0 {
		h, rest, err := readHeader(der)
		if err != nil || h.tag[0] != octets || h.length > len(rest) {
			return nil, errBER
		}
		joined = append(joined, rest[:h.length]...)
		der = rest[h.length:]
	}
	return joined, nil
}

// header is the beginning of a value.
type header struct {
	tag         []byte
	constructed bool
	length      int // -1 where it is indefinite
}

func readHeader(in []byte) (h header, rest []byte, err error) {
	n := 1
	if len(in) > 0 && in[0]&0x1f == 0x1f { // a tag of several bytes; none that we read has more than two
		n = 2
	}
	if len(in) <= n || n == 2 && in[1]&0x80 != 0 {
		return header{}, nil, errBER
	}
	h = header{tag: in[:n], constructed: in[0]&0x20 != 0}
	first, rest := in[n], in[n+1:]
	switch size := int(first & 0x7f); {
	case first < 0x80:
		h.length = int(first)
	case size == 0:
		h.length = -1
	case size > 3 || size > len(rest):
		return header{}, nil, errBER
	default:
		for _, b := range rest[:size] {
			h.length = h.length<<8 | int(b)
		}
		rest = rest[size:]
	}
	return h, rest, nil
}

// appendValue appends a value with a length of the shortest form.
func appendValue(out, tag, content []byte) []byte {
	out = append(out, tag...)
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	case n < 0x10000:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}
