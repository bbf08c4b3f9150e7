package diagram

import (
	_ "embed" // widths.txt
	"strconv"
	"strings"
	"sync"
)

// widthTable has for "regular" and "bold" lines of a first character (hexadecimal) and the widths of
// the 16 from there on, in thousandths of the type size. Each is the widest of DejaVu Sans,
// Liberation Sans (which has the measures of Arial and Helvetica) and Noto Sans, so that what fits by
// the table fits in whichever of them a reader has.
//
//go:embed widths.txt
var widthTable string

// fonts is the family that text is drawn with, the narrower first.
const fonts = "Arial, 'Liberation Sans', Helvetica, 'Noto Sans', 'DejaVu Sans', sans-serif"

// face is a type size and weight.
type face struct {
	size int
	bold bool
}

// The faces of the drawing.
var (
	titleFace   = face{18, true}
	plainFace   = face{12, false}
	headFace    = face{13, true}
	stepFace    = face{13, false}
	smallFace   = face{11, false}
	strongFace  = face{11, true}
	flowFace    = face{11, false}
	numberFace  = face{11, true}
	legendFace  = face{12, false}
	legendTitle = face{12, true}
)

// leading is the distance of two lines.
func (f face) leading() int { return f.size + (f.size+2)/4 }

var widths = sync.OnceValue(func() map[bool]map[rune]int {
	table := map[bool]map[rune]int{false: {}, true: {}}
	bold := false
	for line := range strings.Lines(widthTable) {
		fields := strings.Fields(line)
		if len(fields) == 1 {
			bold = fields[0] == "bold"
			continue
		}
		first, err := strconv.ParseInt(fields[0], 16, 32)
		for i, field := range fields[1:] {
			n, err2 := strconv.Atoi(field)
			if err != nil || err2 != nil {
				panic("diagram: widths.txt is broken at " + line)
			}
			table[bold][rune(first)+rune(i)] = n
		}
	}
	return table
})

// width is how wide the text is at most, in pixels. A character that the table does not have is as
// wide as it is high.
func (f face) width(text string) int {
	sum := 0
	for _, r := range text {
		n, ok := widths()[f.bold][r]
		if !ok {
			n = 1000
		}
		sum += n
	}
	return (sum*f.size + 999) / 1000
}

// wrap breaks the text between words into lines that are at most max wide. A word that is wider by
// itself is divided.
func (f face) wrap(text string, max int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && f.width(line+" "+word) <= max {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for f.width(word) > max {
			head := f.head(word, max)
			if head == word {
				break
			}
			lines = append(lines, head+"-")
			word = strings.TrimPrefix(word, head)
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// head is the longest beginning of the word that fits together with a hyphen, at least one character.
func (f face) head(word string, max int) string {
	end := 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && f.width(word[:next]+"-") > max {
			break
		}
		end = next
	}
	return word[:end]
}

// widest is the width of the widest line.
func (f face) widest(lines []string) int {
	n := 0
	for _, line := range lines {
		n = max(n, f.width(line))
	}
	return n
}
