package regulation

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// source is an act together with the file it came from, so that a check can name the line.
type source struct {
	file string
	root ast.Node
	act  *Act
}

// place is a node of a source: the key of a field, or an entry of a list.
type place struct {
	file string
	key  ast.Node // where the line is counted
	node ast.Node // what stands there; nil where the file has no such field
}

// at finds the place that the path leads to: field names and list indexes from the act down. Where
// the file ends before the path does, it is the last place that is there.
func (s *source) at(path ...any) place {
	return place{file: s.file, key: s.root, node: s.root}.at(path...)
}

func (p place) at(path ...any) place {
	for _, step := range path {
		if p.node == nil {
			return p
		}
		switch step := step.(type) {
		case string:
			p = p.field(step)
		case int:
			p = p.entry(step)
		}
	}
	return p
}

func (p place) field(name string) place {
	mapping, ok := p.node.(*ast.MappingNode)
	if ok {
		for _, v := range mapping.Values {
			if v.Key.String() == name {
				return place{file: p.file, key: v.Key, node: v.Value}
			}
		}
	}
	return place{file: p.file, key: p.key}
}

func (p place) entry(i int) place {
	list, ok := p.node.(*ast.SequenceNode)
	if !ok || i >= len(list.Values) {
		return place{file: p.file, key: p.key}
	}
	return place{file: p.file, key: list.Values[i], node: list.Values[i]}
}

// has reports whether the place has the field, whatever stands there.
func (p place) has(name string) bool { return p.field(name).node != nil }

func (p place) problem(format string, args ...any) error {
	return &Problem{File: p.file, Line: line(p.key), Reason: fmt.Sprintf(format, args...)}
}

// line is the line on which the node begins. A mapping's own token is its first colon, which for an
// entry of a list stands on the entry's line.
func line(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	return n.GetToken().Position.Line
}
