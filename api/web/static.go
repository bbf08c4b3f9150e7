package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"

	"github.com/tizilim/tizilim/domain"
)

//go:embed static/*
var static embed.FS

// file is an embedded file that pages load.
type file struct {
	content []byte
	media   string
	etag    string
}

func loadStatic() (map[string]file, error) {
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, err
	}
	files := map[string]file{}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		files[e.Name()] = file{content, mediaOf(e.Name()), `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return files, nil
}

// mediaOf is the type of a file. That of scripts does not depend on what the machine has registered: browsers
// run them as nothing else.
func mediaOf(name string) string {
	if path.Ext(name) == ".js" {
		return "text/javascript; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func (s *Site) static(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.files[r.PathValue("file")]
	if !ok {
		return fmt.Errorf("file of the site: %w", domain.ErrNotFound)
	}
	w.Header().Set("ETag", f.etag)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", f.media)
	_, err := w.Write(f.content)
	return err
}
