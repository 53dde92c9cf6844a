package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestsInACrowdWait serves many requests at once, in fake time, and looks at how long the last of them took.
func TestRequestsInACrowdWait(t *testing.T) {
	for name, test := range map[string]struct {
		requests int
		longest  time.Duration
	}{
		"a few do not wait":                   {crowdSize, 0},
		"one too many waits a step":           {crowdSize + 1, crowdPause},
		"fifty too many wait up to 50 steps":  {crowdSize + 50, 50 * crowdPause},
		"a thousand wait no longer than that": {1000, maxCrowdPause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c crowd
				held := make(chan struct{})
				handler := c.pace(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
				var served sync.WaitGroup
				began := time.Now()
				for range test.requests {
					served.Go(func() {
						handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
					})
				}
				synctest.Wait()
				close(held)
				served.Wait()
				if got := time.Since(began); got != test.longest {
					t.Errorf("%d requests: the last was served after %v, want %v", test.requests, got, test.longest)
				}
				if left := c.serving.Load(); left != 0 {
					t.Errorf("%d requests are still counted", left)
				}
			})
		})
	}
}
