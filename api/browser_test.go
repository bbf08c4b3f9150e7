package api_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tizilim/tizilim/adapters/tooltest"
	"github.com/tizilim/tizilim/api/v1"
)

// browser starts Chromium.
func browser(t *testing.T, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path := tooltest.Program(t, "BROWSER", "the pages in a real browser", "chromium", "chromium-browser", "google-chrome", "chrome")
	bounded, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(bounded, chromedp.WithAllocatorOptions(append(options,
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)...))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("close the browser:", err)
		}
		end()
	})
	// The browser lives as long as the context that it was first used with.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// complaints gathers what the browser says against the pages: blocked styles, failed loads.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) listen(ctx context.Context) error {
	return chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*log.EventEntryAdded); ok && e.Entry.Level == "error" {
			c.mu.Lock()
			c.list = append(c.list, e.Entry.Text+" "+e.Entry.URL)
			c.mu.Unlock()
		}
	})
}

func TestInBrowser(t *testing.T) {
	ctx := browser(t)
	w := newWorld(t)
	number := w.issued("company", "commodity-broker-license", company, "officer").Result
	w.issued("person", "import-export-license", person, "officer")
	w.call("officer", "POST", "/api/v1/licenses/"+number+"/suspension", v1.Suspend{From: "2026-11-24", Until: "2026-12-24", Reason: "тексеру"}).want(200)
	w.open("company", "commodity-dealer-license", "portal", company)
	examined := w.examined("person", "private-bailiff-license", person)
	w.clock.pass(time.Hour)
	var said complaints
	if err := said.listen(ctx); err != nil {
		t.Fatal(err)
	}
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}

	// By keyboard alone: the first stop is the skip link, and the search works with Enter.
	do(chromedp.Navigate(w.url+"/?lang=kk"), chromedp.KeyEvent(kb.Tab))
	if focused := script[string](t, ctx, `document.activeElement.className`); focused != "skip" {
		t.Errorf("the first stop is %q", focused)
	}
	link := chromedp.CSS(`a[href="/licenses/` + number + `"]`)
	do(chromedp.SendKeys(chromedp.CSS("#q"), "жар"+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#q[value]:not([value=''])")),
		chromedp.WaitVisible(link), chromedp.Click(link), chromedp.WaitVisible(chromedp.CSS("#history")))
	if title, status := script[string](t, ctx, `document.querySelector("h1").innerText`), script[string](t, ctx, `document.querySelector(".standing").innerText`); title != number+" лицензиясы" || status != "қолданылуы тоқтатыла тұрған" {
		t.Errorf("title %q, status %q", title, status)
	}
	// Another language of the same page, which is remembered.
	do(chromedp.Click(chromedp.CSS(`.languages a[lang="ru"]`)), chromedp.WaitReady(chromedp.CSS(`html[lang="ru"] #history`)),
		chromedp.Click(chromedp.CSS(`nav.main a[href="/deadlines"]`)), chromedp.WaitVisible(chromedp.CSS(`html[lang="ru"] table.figures`)))

	// A step of the drawing leads to its row of the table.
	step := chromedp.CSS(`.drawing a[href="#step-3"]`)
	do(chromedp.Navigate(w.url+"/services/casino-license/portal"), chromedp.WaitVisible(step), chromedp.Click(step), chromedp.WaitVisible(chromedp.CSS("tr:target")))
	if row, top := script[string](t, ctx, `document.querySelector(":target").id`), script[float64](t, ctx, `document.querySelector(":target").getBoundingClientRect().top`); row != "step-3" || top < 0 || top > 700 {
		t.Errorf("the step leads to %q, at %v", row, top)
	}

	widths := []int64{320, 390, 1280}
	if testing.Short() {
		widths = []int64{320}
	}
	for _, path := range []string{"/", "/?q=" + company, "/?q=850312300129", "/licenses/" + number, "/deadlines", "/calendar?from=2026-04-24T19:10&days=15&year=2026", "/calendar?from=2013-04-26&days=x", "/login", "/no-such-page",
		"/services", "/services/import-permit", "/services/import-permit/portal", "/services/scrap-metal-license/office", "/services/trunk-pipeline-license/center"} {
		for _, lang := range []string{"kk", "ru", "en"} {
			for _, width := range widths {
				w.look(t, ctx, path, lang, width)
			}
		}
	}
	// A head logs in, and gets from a figure to its list, and from there to an application.
	overdue := chromedp.CSS(`.summary a[href*="outcome=overdue"]`)
	do(chromedp.Navigate(w.url+"/deadlines/visits?outcome=late&lang=ru"), chromedp.SendKeys(chromedp.CSS("#login"), "head"), chromedp.SendKeys(chromedp.CSS("#password"), password+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#list")),
		chromedp.Click(chromedp.CSS(".up a")), chromedp.WaitVisible(overdue), chromedp.Click(overdue),
		chromedp.Click(chromedp.CSS(`.visits a[href^="/applications/"]`)), chromedp.WaitVisible(chromedp.CSS("#history")))
	if got := script[string](t, ctx, `document.querySelector(".mark-overdue").innerText`); got != "просрочено" {
		t.Errorf("the application says %q", got)
	}
	do(chromedp.Navigate(w.url+"/login"), chromedp.Click(chromedp.CSS(".viewer button")), chromedp.WaitVisible(chromedp.CSS(`p.viewer a`)),
		chromedp.Navigate(w.url+"/login"), chromedp.SendKeys(chromedp.CSS("#login"), "auditor"), chromedp.SendKeys(chromedp.CSS("#password"), password+kb.Enter), chromedp.WaitVisible(chromedp.CSS("form.viewer")))
	for _, path := range []string{"/deadlines", "/deadlines?by=week&as_of=2026-11-24", "/deadlines/visits", "/deadlines/visits?service=private-bailiff-license&channel=portal&step=0", "/deadlines/visits?step=x", "/applications/" + examined.ID, "/account"} {
		for _, lang := range []string{"kk", "ru", "en"} {
			for _, width := range widths {
				w.look(t, ctx, path, lang, width)
			}
		}
	}
	for _, c := range said.list {
		if !strings.Contains(c, "404") && !strings.Contains(c, "422") { // the pages that are errors
			t.Errorf("the browser complains: %s", c)
		}
	}
}

// look opens a page at a width and checks what is to hold on all of them.
func (w *world) look(t *testing.T, ctx context.Context, path, lang string, width int64) {
	t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(w.url+path+sep+"lang="+lang))
	if err != nil {
		t.Fatal(err)
	}
	wide := script[bool](t, ctx, `document.documentElement.scrollWidth > innerWidth`)
	unlabeled := script[[]string](t, ctx, `[...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(e => e.labels.length != 1).map(e => e.name)`)
	headless := script[[]string](t, ctx, `[...document.querySelectorAll("th")].filter(e => !e.scope).map(e => e.innerText)`)
	clipped := script[[]string](t, ctx, `[...document.querySelectorAll("h1,h2,p,td,th,dd,dt,button,label,li")].filter(e => e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1).map(e => e.tagName + " " + e.innerText)`)
	twins := script[[]string](t, ctx, `(names => names.filter((n, i) => names.indexOf(n) != i))([...document.querySelectorAll("nav,section[aria-labelledby],[role=region]")].map(e => (e.tagName == "NAV" ? "nav " : "region ") + (e.getAttribute("aria-label") || e.getAttribute("aria-labelledby").split(" ").map(id => document.getElementById(id).innerText).join(" "))))`)
	if len(twins) > 0 {
		t.Errorf("%s in %s: landmarks of one name: %q", path, lang, twins)
	}
	if wide || len(unlabeled)+len(headless)+len(clipped) > 0 {
		t.Errorf("%s in %s, %d wide: scrolls sideways %t, without label %v, headers without scope %v, clipped %q", path, lang, width, wide, unlabeled, headless, clipped)
	}
	if path == "/deadlines" && width == 1280 && script[bool](t, ctx, `[...document.querySelectorAll(".scroll")].some(e => e.scrollWidth > e.clientWidth)`) {
		t.Errorf("%s in %s: a table is wider than the page", path, lang)
	}
	if dir := os.Getenv("TIZILIM_SCREENSHOTS"); dir != "" {
		w.shoot(t, ctx, filepath.Join(dir, strings.NewReplacer("/", "_", "?", "_").Replace(path)+"-"+lang), width)
	}
}

// script is what a script in the page says.
func script[T any](t *testing.T, ctx context.Context, source string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](source))
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return v
}

// shoot keeps a picture of the page, for people to look at.
func (w *world) shoot(t *testing.T, ctx context.Context, name string, width int64) {
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name+"-"+map[bool]string{true: "phone", false: "wide"}[width < 500]+".png", picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
