package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// adapter is all that the loads know of a service. A file in JSON describes one that is measured beside Millrace:
//
//	{"name": "other", "base": "http://127.0.0.1:8000", "submit": "/submit/", "body": "{\"A\": $A, \"B\": $B}",
//	 "id": "task_id", "show": "/status/{id}", "state": "status", "completed": "completed", "result": "/result/{id}",
//	 "processes": {"API": [123, 124], "worker": [125]}}
type adapter struct {
	Name      string           `json:"name"`
	Base      string           `json:"base"`      // address
	Submit    string           `json:"submit"`    // path that takes Body
	Body      string           `json:"body"`      // of a submission, with $A and $B for the operands
	ID        string           `json:"id"`        // member of the response
	Show      string           `json:"show"`      // path of the state
	State     string           `json:"state"`     // member of the response
	Completed string           `json:"completed"` // its value in the end
	Result    string           `json:"result"`    // path of the result
	Batch     string           `json:"batch"`     // path that takes many; empty: none
	Wait      bool             `json:"wait"`      // the service knows Prefer: wait
	Processes map[string][]int `json:"processes"` // ids by the part of the service
}

// millraceAdapter describes Millrace.
func millraceAdapter(name string) adapter {
	return adapter{
		Name:      name,
		Submit:    "/v1/multiplications",
		Body:      `{"a":{"values":$A},"b":{"values":$B}}`,
		ID:        "id",
		Show:      "/v1/multiplications/{id}",
		State:     "state",
		Completed: "completed",
		Result:    "/v1/multiplications/{id}/result",
		Batch:     "/v1/multiplications:batch",
		Wait:      true,
		Processes: map[string][]int{},
	}
}

// readAdapter reads the file of an adapter.
func readAdapter(path string) (adapter, error) {
	var a adapter
	text, err := os.ReadFile(path)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(text, &a)
}

// submissions returns a prepared request for each order.
func (a adapter) submissions(orders []order, prefer string) [][]byte {
	requests := make([][]byte, len(orders))
	for i, o := range orders {
		requests[i] = request(a.Base, "POST", a.Submit, prefer, o.body(a.Body))
	}
	return requests
}

// showing returns the request for the state of a submission.
func (a adapter) showing(id string) []byte {
	return request(a.Base, "GET", strings.ReplaceAll(a.Show, "{id}", id), "", nil)
}

// isCompleted asks for the state of a submission.
func (a adapter) isCompleted(c *connection, id string) (bool, error) {
	status, body, err := c.do(a.showing(id))
	if err != nil {
		return false, err
	}
	state := member(body, a.State)
	if status != 200 || bytes.Equal(state, []byte("failed")) {
		return false, fmt.Errorf("%s is %d, %.200q", id, status, body)
	}
	return string(state) == a.Completed, nil
}

// pollInterval is the time between two questions for the state of a submission that has no Prefer: wait.
const pollInterval = 5 * time.Millisecond

// await asks for the state of a submission until it is completed.
func (a adapter) await(c *connection, id string) error {
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if done, err := a.isCompleted(c, id); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s is not completed after %s", id, drainTimeout)
}

// verify reads the result of a submission, and compares it with that of its order.
func (a adapter) verify(c *connection, s submission, orders []order) error {
	path := strings.ReplaceAll(a.Result, "{id}", s.id)
	status, body, err := c.do(request(a.Base, "GET", path, "", nil))
	if err == nil && status != 200 {
		err = fmt.Errorf("status %d, %.200q", status, body)
	}
	if err == nil {
		err = orders[s.order].check(body)
	}
	if err != nil {
		return fmt.Errorf("the result of %s: %w", s.id, err)
	}
	return nil
}
