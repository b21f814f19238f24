package database

import (
	"net"
	"strconv"
	"time"
)

// transport says when one side of a connection notices that the other one is no longer there.
type transport struct {
	idle     time.Duration // how long it is silent before the first probe
	interval time.Duration // of probes
	count    int           // of probes without a response
	user     time.Duration // how long sent data may stay unacknowledged
}

var (
	// usualTransport notices within half a minute.
	usualTransport = transport{
		idle:     15 * time.Second,
		interval: 5 * time.Second,
		count:    3,
		user:     20 * time.Second,
	}
	// watchedTransport notices within seven seconds, which is less than a lease.
	watchedTransport = transport{
		idle:     3 * time.Second,
		interval: 2 * time.Second,
		count:    2,
		user:     6 * time.Second,
	}
)

// dialer returns what opens connections, on which this side notices it, also while nothing is sent.
func (t transport) dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     t.idle,
			Interval: t.interval,
			Count:    t.count,
		},
		Control: control(t.user),
	}
}

// settings returns those by which Postgres notices it.
func (t transport) settings() settings {
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
	return settings{
		{"tcp_keepalives_idle", seconds(t.idle)},
		{"tcp_keepalives_interval", seconds(t.interval)},
		{"tcp_keepalives_count", strconv.Itoa(t.count)},
		{"tcp_user_timeout", seconds(t.user) + "s"},
		{"client_connection_check_interval", "10s"},
	}
}
