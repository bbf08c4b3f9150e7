package main

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// selector is a metric as an expression names it, with its matchers. A line of /metrics and a series of
// a rule test are written the same way.
type selector struct {
	name   string
	labels map[string]string
}

// names are what a PromQL expression names: the metrics, and the labels that it groups or joins by.
type names struct {
	selectors []selector
	grouping  []string
}

var (
	promqlToken = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_:]*|[0-9][0-9A-Za-z.]*|[=!]~|!=|#[^\n]*|\S`)
	promqlWord  = regexp.MustCompile(`^[A-Za-z_]`)
	promqlLists = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	promqlWords = append([]string{"and", "or", "unless", "offset", "bool", "sum", "min", "max", "avg", "count", "inf", "nan"}, promqlLists...)
)

// namesIn reads an expression as far as names go: a word is a metric unless it is one of the language's or
// stands before a parenthesis, as functions do.
func namesIn(expr string) names {
	var n names
	tokens := promqlToken.FindAllString(expr, -1)
	at := func(i int) string {
		if i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	for i := 0; i < len(tokens); i++ {
		switch word := tokens[i]; {
		case slices.Contains(promqlLists, word) && at(i+1) == "(":
			for i += 2; i < len(tokens) && tokens[i] != ")"; i++ {
				if tokens[i] != "," {
					n.grouping = append(n.grouping, tokens[i])
				}
			}
		case promqlWord.MatchString(word) && at(i+1) != "(" && !slices.Contains(promqlWords, strings.ToLower(word)):
			s := selector{word, map[string]string{}}
			if at(i+1) == "{" {
				for i += 2; i < len(tokens) && tokens[i] != "}"; i++ {
					if value, err := strconv.Unquote(at(i + 2)); promqlWord.MatchString(tokens[i]) && err == nil {
						s.labels[tokens[i]] = value
						i += 2
					}
				}
			}
			n.selectors = append(n.selectors, s)
		}
	}
	return n
}

// keys are the names of the labels, in order.
func (s selector) keys() []string { return slices.Sorted(maps.Keys(s.labels)) }

func TestNamesIn(t *testing.T) {
	of := func(name string, pairs ...string) selector {
		s := selector{name, map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			s.labels[pairs[i]] = pairs[i+1]
		}
		return s
	}
	tests := []struct {
		expr string
		want names
	}{
		{`up`, names{selectors: []selector{of("up")}}},
		{`up{job="tizilim"} == 0 # and down{x="y"}`, names{selectors: []selector{of("up", "job", "tizilim")}}},
		{`sum by (a, b) (rate(x_total{c=~"d|\"e",f!="g",}[5m] offset 3d)) / on (h) group_left y:z:max > bool 1e3`,
			names{[]selector{of("x_total", "c", `d|"e`, "f", "g"), of("y:z:max")}, []string{"a", "b", "h"}}},
		{`sum(a and b{x!~"(y)"} or on () c) unless increase(d[1h:5m] @ end()) > -Inf`,
			names{selectors: []selector{of("a"), of("b", "x", "(y)"), of("c"), of("d")}}},
		{`a_bucket{route="GET /{$}",le="+Inf"} 12`, names{selectors: []selector{of("a_bucket", "route", "GET /{$}", "le", "+Inf")}}},
		{`label_values(a:b{x="y"}, z)`, names{selectors: []selector{of("a:b", "x", "y"), of("z")}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, namesIn(tt.expr), cmp.AllowUnexported(names{}, selector{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.expr, diff)
		}
	}
}
