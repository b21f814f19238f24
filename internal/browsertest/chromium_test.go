package browsertest_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// findChromium returns the path of the browser. If there is none, the test is skipped; in CI, it fails.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("Chromium is not installed")
	}
	t.Skip("Chromium is not installed")
	return ""
}

// tab is a page in a Chromium that can reach this machine only.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // the browser is the context
	// expected are parts of messages that do not fail the test.
	expected []string

	mutex    sync.Mutex
	messages []string
}

// open starts a browser with an empty profile. At its end, the test fails for each of these that is not expected:
//   - a request to another host,
//   - an error on the console,
//   - a violation of a content security policy.
func open(t *testing.T, expected ...string) *tab {
	t.Helper()
	return openWith(t, "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", expected...)
}

// openWith is open in a browser that resolves names by rules.
func openWith(t *testing.T, rules string, expected ...string) *tab {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(findChromium(t)),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", rules),
		chromedp.WindowSize(1280, 800),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	b := &tab{t: t, expected: expected}
	// The test's context ends before its clean-up, which closes the browser.
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		closing, cancelClosing := context.WithTimeout(ctx, testTimeout)
		defer cancelClosing()
		if err := chromedp.Cancel(closing); err != nil {
			t.Errorf("closing the browser: %v", err)
		}
		cancel()
		free()
		b.expectNoMessages()
	})
	// The first call starts the browser, which lives as long as its context.
	if _, err := chromedp.Call(ctx, audits.Enable, cdp.Empty{}); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	for _, domain := range []cdp.Command[cdp.Empty, cdp.Empty]{log.Enable, runtime.Enable} {
		if _, err := chromedp.Call(ctx, domain, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// listen collects the messages that fail the test.
func (b *tab) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme != "data" && u.Scheme != "blob" && u.Hostname() != "127.0.0.1" {
			b.note("a request to " + e.Request.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, arg := range e.Args {
				words = append(words, string(arg.Value), arg.Description)
			}
			b.note("console: " + strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		message := "exception: " + e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			message += " " + thrown.Description
		}
		b.note(message)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.note("log: " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			b.note("policy: " + d.ViolatedDirective + " " + string(d.ContentSecurityPolicyViolationType) + " " + d.BlockedURL)
		}
	}
}

func (b *tab) note(message string) {
	if slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(message, part) }) {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.messages = append(b.messages, message)
}

func (b *tab) expectNoMessages() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, message := range b.messages {
		b.t.Error(message)
	}
}

// run takes steps in the browser.
func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, testTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v; on the page: %.2000s", err, b.text("body"))
	}
}

// open shows a page.
func (b *tab) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url))
}

// click waits until the first element that matches a CSS selector or an XPath is visible, and clicks on it.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.run(chromedp.WaitVisible(selector), chromedp.ScrollIntoView(selector), chromedp.Click(selector))
}

// presses has a key pressed where the focus is.
func (b *tab) presses(key string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(key))
}

// tabTo moves the focus to the first element that matches a CSS selector, as people without a mouse do. It must be
// where Tab leads, and show that it has the focus.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	const most = 100 // elements of a page
	b.sees(`document.querySelector("` + selector + `")?.checkVisibility()`)
	for range most {
		b.presses(kb.Tab)
		if evaluate[bool](b, `document.activeElement === document.querySelector("`+selector+`")`) {
			if !evaluate[bool](b, `document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
				b.t.Errorf("%s does not show that it has the focus", selector)
			}
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %s; on the page: %.2000s", selector, b.text("body"))
}

// sees waits until a JavaScript condition holds on the page. It polls from outside, because a script in the page is
// subject to the policy of the page and ends with it.
func (b *tab) sees(condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(testTimeout); ; time.Sleep(50 * time.Millisecond) {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if holds {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not within %v: %s, %v; on the page: %.2000s", testTimeout, condition, err, b.text("body"))
		}
	}
}

// evaluate returns the value of an expression.
func evaluate[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text returns the text of the first element that matches a CSS selector, or "".
func (b *tab) text(selector string) string {
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.querySelector("`+selector+`")?.innerText ?? ""`))
	return text
}
