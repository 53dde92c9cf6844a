package auth

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/spokehub/spokehub/fanout"
)

const (
	// maxUser is the length of the longest name of a user.
	maxUser = 256
	// maxMoment is the end of the year 9999, in seconds since 1970: what lies behind it is a mistake, or meant to overflow.
	maxMoment = 253402300799
)

// identity is what the claims of a good token say.
func (v *verifier) identity(claims jwt.MapClaims) (fanout.Identity, error) {
	user, err := userOf(claims)
	if err != nil {
		return fanout.Identity{}, err
	}
	subscribe, err := readPatterns(claims, "subscribe")
	if err != nil {
		return fanout.Identity{}, err
	}
	publish, err := readPatterns(claims, "publish")
	if err != nil {
		return fanout.Identity{}, err
	}
	permissions, err := v.shared.permissions(subscribe, publish, v.grants)
	if err != nil {
		return fanout.Identity{}, err
	}
	expires, err := v.expiryOf(claims)
	if err != nil {
		return fanout.Identity{}, err
	}
	return fanout.Identity{User: user, Expires: expires, Permissions: permissions}, nil
}

func userOf(claims jwt.MapClaims) (string, error) {
	user, isString := claims["sub"].(string)
	switch {
	case !isString || user == "":
		return "", errors.New("the token has no user: the claim sub must be a string that is not empty")
	case len(user) > maxUser:
		return "", fmt.Errorf("the claim sub is longer than %d bytes", maxUser)
	case strings.ContainsFunc(user, unicode.IsControl):
		return "", errors.New("the claim sub has control characters")
	case !isText(user):
		return "", errors.New("the claim sub is not valid Unicode")
	}
	return user, nil
}

// readPatterns are the patterns of a claim, nil if it is not there.
func readPatterns(claims jwt.MapClaims, name string) ([]string, error) {
	claim, isThere := claims[name]
	if !isThere {
		return nil, nil
	}
	list, isList := claim.([]any)
	texts := make([]string, 0, len(list))
	for _, element := range list {
		text, isString := element.(string)
		if isString && !isText(text) {
			return nil, fmt.Errorf("the claim %s is not valid Unicode", name)
		}
		isList = isList && isString
		texts = append(texts, text)
	}
	if !isList {
		return nil, fmt.Errorf("the claim %s is not an array of strings", name)
	}
	return texts, nil
}

// isText says whether a claim had characters only. Package json makes one and the same of all bytes that are no UTF-8 and of all halves of
// surrogate pairs, so that different names would become equal.
func isText(claim string) bool { return !strings.ContainsRune(claim, utf8.RuneError) }

// checkTimes rejects what the parser, which turns the numbers into times, takes for other times than they are: those that overflow, and an
// exp of 0, which it takes for none.
func checkTimes(claims jwt.MapClaims) error {
	for _, name := range []string{"exp", "nbf"} {
		if seconds, isNumber := claims[name].(float64); isNumber && math.Abs(seconds) > maxMoment {
			return fmt.Errorf("the claim %s is out of range", name)
		}
	}
	if claims["exp"] == 0.0 {
		return explain(jwt.ErrTokenExpired)
	}
	return nil
}

// expiryOf is when the identity ends: at exp, or after the leeway if exp has just passed. Zero: never.
func (v *verifier) expiryOf(claims jwt.MapClaims) (time.Time, error) {
	exp, err := claims.GetExpirationTime()
	if err != nil {
		return time.Time{}, errors.New("the claim exp is not a number")
	}
	if exp == nil {
		return time.Time{}, nil
	}
	if exp.After(v.now()) {
		return exp.Time, nil
	}
	return exp.Add(v.leeway), nil
}
