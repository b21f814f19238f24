package resource

import "strings"

// MaxMessage is the length of the longest failure or error message in a resource, in bytes.
const MaxMessage = 4096

// Bounded cuts a message to the length that the API allows. A blank message becomes "unknown error".
func Bounded(message string) string {
	if strings.TrimSpace(message) == "" {
		return "unknown error"
	}
	if len(message) > MaxMessage {
		return strings.ToValidUTF8(message[:MaxMessage], "")
	}
	return message
}
