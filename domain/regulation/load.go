package regulation

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tizilim/tizilim/domain"
)

//go:embed acts/*.yaml
var embedded embed.FS

// Problem is one thing that is wrong in a file of acts. It is a domain.ErrInvalid.
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

// Load reads the embedded acts and those of the further file systems, and checks them. An act of a
// further file system is added; one whose id is there already replaces it. The error joins every
// Problem found; there is no catalog then.
func Load(extra ...fs.FS) (*Catalog, error) {
	acts, err := fs.Sub(embedded, "acts")
	if err != nil {
		return nil, fmt.Errorf("embedded acts: %w", err)
	}
	return LoadFS(append([]fs.FS{acts}, extra...)...)
}

// LoadFS reads the acts of the file systems alone, without the embedded ones: every file named
// *.yaml or *.yml, one act in each. A later file system adds to and replaces from the earlier ones.
func LoadFS(fsys ...fs.FS) (*Catalog, error) {
	var sources []*source
	var problems []error
	for _, f := range fsys {
		layer, err := readAll(f)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, sameID(layer)...)
		sources = replace(sources, layer)
	}
	c := &Catalog{}
	for _, src := range sources {
		link(src.act)
		c.Acts = append(c.Acts, src.act)
	}
	problems = append(problems, checkAll(sources)...)
	if len(sources)+len(problems) == 0 {
		problems = append(problems, fmt.Errorf("read acts: no .yaml file: %w", domain.ErrInvalid))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return c, nil
}

// readAll reads the acts of one file system in the order of their file names. The error joins the
// problems of all files.
func readAll(fsys fs.FS) ([]*source, error) {
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if ext := path.Ext(name); err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read acts: %w", err)
	}
	slices.Sort(names)
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

// wordingBytes is how much of a file's SHA-256 names its wording.
const wordingBytes = 6

// read decodes one file strictly: a field that the structs do not know is refused.
func read(fsys fs.FS, name string) (*source, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read act: %w", err)
	}
	root, err := document(name, "act", data)
	if err != nil {
		return nil, err
	}
	if root.Type() != ast.MappingType {
		return nil, &Problem{File: name, Line: line(root), Reason: "not a mapping of an act's fields"}
	}
	act := &Act{File: name}
	if err := yaml.NodeToValue(root, act, yaml.Strict()); err != nil {
		return nil, problem(name, err)
	}
	digest := sha256.Sum256(data)
	act.Source, act.Wording = data, hex.EncodeToString(digest[:wordingBytes])
	return &source{file: name, root: root, act: act}, nil
}

// document parses a file that is to hold one document: what is wanted of it.
func document(name, wanted string, data []byte) (ast.Node, error) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, problem(name, err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return nil, &Problem{File: name, Reason: fmt.Sprintf("%d documents where one %s is wanted", len(file.Docs), wanted)}
	}
	return file.Docs[0].Body, nil
}

// problem is the decoder's error with its place.
func problem(name string, err error) error {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return &Problem{File: name, Line: located.GetToken().Position.Line, Reason: located.GetMessage()}
	}
	return &Problem{File: name, Reason: err.Error()}
}

// sameID finds acts of one file system that share an id: neither is meant to replace the other.
func sameID(layer []*source) []error {
	var problems []error
	for i, src := range layer {
		for _, other := range layer[:i] {
			if src.act.ID == other.act.ID {
				problems = append(problems, src.at("id").problem("act %q is in %s too", src.act.ID, other.file))
			}
		}
	}
	return problems
}

// replace puts a later layer over the earlier ones.
func replace(sources, layer []*source) []*source {
	for _, src := range layer {
		i := slices.IndexFunc(sources, func(s *source) bool { return s.act.ID == src.act.ID })
		if i < 0 {
			sources = append(sources, src)
		} else {
			sources[i] = src
		}
	}
	return sources
}

// link sets the ways up, from procedure to service to act. An entry without content is left for
// the checks to refuse.
func link(a *Act) {
	for _, s := range a.Services {
		if s == nil {
			continue
		}
		s.Act = a
		for _, p := range s.Procedures {
			if p != nil {
				p.Service = s
			}
		}
	}
}

// nowhere is the target of an edge that leads to nothing that could be a step. The checks refuse it.
const nowhere = -1

// UnmarshalYAML reads "to: end" as 0. It is the decoder's own unmarshaler, so unknown fields are
// refused inside it too.
func (e *Edge) UnmarshalYAML(unmarshal func(any) error) error {
	var raw struct {
		To   string  `yaml:"to"`
		When Outcome `yaml:"when"`
	}
	if err := unmarshal(&raw); err != nil {
		return err
	}
	e.When, e.To = raw.When, nowhere
	if strings.TrimSpace(raw.To) == "end" {
		e.To = 0
	} else if n, err := strconv.Atoi(raw.To); err == nil && n > 0 {
		e.To = n
	}
	return nil
}
