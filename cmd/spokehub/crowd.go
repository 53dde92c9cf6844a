package main

import (
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// crowdSize is how many requests are served at a time before each further one has to wait.
	crowdSize = 16
	// crowdPause is how long a request waits for each one by which the crowd is too large, maxCrowdPause the longest wait.
	crowdPause    = 200 * time.Microsecond
	maxCrowdPause = 30 * time.Millisecond
)

// crowd keeps requests that come one behind the other on many connections from taking the processors away from the reactors:
// a goroutine that always finds its next request runs until the scheduler stops it, 10 ms later. In a crowd each request
// waits a moment, less than a health check allows for. Any goroutine may use it.
type crowd struct {
	serving atomic.Int64
}

// pace serves requests through next.
func (c *crowd) pace(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serving := c.serving.Add(1)
		defer c.serving.Add(-1)
		if tooMany := serving - crowdSize; tooMany > 0 {
			time.Sleep(min(time.Duration(tooMany)*crowdPause, maxCrowdPause))
		}
		next.ServeHTTP(w, r)
	})
}
