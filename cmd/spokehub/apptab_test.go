package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// appTab is a tab with a page of an application, whose script the test calls.
type appTab struct{ *tab }

// run has the page's script evaluate an expression, and waits for its promise.
func (a appTab) run(t *testing.T, format string, arguments ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	expression := fmt.Sprintf(format, arguments...)
	got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => String(await "+expression+"))()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// expect has the page's script evaluate an expression, and compares.
func (a appTab) expect(t *testing.T, want, format string, arguments ...any) {
	t.Helper()
	if got := a.run(t, format, arguments...); got != want {
		t.Fatalf("%s: got %s, want %s", fmt.Sprintf(format, arguments...), got, want)
	}
}
