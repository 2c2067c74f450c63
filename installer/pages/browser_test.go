package pages

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// One chromium serves all tests, each in a browser context of its own: cookies and
// caches are not shared.
var (
	starting     sync.Once
	browserCtx   context.Context
	closeBrowser = func() {}
	browserErr   error
)

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

func needBrowser(t *testing.T) {
	t.Helper()
	path := chromium()
	if path == "" && os.Getenv("CI") == "true" {
		t.Fatal("no chromium on this machine; with CI=true there must be one")
	}
	if path == "" {
		t.Skip("no chromium on this machine: the pages are not looked at in a browser")
	}
	starting.Do(func() {
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("lang", "zh-CN"), chromedp.Env("LANGUAGE=zh_CN"))
		ctx, stop1 := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop2 := chromedp.NewContext(ctx)
		closeBrowser = func() { stop2(); stop1() }
		browserCtx, browserErr = ctx, chromedp.Do(ctx)
	})
	if browserErr != nil {
		t.Fatal(browserErr)
	}
}

// patience is how long one step of a person may take.
const patience = 30 * time.Second

// tab is one window of a browser.
type tab struct {
	ctx  context.Context
	t    *testing.T
	page string

	mu         sync.Mutex
	complaints []string // of the browser
}

// newTab is a window of a browser that has never been here.
func newTab(t *testing.T, page string) *tab {
	t.Helper()
	needBrowser(t)
	return openTab(t, page, browserCtx, chromedp.WithNewBrowserContext())
}

func (b *tab) sibling(t *testing.T) *tab {
	t.Helper()
	return openTab(t, b.page, b.ctx)
}

func openTab(t *testing.T, page string, from context.Context, more ...chromedp.ContextOption) *tab {
	t.Helper()
	b := &tab{t: t, page: page}
	ctx, cancel := chromedp.NewContext(from, append(more, chromedp.WithListener(b.hear))...)
	t.Cleanup(cancel)
	b.ctx = ctx
	// The window lives as long as the context of its first step.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b.do("open a window", chromedp.EmulateViewport(sizes[0][0], sizes[0][1]))
	return b
}

// hear notes what the browser complains about. That a form was refused, or that an
// agent which was killed does not answer, is no complaint.
func (b *tab) hear(ev any) {
	said := ""
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			said += " " + x.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError || e.Entry.Source == log.EntrySourceNetwork && !strings.Contains(e.Entry.URL, "/static/") {
			return
		}
		said = fmt.Sprintf("%s %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	default:
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, said)
}

func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
}

func run[T any](b *tab, what string, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
	return v
}

// where tells which page is there, for a test that goes wrong.
func (b *tab) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.querySelector("main") || document.body).innerText.slice(0, 600)`))
	if err != nil {
		return err.Error()
	}
	return s
}

// Go opens a path of the agent.
func (b *tab) Go(path string) {
	b.t.Helper()
	b.do("go to "+path, chromedp.Navigate(b.page+path))
}

// Path is where the window is.
func (b *tab) Path() string {
	b.t.Helper()
	return Eval[string](b, `location.pathname + location.search`)
}

// See waits until something can be seen.
func (b *tab) See(sel string) {
	b.t.Helper()
	b.do("see "+sel, chromedp.WaitVisible(sel))
}

// Click clicks on something, which leads to no other page.
func (b *tab) Click(sel string) {
	b.t.Helper()
	b.do("click "+sel, chromedp.Click(sel))
}

// Follow clicks on something that leads to another page, and waits for it.
func (b *tab) Follow(sel string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(sel)); err != nil {
		b.t.Fatalf("follow %s: %v\n%s", sel, err, b.where())
	}
}

// Submit sends a form by its main button and waits for the page that answers.
func (b *tab) Submit(form string) {
	b.t.Helper()
	b.Follow(form + " button.yes")
}

// Type puts a text into a field in place of what is there.
func (b *tab) Type(sel, text string) {
	b.t.Helper()
	Eval[bool](b, fmt.Sprintf(`(e => { e.focus(); if (e.select && e.type !== "date") e.select(); return true })(document.querySelector(%q))`, sel))
	if Eval[string](b, fmt.Sprintf(`document.querySelector(%q).type`, sel)) == "date" {
		// What keys a date takes depends on the browser's language.
		Eval[bool](b, fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); return true })(document.querySelector(%q))`, text, sel))
		return
	}
	if text == "" {
		b.Press("\b")
		return
	}
	// Whole words at once, as an input method gives them.
	call(b, "type into "+sel, input.InsertText, input.InsertTextParams{Text: text})
}

// Choose picks a value of a select.
func (b *tab) Choose(sel, value string) {
	b.t.Helper()
	if !Eval[bool](b, fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); return e.value === %q })(document.querySelector(%q))`, value, value, sel)) {
		b.t.Fatalf("%s cannot be %q\n%s", sel, value, b.where())
	}
}

// Press presses keys one after the other, wherever the cursor is.
func (b *tab) Press(keys string) {
	b.t.Helper()
	b.do("press "+keys, chromedp.KeyEvent(keys))
}

// PressIME presses a key as a browser tells of it while an input method is at work:
// the key is "Process", only where it lies on the keyboard is known.
func (b *tab) PressIME(code string) {
	b.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		call(b, "press "+code, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "Process", Code: code, WindowsVirtualKeyCode: 229})
	}
}

// Text is what something says.
func (b *tab) Text(sel string) string {
	b.t.Helper()
	return run(b, "read "+sel, chromedp.Text(sel))
}

// Says reports whether the page's text holds some words.
func (b *tab) Says(words string) bool {
	b.t.Helper()
	return strings.Contains(Eval[string](b, `document.querySelector("main").innerText`), words)
}

// Has reports whether something is in the page.
func (b *tab) Has(sel string) bool {
	b.t.Helper()
	return Eval[bool](b, fmt.Sprintf(`!!document.querySelector(%q)`, sel))
}

// Value is what stands in a field.
func (b *tab) Value(sel string) string {
	b.t.Helper()
	return Eval[string](b, fmt.Sprintf(`document.querySelector(%q).value`, sel))
}

// Wait waits until an expression of the page is true.
func (b *tab) Wait(expression string) {
	b.t.Helper()
	run(b, "wait for "+expression, chromedp.Poll[bool](expression))
}

// Eval is the value of an expression in the page.
func Eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return run(b, expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// call sends the browser a command of its own protocol.
func call[P, R any](b *tab, what string, c cdp.Command[P, R], params P) (r R) {
	b.t.Helper()
	b.do(what, chromedp.Func(func(ctx context.Context, t *chromedp.Target) (err error) {
		r, err = cdp.Call(ctx, t, c, params)
		return err
	}))
	return r
}

// dark is how a browser on a dark desktop asks for pages.
func (b *tab) dark(on bool) {
	b.t.Helper()
	mode := "light"
	if on {
		mode = "dark"
	}
	call(b, "emulate "+mode, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: mode}}})
}
