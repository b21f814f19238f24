package resource

// Limits are the quotas of a tenant.
type Limits struct {
	StoredBytes   Quota        `json:"stored_bytes" doc:"Bytes of the tenant's matrices. Those of inline multiplications are not counted, nor random ones"`
	QueuedSeconds Quota        `json:"queued_seconds" doc:"Seconds of a core that the unfinished multiplications of the tenant are taken to need"`
	Requests      RequestQuota `json:"requests_per_second" doc:"Requests in a second"`
}

// Quota is a limit, and how much of it is used.
type Quota struct {
	Used  float64  `json:"used" minimum:"0"`
	Limit *float64 `json:"limit,omitempty" minimum:"0" doc:"Absent if there is none"`
}

// RequestQuota is a limit of requests.
type RequestQuota struct {
	Limit *float64 `json:"limit,omitempty" minimum:"0" doc:"Absent if there is none"`
}
