package diagram

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/domain/regulation"
)

// measuring is the script of a page with drawings: it lists each text that leaves its drawing or the
// box that it stands in, as the browser itself measures them in each of the fonts.
const measuring = `
const found = [];
let texts = 0;
for (const family of ['', 'DejaVu Sans', 'Liberation Sans', 'Noto Sans', 'sans-serif']) {
  for (const svg of document.querySelectorAll('svg')) {
    if (family) svg.setAttribute('font-family', family);
    const page = svg.getBBox();
    for (const text of svg.querySelectorAll('text')) {
      texts++;
      const t = text.getBBox();
      const box = text.closest('g[data-box]') && text.parentNode.querySelector('rect');
      const b = box ? box.getBBox() : page;
      if (t.x < b.x || t.x + t.width > b.x + b.width || t.y < b.y - 1 || t.y + t.height > b.y + b.height + 1) {
        found.push(svg.parentNode.id + ' in ' + family + ': ' + text.textContent);
      }
    }
  }
}
const out = document.createElement('pre');
out.id = 'out';
out.textContent = JSON.stringify({texts, found});
document.body.replaceChildren(out);
`

// TestTextInBrowser measures the text of every drawing in a real browser: none leaves its box.
func TestTextInBrowser(t *testing.T) {
	chromium := tooltest.Program(t, "BROWSER", "how wide texts are in a browser", "chromium")
	var page bytes.Buffer
	page.WriteString(`<!doctype html><meta charset="utf-8"><body>`)
	every(t, func(t *testing.T, p *regulation.Procedure, lang string) {
		for i, path := range [][]Visit{nil, through(p)} {
			drawing := string(svg(t, p, Options{Lang: lang, Path: path}))
			drawing = drawing[strings.Index(drawing, "<svg"):]
			// A step is the group whose first shape is the box.
			drawing = strings.ReplaceAll(drawing, "</title>\n<rect", "</title>\n<rect data-box=''")
			fmt.Fprintf(&page, `<div id="%s %s %s %d">%s</div>`, html.EscapeString(p.Service.Slug), p.Channel, lang, i, drawing)
		}
	})
	marking := `for (const r of document.querySelectorAll('rect[data-box]')) r.parentNode.setAttribute('data-box', '');`
	fmt.Fprintf(&page, "<script>%s%s</script>", marking, measuring)
	got := dump(t, chromium, page.Bytes())
	if got.Texts < 29*3*2*5*30 {
		t.Errorf("only %d texts were measured", got.Texts)
	}
	for i, f := range got.Found {
		if i == 20 {
			t.Errorf("and %d more", len(got.Found)-i)
			break
		}
		t.Error(f)
	}
}

type measured struct {
	Texts int
	Found []string
}

// dump opens the page and reads what its script leaves.
func dump(t *testing.T, chromium string, page []byte) measured {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--timeout=60000", "--dump-dom", "file://"+file)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, complaints.Bytes())
	}
	_, text, ok := strings.Cut(string(out), `<pre id="out">`)
	text, _, closed := strings.Cut(text, "</pre>")
	if !ok || !closed {
		t.Fatalf("chromium gave no measures: %.500s\n%s", out, complaints.Bytes())
	}
	var got measured
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &got); err != nil {
		t.Fatal(err)
	}
	return got
}
