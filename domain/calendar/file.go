package calendar

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tizilim/tizilim/domain"
)

// Problem is one thing that is wrong in a file. It is a domain.ErrInvalid.
type Problem struct {
	File   string
	Line   int // from 1; 0 where the file as a whole is meant
	Reason string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Reason
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
}

// Unwrap makes every problem a domain.ErrInvalid.
func (p *Problem) Unwrap() error { return domain.ErrInvalid }

// file is a version as it is written; the head of the first version's file explains it.
type file struct {
	Version       string          `yaml:"version"`
	Follows       string          `yaml:"follows"`
	RecordedAt    Day             `yaml:"recorded_at"`
	Unverified    Text            `yaml:"unverified"`
	FirstYear     int             `yaml:"first_year"`
	LastYear      int             `yaml:"last_year"`
	Acts          map[string]act  `yaml:"acts"`
	CarriedOverBy string          `yaml:"carried_over_by"`
	Names         map[string]Text `yaml:"names"`
	Holidays      []fact          `yaml:"holidays"`
	DaysOff       []fact          `yaml:"days_off"`
	Moves         []move          `yaml:"moves"`
	Withdrawn     []withdrawal    `yaml:"withdrawn"`
}

type act struct {
	KK     string `yaml:"kk"`
	RU     string `yaml:"ru"`
	EN     string `yaml:"en"`
	Source string `yaml:"source"`
}

type fact struct {
	line       int
	On         string `yaml:"on"` // MM-DD of every year, or
	Date       Day    `yaml:"date"`
	From       int    `yaml:"from"` // years; 0 is no bound
	Until      int    `yaml:"until"`
	Name       string `yaml:"name"`
	Basis      string `yaml:"basis"`
	Estimate   bool   `yaml:"estimate"`
	Unverified Text   `yaml:"unverified"`
}

type move struct {
	line       int
	Off        Day    `yaml:"off"`
	Working    Day    `yaml:"working"`
	Basis      string `yaml:"basis"`
	Unverified Text   `yaml:"unverified"`
}

type withdrawal struct {
	line    int
	Holiday string `yaml:"holiday"` // MM-DD, with After
	After   int    `yaml:"after"`
	DayOff  Day    `yaml:"day_off"`
	Move    Day    `yaml:"move"` // its day off
	Basis   string `yaml:"basis"`
}

// UnmarshalYAML keeps the line.
func (f *fact) UnmarshalYAML(node ast.Node) error {
	type plain fact
	f.line = lineOf(node)
	return decodeNode(node, (*plain)(f))
}

// UnmarshalYAML keeps the line.
func (m *move) UnmarshalYAML(node ast.Node) error {
	type plain move
	m.line = lineOf(node)
	return decodeNode(node, (*plain)(m))
}

// UnmarshalYAML keeps the line.
func (w *withdrawal) UnmarshalYAML(node ast.Node) error {
	type plain withdrawal
	w.line = lineOf(node)
	return decodeNode(node, (*plain)(w))
}

// source is a version together with where it was read.
type source struct {
	name  string
	file  file
	lines map[string]int // of the fields of the file
}

// problem is what is wrong on the line.
func (s *source) problem(line int, format string, args ...any) error {
	return &Problem{File: s.name, Line: line, Reason: fmt.Sprintf(format, args...)}
}

// readAll reads the versions of one file system, unchecked. The error joins the problems of all files.
func readAll(fsys fs.FS) ([]*source, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("read calendars: %w", err)
	}
	var sources []*source
	var problems []error
	for _, name := range names {
		src, err := read(fsys, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		sources = append(sources, src)
	}
	return sources, errors.Join(problems...)
}

func read(fsys fs.FS, name string) (*source, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read calendar: %w", err)
	}
	src := &source{name: path.Base(name)}
	if src.lines, err = decode(src.name, text, &src.file); err != nil {
		return nil, err
	}
	if want := strings.TrimSuffix(src.name, ".yaml"); src.file.Version != want {
		return nil, src.problem(src.lines["version"], "holds version %q: a file is named by its version", src.file.Version)
	}
	return src, nil
}

// decode reads a file strictly: a field that the structs do not know is refused. It gives the lines of
// the fields at the top.
func decode(name string, text []byte, into any) (map[string]int, error) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, located(name, err)
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		return nil, &Problem{File: name, Reason: fmt.Sprintf("%d documents where one is wanted", len(parsed.Docs))}
	}
	body, ok := parsed.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		return nil, &Problem{File: name, Line: lineOf(parsed.Docs[0].Body), Reason: "not a mapping of fields"}
	}
	if err := decodeNode(body, into); err != nil {
		return nil, located(name, err)
	}
	lines := map[string]int{}
	for _, v := range body.Values {
		lines[v.Key.String()] = lineOf(v.Key)
	}
	return lines, nil
}

func decodeNode(node ast.Node, into any) error { return yaml.NodeToValue(node, into, yaml.Strict()) }

// located is the decoder's error with its place.
func located(name string, err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return &Problem{File: name, Line: at.GetToken().Position.Line, Reason: at.GetMessage()}
	}
	return &Problem{File: name, Reason: err.Error()}
}

// lineOf is the line on which the node begins. A mapping's own token is its first colon.
func lineOf(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	return n.GetToken().Position.Line
}
