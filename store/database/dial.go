package database

import (
	"net"
	"time"
)

// userTimeout is how long sent data may stay unacknowledged before a connection counts as broken.
const userTimeout = 20 * time.Second

// dialer returns what opens connections. They notice within half a minute that the other side is no longer there, also
// while nothing is sent.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     15 * time.Second,
			Interval: 5 * time.Second,
			Count:    3,
		},
		Control: control,
	}
}
