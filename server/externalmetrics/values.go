package externalmetrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// queueLabel is the label by which the values of the metric differ.
const queueLabel = "queue"

// valueList is an ExternalMetricValueList of Kubernetes.
type valueList struct {
	Kind       string   `json:"kind"`
	APIVersion string   `json:"apiVersion"`
	Metadata   struct{} `json:"metadata"`
	Items      []value  `json:"items"`
}

// value is an ExternalMetricValue of Kubernetes.
type value struct {
	MetricName   string            `json:"metricName"`
	MetricLabels map[string]string `json:"metricLabels"`
	Timestamp    time.Time         `json:"timestamp"`
	Value        string            `json:"value"`
}

// errUnknown is what an HPA is told when the depths cannot be read: it then leaves the number of pods as it is. A zero
// would have it stop workers that are needed. The log says why.
var errUnknown = errors.New("the depth of the queues cannot be read, see the log of the API")

// values returns the depths of the queues that a request asks for.
func (s *Server) values(ctx context.Context, a asked, query url.Values) (document, error) {
	if a.namespace != s.namespace {
		return document{}, notFound("the metrics of this namespace are not here: the server has those of %s", s.namespace)
	}
	if a.metric != metricName {
		return document{}, notFound("there is no such metric, only %s", metricName)
	}
	wanted, err := parseSelector(query.Get("labelSelector"))
	if err != nil {
		return document{}, &refusal{
			code:   http.StatusBadRequest,
			reason: "BadRequest",
			text:   err.Error(),
		}
	}
	found, err := s.depths.fresh(ctx)
	if err != nil {
		return document{}, errUnknown
	}
	list := valueList{
		Kind:       "ExternalMetricValueList",
		APIVersion: groupVersion,
		Items:      []value{},
	}
	for _, d := range found.Queues {
		labels := map[string]string{queueLabel: d.Queue}
		if wanted.matches(labels) {
			list.Items = append(list.Items, value{
				MetricName:   metricName,
				MetricLabels: labels,
				Timestamp:    found.At.UTC().Truncate(time.Second), // Kubernetes' times have no fractions
				Value:        strconv.FormatInt(d.Depth, 10),
			})
		}
	}
	text, err := json.Marshal(list)
	return document{text: text}, err
}
