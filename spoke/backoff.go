package spoke

import (
	"math/rand/v2"
	"time"
)

// growth is how far above MinDelay the first delay may lie, as a factor. It spreads the clients of a hub that died without a
// word over 1.5 s with the default MinDelay.
const growth = 4

// backoff returns the delay ahead of an attempt, the first being 0: full jitter, from least up to a ceiling that doubles with
// each attempt until it is most. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func backoff(attempt int, least, most time.Duration) time.Duration {
	ceiling := most
	if attempt < 32 {
		if c := least * growth << attempt; c>>attempt == least*growth && c < most {
			ceiling = c
		}
	}
	return least + rand.N(ceiling-least+1)
}
