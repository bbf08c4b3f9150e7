package domain

import "bytes"

// deepest is how deep arrays and objects may lie in each other, as in encoding/json.
const deepest = 10000

// skipJSON returns where the JSON value ends that begins at a place in b, and has no white space between its tokens;
// -1 where there is none. It is json.Valid for one value among others, in a fraction of the time: a rebuild
// reads the whole log.
func skipJSON(b []byte, at, depth int) int {
	if at >= len(b) {
		return -1
	}
	switch c := b[at]; {
	case depth > deepest && (c == '{' || c == '['):
		return -1
	case c == '{':
		return skipMembers(b, at+1, depth, '}', true)
	case c == '[':
		return skipMembers(b, at+1, depth, ']', false)
	case c == '"':
		return skipString(b, at)
	case c == '-' || '0' <= c && c <= '9':
		return skipNumber(b, at)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(b[at:], []byte(word)) {
			return at + len(word)
		}
	}
	return -1
}

// skipMembers goes on from behind the opening bracket to behind the closing one.
func skipMembers(b []byte, at, depth int, end byte, named bool) int {
	if at < len(b) && b[at] == end {
		return at + 1
	}
	for {
		if named {
			if at = skipString(b, at); at < 0 || at >= len(b) || b[at] != ':' {
				return -1
			}
			at++
		}
		if at = skipJSON(b, at, depth+1); at < 0 || at >= len(b) {
			return -1
		}
		switch b[at] {
		case end:
			return at + 1
		case ',':
			at++
		default:
			return -1
		}
	}
}

func skipString(b []byte, at int) int {
	if at >= len(b) || b[at] != '"' {
		return -1
	}
	for at++; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			if at = skipEscape(b, at+1); at < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipEscape returns where the last byte of the escape is that follows a backslash.
func skipEscape(b []byte, at int) int {
	if at >= len(b) {
		return -1
	}
	if b[at] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[at]) < 0 {
			return -1
		}
		return at
	}
	if at+4 >= len(b) {
		return -1
	}
	for _, c := range b[at+1 : at+5] {
		if hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'; !hex {
			return -1
		}
	}
	return at + 4
}

func skipNumber(b []byte, at int) int {
	if b[at] == '-' {
		at++
	}
	whole := at
	if at = skipDigits(b, at); at < 0 || b[whole] == '0' && at > whole+1 {
		return -1
	}
	if at < len(b) && b[at] == '.' {
		if at = skipDigits(b, at+1); at < 0 {
			return -1
		}
	}
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		if at++; at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		at = skipDigits(b, at)
	}
	return at
}

// skipDigits goes past one digit or more.
func skipDigits(b []byte, at int) int {
	start := at
	for at < len(b) && '0' <= b[at] && b[at] <= '9' {
		at++
	}
	if at == start {
		return -1
	}
	return at
}
