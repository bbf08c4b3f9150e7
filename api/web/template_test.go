package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/tizilim/tizilim/api/i18n"
	"github.com/tizilim/tizilim/api/web"
)

// pages are the templates and what each is given.
var pages = map[string]any{
	"search":      web.SearchPage{},
	"license":     web.LicensePage{},
	"services":    web.ServicesPage{},
	"service":     web.ServicePage{},
	"procedure":   web.ProcedurePage{},
	"deadline":    web.DeadlinePage{},
	"visits":      web.VisitsPage{},
	"application": web.ApplicationPage{},
	"signature":   web.SignaturePage{},
	"calendar":    web.CalendarPage{},
	"login":       web.LoginPage{},
	"account":     web.AccountPage{},
	"error":       web.ErrorPage{},
}

// TestTemplates checks every template against its page's struct without running it: every field and
// method exists, in the branches too that no test happens to take, and every text has its key.
func TestTemplates(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for stem, page := range pages {
		c := &checker{trees: map[string]*parse.Tree{}, texts: texts, used: used}
		for _, name := range []string{"layout", stem} {
			c.parse(t, name)
		}
		if err := c.template("layout.tmpl", reflect.TypeOf(page)); err != nil {
			t.Errorf("%s.tmpl: %v", stem, err)
		}
	}
	if len(used) < 60 {
		t.Errorf("only %d texts were found in the templates: the check misses them", len(used))
	}
	files, _ := filepath.Glob("templates/*.tmpl")
	if len(files) != len(pages)+1 {
		t.Errorf("%d templates, %d pages and a layout", len(files), len(pages))
	}
}

func TestCheckerFindsMistakes(t *testing.T) {
	texts, _ := i18n.Load()
	for text, want := range map[string]string{
		`{{.NoSuchField}}`: "NoSuchField",
		`{{if .Rows}}{{range .Rows}}{{.Numbr}}{{end}}{{end}}`: "Numbr",
		`{{.T "no.such-key"}}`:                                "no.such-key",
		`{{.Count "site.name" 1}}`:                            "site.name",
		`{{range .Services}}{{.T "site.name"}}{{end}}`:        "T",
	} {
		trees, err := parse.Parse("x", text, "", "", builtins)
		if err != nil {
			t.Fatal(err)
		}
		c := &checker{trees: trees, texts: texts, used: map[string]bool{}}
		err = c.template("x", reflect.TypeOf(web.SearchPage{}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %s", text, err, want)
		}
	}
}

var builtins = map[string]any{"eq": true, "not": true, "and": true, "or": true}

// checker walks templates with the types that their nodes have.
type checker struct {
	trees map[string]*parse.Tree
	texts *i18n.Texts
	used  map[string]bool // keys of texts
}

func (c *checker) parse(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile("templates/" + name + ".tmpl")
	if err != nil {
		t.Fatal(err)
	}
	trees, err := parse.Parse(name+".tmpl", string(text), "", "", builtins)
	if err != nil {
		t.Fatal(err)
	}
	for n, tree := range trees {
		if len(tree.Root.Nodes) > 0 && !parse.IsEmptyTree(tree.Root) {
			c.trees[n] = tree
		}
	}
}

type types map[string]reflect.Type

func (c *checker) template(name string, dot reflect.Type) error {
	tree, ok := c.trees[name]
	if !ok {
		return fmt.Errorf("no template %q", name)
	}
	return c.node(tree.Root, dot, types{"$": dot})
}

func (c *checker) node(n parse.Node, dot reflect.Type, vars types) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			if err := c.node(child, dot, vars); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		_, err := c.pipe(n.Pipe, dot, vars)
		return err
	case *parse.IfNode:
		return c.branch(n.BranchNode, dot, vars, func(t reflect.Type) reflect.Type { return dot })
	case *parse.WithNode:
		return c.branch(n.BranchNode, dot, vars, func(t reflect.Type) reflect.Type { return t })
	case *parse.RangeNode:
		return c.branch(n.BranchNode, dot, vars, func(t reflect.Type) reflect.Type { return t.Elem() })
	case *parse.TemplateNode:
		t, err := c.pipe(n.Pipe, dot, vars)
		if err != nil {
			return err
		}
		return c.template(n.Name, t)
	}
	return nil
}

func (c *checker) branch(b parse.BranchNode, dot reflect.Type, vars types, inside func(reflect.Type) reflect.Type) error {
	t, err := c.pipe(b.Pipe, dot, vars)
	if err != nil {
		return err
	}
	if b.NodeType == parse.NodeRange && t.Kind() != reflect.Slice {
		return fmt.Errorf("%s: range over %s", b.Pipe, t)
	}
	in := types{}
	for name, known := range vars {
		in[name] = known
	}
	for i, v := range b.Pipe.Decl {
		in[v.Ident[0]] = inside(t)
		if i == 0 && len(b.Pipe.Decl) == 2 {
			in[v.Ident[0]] = reflect.TypeOf(0)
		}
	}
	if err := c.node(b.List, inside(t), in); err != nil {
		return err
	}
	return c.node(b.ElseList, dot, vars)
}

func (c *checker) pipe(p *parse.PipeNode, dot reflect.Type, vars types) (reflect.Type, error) {
	if p == nil || len(p.Cmds) != 1 {
		return nil, fmt.Errorf("%v: not one command", p)
	}
	args := p.Cmds[0].Args
	for _, a := range args[1:] {
		if _, err := c.value(a, dot, vars, nil); err != nil {
			return nil, err
		}
	}
	return c.value(args[0], dot, vars, args[1:])
}

func (c *checker) value(n parse.Node, dot reflect.Type, vars types, args []parse.Node) (reflect.Type, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return c.chain(dot, n.Ident, args)
	case *parse.VariableNode:
		t, ok := vars[n.Ident[0]]
		if !ok {
			return nil, fmt.Errorf("unknown variable %s", n)
		}
		return c.chain(t, n.Ident[1:], args)
	case *parse.StringNode:
		return reflect.TypeOf(""), nil
	case *parse.NumberNode:
		return reflect.TypeOf(0), nil
	case *parse.IdentifierNode:
		return reflect.TypeOf(true), nil
	}
	return nil, fmt.Errorf("%s: not understood (%T)", n, n)
}

func (c *checker) chain(t reflect.Type, names []string, args []parse.Node) (reflect.Type, error) {
	for _, name := range names {
		if m, ok := t.MethodByName(name); ok {
			t = m.Type.Out(0)
			if err := c.text(name, args); err != nil {
				return nil, err
			}
			continue
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return nil, fmt.Errorf("%s of %s", name, t)
		}
		f, ok := t.FieldByName(name)
		if !ok || !f.IsExported() {
			return nil, fmt.Errorf("%s has no %s", t, name)
		}
		t = f.Type
	}
	return t, nil
}

// text checks the key of a text. Keys in templates are literal, so that this check sees them all.
func (c *checker) text(method string, args []parse.Node) error {
	if method != "T" && method != "Count" {
		return nil
	}
	if len(args) == 0 {
		return fmt.Errorf("%s without a key", method)
	}
	key, ok := args[0].(*parse.StringNode)
	if !ok || !c.texts.Has(key.Text) {
		return fmt.Errorf("no text %s", args[0])
	}
	c.used[key.Text] = true
	if counts := c.texts.Text("en", key.Text) == key.Text; counts != (method == "Count") {
		return fmt.Errorf("%s is not for %s", key, method)
	}
	return nil
}
