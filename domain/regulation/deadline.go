package regulation

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// units are the words a deadline may be printed with, and how many of which unit one of them is. Kazakh
// has "мин", "минут", "сек" and "секунд" in common with Russian, and does not inflect after a number.
var units = map[string]struct {
	unit Unit
	n    float64
}{
	"сек": {Seconds, 1}, "секунда": {Seconds, 1}, "секунды": {Seconds, 1}, "секунд": {Seconds, 1},
	"мин": {Seconds, 60}, "минута": {Seconds, 60}, "минуты": {Seconds, 60}, "минут": {Seconds, 60},
	"рабочий день": {WorkingDays, 1}, "рабочих дня": {WorkingDays, 1}, "рабочих дней": {WorkingDays, 1},
	"жұмыс күні": {WorkingDays, 1},
}

// byRequest is the order in which a list of terms names the kinds of request: that of the printed
// completion form.
var byRequest = []Request{Issue, Reissue, Duplicate}

var (
	dashes = strings.NewReplacer("–", "-", "—", "-", "‒", "-", "−", "-", "\u00a0", " ")
	term   = regexp.MustCompile(`^(\d+(?:,\d+)?)\s*(\pL[\pL ]*\pL)?(?:\s*-\s*(\d+(?:,\d+)?)\s*(\pL[\pL ]*\pL))?$`)
)

// ParseDeadline reads a printed deadline into one in effect, which has no printed form of its own:
// "20 сек", "1,5 мин" (decimal comma), "10–15 сек" and "30 сек – 1 минута" (minimum and maximum),
// "15 рабочих дней", and a list of three terms, which are those of issue, reissue and duplicate in
// this order. "-" and the empty cell are no deadline. Anything else is refused.
func ParseDeadline(printed string) (Deadline, error) {
	var d Deadline
	text := strings.ToLower(strings.Join(strings.Fields(dashes.Replace(printed)), " "))
	if text == "" || text == "-" {
		return d, nil
	}
	terms := strings.Split(text, ", ")
	if len(terms) != 1 && len(terms) != len(byRequest) {
		return d, fmt.Errorf("deadline %q: %d terms, where 1 or %d are understood", printed, len(terms), len(byRequest))
	}
	for i, t := range terms {
		low, high, unit, err := parseTerm(t)
		if err != nil {
			return d, fmt.Errorf("deadline %q: %w", printed, err)
		}
		if i > 0 && unit != d.Unit {
			return d, fmt.Errorf("deadline %q: %s and %s in one list", printed, d.Unit, unit)
		}
		d.Unit = unit
		if d.Min == nil || low < *d.Min {
			d.Min = &low
		}
		if d.Max == nil || high > *d.Max {
			d.Max = &high
		}
		if len(terms) > 1 {
			if d.ByRequest == nil {
				d.ByRequest = map[Request]int{}
			}
			d.ByRequest[byRequest[i]] = high
		}
	}
	return d, nil
}

// parseTerm reads one term, a single one or a range. A range may print its unit once, at its end.
func parseTerm(text string) (low, high int, unit Unit, err error) {
	m := term.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, "", fmt.Errorf("%q is no term", text)
	}
	if m[3] == "" {
		m[3], m[4] = m[1], m[2]
	}
	if m[2] == "" {
		m[2] = m[4]
	}
	low, unit, err = count(m[1], m[2])
	if err != nil {
		return 0, 0, "", err
	}
	high, upper, err := count(m[3], m[4])
	if err != nil {
		return 0, 0, "", err
	}
	if unit != upper || low > high || high == 0 {
		return 0, 0, "", fmt.Errorf("%q is no range", text)
	}
	return low, high, unit, nil
}

func count(number, word string) (int, Unit, error) {
	u, ok := units[word]
	if !ok {
		return 0, "", fmt.Errorf("unknown unit %q", word)
	}
	f, err := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
	if err != nil {
		return 0, "", fmt.Errorf("number %q: %w", number, err)
	}
	n := f * u.n
	if n != math.Trunc(n) || n > 1e6 {
		return 0, "", fmt.Errorf("%s %s is no whole number of %s", number, word, u.unit)
	}
	return int(n), u.unit, nil
}

// Minutes is a number of seconds as the acts print it: in minutes from one on, where whole and half ones
// suffice. False where they print seconds.
func Minutes(seconds int) (whole int, half, ok bool) {
	return seconds / 60, seconds%60 != 0, seconds >= 60 && seconds%30 == 0
}

// same reports whether two deadlines mean the same, whatever is printed.
func (d Deadline) same(o Deadline) bool {
	return d.Unit == o.Unit && equal(d.Min, o.Min) && equal(d.Max, o.Max) && maps.Equal(d.ByRequest, o.ByRequest)
}

func equal(a, b *int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// String is the deadline in effect in a neutral form: "10-15 seconds", "15 working days", "-".
func (d Deadline) String() string {
	if d.Max == nil {
		return "-"
	}
	unit := strings.ReplaceAll(string(d.Unit), "_", " ")
	if len(d.ByRequest) > 0 {
		var parts []string
		for _, r := range byRequest {
			if n, ok := d.ByRequest[r]; ok {
				parts = append(parts, fmt.Sprintf("%s %d", r, n))
			}
		}
		return strings.Join(parts, ", ") + " " + unit
	}
	if d.Min != nil && *d.Min != *d.Max {
		return fmt.Sprintf("%d-%d %s", *d.Min, *d.Max, unit)
	}
	return fmt.Sprintf("%d %s", *d.Max, unit)
}
