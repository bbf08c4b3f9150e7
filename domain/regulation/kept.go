package regulation

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/tizilim/tizilim/domain"
)

// Files of acts change: a licensor corrects one, or a later act words a service anew. An application
// stays on the wording that it was opened under, so every wording that was ever in use is kept as the
// file it was, under the name that KeptName gives.

// KeptName is the name of the file that keeps the act in its present wording.
func (a *Act) KeptName() string { return a.Name() + ".yaml" }

// Name names the act in just this wording.
func (a *Act) Name() string { return a.ID + "." + a.Wording }

// Named is the service in the act of the name, which is an act's id, for its present wording, or a Name.
// domain.ErrNotFound where there is none.
func (c *Catalog) Named(name, slug string) (*Service, error) {
	id, wording, _ := strings.Cut(name, ".")
	if c.act(id, wording) == nil {
		return nil, fmt.Errorf("act %q: %w", name, domain.ErrNotFound)
	}
	return c.Wording(id, wording, slug)
}

// Remember lets Wording find the wordings that are kept in the file system too. It belongs to the
// loading of a catalog, before anybody uses it. The error joins the problems of files that are not what
// their names say or cannot be read any more; all others are remembered. Nothing else is checked: the
// name holds a digest of the content, which was sound by the checks of the day on which it came into use.
func (c *Catalog) Remember(kept fs.FS) error {
	names, err := fs.Glob(kept, "*.yaml")
	if err != nil {
		return fmt.Errorf("kept acts: %w", err)
	}
	c.kept = map[string]*Act{}
	for _, a := range c.Acts {
		c.kept[a.KeptName()] = a // its file needs no second reading
	}
	var problems []error
	for _, name := range names {
		if c.kept[name] != nil {
			continue
		}
		src, err := read(kept, name)
		if err == nil && src.act.KeptName() != path.Base(name) {
			err = src.at().problem("holds %s: the file was changed since it was kept", src.act.KeptName())
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		link(src.act)
		c.kept[src.act.KeptName()] = src.act
	}
	return errors.Join(problems...)
}

// act is the act in the wording; in its present one where the wording is empty.
func (c *Catalog) act(id, wording string) *Act {
	for _, a := range c.Acts {
		if a.ID == id && (wording == "" || a.Wording == wording) {
			return a
		}
	}
	return c.kept[(&Act{ID: id, Wording: wording}).KeptName()]
}
