package brokertest

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// patience is how long a test waits for what has to come.
var patience = time.Minute

// Config says what is under test, and where an engine differs from others as it may.
type Config struct {
	// Engines makes n engines of one cluster that has no others, and whose streams are empty. It does not start them: the test starts and closes them.
	// Each call makes another cluster; they may share a server, with different prefixes. What else it begins is for a cleanup of t.
	Engines func(t *testing.T, n int) []broker.Broker
	// Neighbours makes an engine each of two clusters that share a server. Nil leaves out that they don't hear one another.
	Neighbours func(t *testing.T) (one, other broker.Broker)
	// Large is the length in bytes of a message that the engine has to take, 0 for 512 KiB.
	Large int
	// TooLong is the length in bytes of a message that is ErrTooLong, 0 to leave out what is said of it.
	TooLong int
	// Slack is how many events more than History.Events the engine may keep, 0 if it keeps exactly those.
	Slack int
	// OldStay is for engines that do not trim by History.Age while a stream is appended to. It leaves out the test that they do.
	OldStay bool
}

// Run runs every test.
func Run(t *testing.T, c Config) {
	if c.Large == 0 {
		c.Large = 512 << 10
	}
	for _, promise := range promises {
		t.Run(promise.name, func(t *testing.T) { promise.test(t, c) })
	}
}

// promises are the tests, by the promise that they hold the engine to.
var promises = []struct {
	name string
	test func(*testing.T, Config)
}{
	{"ASubscriptionIsInForceOnReturn", aSubscriptionIsInForceOnReturn},
	{"MessagesOfAKeyKeepTheirOrder", messagesOfAKeyKeepTheirOrder},
	{"APublisherHearsItself", aPublisherHearsItself},
	{"TypesAndIDsGetWhatTheyAskFor", typesAndIDsGetWhatTheyAskFor},
	{"ControlMessagesSayTheirName", controlMessagesSayTheirName},
	{"KindsAreKeptApart", kindsAreKeptApart},
	{"UnsubscribeEndsASubscription", unsubscribeEndsASubscription},
	{"SubscribingTwiceIsSubscribingOnce", subscribingTwiceIsSubscribingOnce},
	{"ManyKeysInOneCall", manyKeysInOneCall},
	{"EmptyBatchesDoNothing", emptyBatchesDoNothing},
	{"AnyNameIsAKey", anyNameIsAKey},
	{"AnyNameHasAStream", anyNameHasAStream},
	{"MessagesPassUnchanged", messagesPassUnchanged},
	{"LargeMessagesPass", largeMessagesPass},
	{"AMessageTooLongHarmsNoOther", aMessageTooLongHarmsNoOther},
	{"LongestIsWhatPasses", longestIsWhatPasses},
	{"BytesAreNotKept", bytesAreNotKept},
	{"OffsetsAreDenseFromOne", offsetsAreDenseFromOne},
	{"AllSeeOneOrder", allSeeOneOrder},
	{"AStreamBeginsUnderItsSubscribers", aStreamBeginsUnderItsSubscribers},
	{"AKeyAppendsOnce", aKeyAppendsOnce},
	{"AKeyAppendsOnceByWhomever", aKeyAppendsOnceByWhomever},
	{"EventsTrimsTheOldest", eventsTrimsTheOldest},
	{"BytesTrimsTheOldest", bytesTrimsTheOldest},
	{"AgeTrimsTheOldest", ageTrimsTheOldest},
	{"TheNewestOfEachIDSurvives", theNewestOfEachIDSurvives},
	{"BytesTrimsTheOldestSurvivors", bytesTrimsTheOldestSurvivors},
	{"APageIsWhatWasAskedFor", aPageIsWhatWasAskedFor},
	{"PagesOfAnEmptyStream", pagesOfAnEmptyStream},
	{"PagesOfATrimmedStream", pagesOfATrimmedStream},
	{"TopsSayWhereStreamsAre", topsSayWhereStreamsAre},
	{"AnEndedContextEndsCalls", anEndedContextEndsCalls},
	{"AClosedEngineSaysSo", aClosedEngineSaysSo},
	{"ClosingEndsTheSinksCalls", closingEndsTheSinksCalls},
	{"CloseBeforeStart", closeBeforeStart},
	{"NeighboursHearNothing", neighboursHearNothing},
	{"AllMethodsAtOnce", allMethodsAtOnce},
}
